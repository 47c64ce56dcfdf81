package main

import (
	"slices"
)

// configKey is a setting: a key of the config file, a flag of run and a variable of
// the environment, all of the same name. Its type and its check are the flag's.
type configKey struct {
	name     string
	example  string // a value, as the config file has it
	fallback string // what holds where it is not set
	live     bool   // passeur reload takes it over
	path     bool   // of a file or folder; in the config file, seen from its folder
	about    string // whole sentences
}

// configKeys are all of them, in the order in which the documentation has them.
var configKeys = []configKey{
	{name: "name", example: `"laptop"`, fallback: "the name used before, or the machine's",
		about: "What this device calls itself to contacts, at most 64 bytes."},
	{name: "role", example: `"dht"`, fallback: "none: an ordinary node",
		about: "dht makes this a bootstrap node for everyone: it answers the DHT and keeps inboxes, and takes no files. It then listens on port 4001, and does without multicast DNS and port forwarding, unless these are set."},
	{name: "listen", example: `"0.0.0.0:4001"`, fallback: "every address, a free port",
		about: "HOST:PORT to listen on. A loopback HOST keeps everything on this machine."},
	{name: "bootstrap", example: `["/dns4/dht.example.org/tcp/4001/p2p/12D3KooWGRUacYx2YZCzCTMyhkgBXfxzxFHSvNYGmqPRDRyn7wXE"]`, fallback: "only nodes of the local network",
		about: "Multiaddrs, each ending in /p2p/ID, of nodes by which to join the DHT."},
	{name: "dht", example: `"client"`, fallback: "server",
		about: "server answers others' questions on the DHT and keeps inboxes, client only asks."},
	{name: "mdns", example: `"off"`, fallback: "on",
		about: "Find nodes on the local network by multicast DNS."},
	{name: "stun", example: `["stun.example.org:3478"]`, fallback: "none",
		about: "HOST:PORT of STUN servers, asked over TCP for this node's public address. Two tell the kind of NAT."},
	{name: "portmap", example: `"off"`, fallback: "on",
		about: "Have the router forward a port (UPnP-IGD, NAT-PMP, PCP)."},
	{name: "accept", example: `"contacts"`, fallback: "ask", live: true,
		about: "What happens to a file that no [[rule]] fits: ask leaves it waiting, contacts takes what contacts send."},
	{name: "downloads", example: `"/srv/files"`, fallback: "received in the home", live: true, path: true,
		about: "Folder for files that are accepted without a path."},
	{name: "reserve", example: `"2G"`, fallback: "256Mi", live: true,
		about: "How many bytes are kept free on the disk that a file goes to. What would leave less is not accepted. none keeps nothing."},
	{name: "limit-up", example: `"5M"`, fallback: "as passeur limit set it", live: true,
		about: "The most that all files together may take from here, in bytes a second; none is no limit. passeur limit changes it until the next start or reload."},
	{name: "limit-down", example: `"none"`, fallback: "as passeur limit set it", live: true,
		about: "The most that all files together may bring here, in bytes a second."},
	{name: "audit", example: `"audit.log"`, fallback: "none", live: true, path: true,
		about: "File to which is written, a line of JSON each, who got what and who was let in. A reload opens it anew, so that it can be rotated."},
	{name: "http", example: `"127.0.0.1:8080"`, fallback: "none",
		about: "HOST:PORT of the API and the dashboard on TCP. It asks for the token in api.token of the home. Beyond loopback it needs http-cert and http-key."},
	{name: "http-cert", example: `"api.crt"`, fallback: "none", path: true,
		about: "File with the certificate chain (PEM) for the API on TCP."},
	{name: "http-key", example: `"api.key"`, fallback: "none", path: true,
		about: "File with the certificate's key (PEM)."},
	{name: "log-level", example: `"info,icetcp=debug"`, fallback: "info", live: true,
		about: "How much is logged: debug, info, warn or error, then those subsystems that differ. libp2p is what libraries log. passeur log changes it until the next start or reload."},
	{name: "log-format", example: `"json"`, fallback: "text",
		about: "Form of the log on standard error: text or json."},
	{name: "drain", example: `"30s"`, fallback: "10s", live: true,
		about: "How long transfers that run may go on when the node is told to stop. A second signal stops it at once. What is cut off is resumed later."},
}

// configTables are the keys that only the file has: tables, of which there can be many.
var configTables = []struct{ name, about, example string }{
	{"rule", "What happens to offered files; the first rule that fits decides. Live.", `#[[rule]]
#name = "photos from alice"
#from = ["alice"]
#device = ["phone"]
#verified = true
#conversation = ["holiday"]
#type = ["image/*", ".pdf"]
#max_size = "200M"
#quota = "5G"
#folder = "~/Pictures/alice"
#action = "accept"`},
	{"turn", "A TURN server that relays TCP (RFC 6062) where no direct path is found. Its password is in the file only, for everybody on a machine can read the flags of a process. Takes a restart.", `#[[turn]]
#url = "turns:turn.example.org:443"
#username = "me"
#password = "secret"`},
}

func findKey(name string) (configKey, bool) {
	i := slices.IndexFunc(configKeys, func(k configKey) bool { return k.name == name })
	if i < 0 {
		return configKey{}, false
	}
	return configKeys[i], true
}
