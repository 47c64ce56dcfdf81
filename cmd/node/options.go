package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/passeur-p2p/passeur/node"
)

// configName is the config file's name in the home.
const configName = "config.toml"

// switchWord is the value of a flag that is on or off.
type switchWord string

// switchType is what such a flag calls its type.
const switchType = "on|off"

type logFormat string

// roleListen is where a node with a role listens unless it is told otherwise.
const roleListen = ":4001"

// drainTime is how long transfers that run may go on when the node is told to stop.
const drainTime = "10s"

// runOptions are the settings of run, from flags, environment and config file. Its
// flags are the one place where the type, the check and the default of a key are.
type runOptions struct {
	config                  node.Config
	mdns, portMap           switchWord
	role                    string
	reserve                 reserve
	limitUp, limitDown      speed
	audit                   string
	http, httpCert, httpKey string
	levels                  string
	logFormat               logFormat
	drain                   duration
	file                    string // the config file that was named
}

// bind makes the flags that set o.
func (o *runOptions) bind(flags *pflag.FlagSet) {
	o.levels = "info"
	_ = o.drain.Set(drainTime) // which is one
	flags.Var(word{&o.config.Name, "NAME", checkName}, "name", "what this device calls itself to contacts (default: as before, or the host's name)")
	flags.Var(words{&o.config.Bootstrap, checkBootstrap}, "bootstrap", "`MULTIADDR`, ending in /p2p/ID, of a node by which to join the DHT (repeatable)")
	flags.Var(newChoice(&o.config.DHT, node.DHTServer, node.DHTClient), "dht", "answer others' questions on the DHT, or only ask")
	flags.Var(word{&o.role, "dht", checkRole}, "role", "dht: be a bootstrap node for everyone, which takes no files")
	flags.Var(word{&o.config.Listen, "HOST:PORT", checkListen}, "listen", "where to listen (default: every address, a free port)")
	flags.Var(newChoice[switchWord](&o.mdns, "on", "off"), "mdns", "find nodes on the local network")
	flags.Var(words{&o.config.STUN, checkSTUN}, "stun", "`HOST:PORT` of a STUN server, asked over TCP for this node's public address (repeatable)")
	flags.Var(newChoice[switchWord](&o.portMap, "on", "off"), "portmap", "have the router forward a port (UPnP-IGD, NAT-PMP, PCP)")
	flags.Var(newChoice(&o.config.Accept, node.AcceptAsk, node.AcceptContacts), "accept", "ask before taking a file that no rule fits, or take all that contacts send")
	flags.Var(word{&o.config.Downloads, "FOLDER", checkNothing}, "downloads", "folder for files accepted without -o (default: received in the home)")
	flags.Var(&o.reserve, "reserve", "bytes to keep free on the disk, or none (default 256Mi)")
	flags.Var(&o.limitUp, "limit-up", "the most that goes from here, bytes a second, or none (default: as 'passeur limit' set it)")
	flags.Var(&o.limitDown, "limit-down", "the most that comes here, in bytes a second")
	flags.Var(word{&o.http, "HOST:PORT", checkHTTP}, "http", "serve the API and the dashboard on TCP too")
	flags.Var(word{&o.httpCert, "FILE", checkNothing}, "http-cert", "certificate chain (PEM) for the API on TCP")
	flags.Var(word{&o.httpKey, "FILE", checkNothing}, "http-key", "key (PEM) of that certificate")
	flags.Var(word{&o.audit, "FILE", checkNothing}, "audit", "file to note in who got what and who was let in")
	flags.Var(word{&o.levels, "LEVELS", checkLevels}, "log-level", "how much is logged: info,icetcp=debug")
	flags.Var(newChoice[logFormat](&o.logFormat, "text", "json"), "log-format", "form of the log")
	flags.Var(&o.drain, "drain", "how long transfers that run may go on when the node is told to stop")
	flags.StringVar(&o.file, "config", "", "`FILE` with more settings (default: "+configName+" in the home, if there is one)")
}

func completeRun(cmd *cobra.Command) {
	for _, flag := range []string{"dht", "role", "mdns", "portmap", "accept", "log-format"} {
		completeChoice(cmd, flag)
	}
	for _, flag := range []string{"name", "bootstrap", "listen", "stun", "reserve", "limit-up", "limit-down", "http", "log-level", "drain"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions) // there is such a flag
	}
}

func checkRole(text string) error {
	if node.Role(text) != node.RoleDHT {
		return errors.New("it must be dht")
	}
	return nil
}

// nodeConfig is what the node is to be, but for its home, its logs and the file's tables.
func (o *runOptions) nodeConfig() node.Config {
	c := o.config
	c.Bootstrap, c.STUN = slices.Clone(c.Bootstrap), slices.Clone(c.STUN)
	c.MDNS, c.PortMap, c.Reserve = o.mdns == "on", o.portMap == "on", o.reserve.bytes
	return c
}

// checkTogether tells what is wrong with settings that are right one by one.
func (o *runOptions) checkTogether() error {
	switch {
	case (o.httpCert == "") != (o.httpKey == ""):
		return errors.New("http-cert and http-key go together: give both or none")
	case o.httpCert != "" && o.http == "":
		return errors.New("http-cert is for the API on TCP, which is off: say where with http")
	case node.Role(o.role) == node.RoleDHT && o.config.DHT != node.DHTServer:
		return fmt.Errorf("role dht answers the DHT; dht must not be %s", o.config.DHT)
	case node.Role(o.role) == node.RoleDHT && o.config.Accept != node.AcceptAsk:
		return fmt.Errorf("role dht takes no files; accept must not be %s", o.config.Accept)
	}
	return nil
}
