package through

import (
	"testing"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
	"github.com/passeur-p2p/passeur/test/natlab"
)

// enough is how long a file may take that is to arrive.
const enough = 2 * lab.Patience

// scene is two people, each on a side of an internet.
type scene struct {
	*natlab.Net
	alice, bob *people.Person
}

// servers are what a person knows of.
type servers struct {
	stun []string
	turn []people.Relay
}

// meet makes contacts of the people of a scene.
func meet(t *testing.T, cfg natlab.Config, know func(n *natlab.Net) (alice, bob servers)) *scene {
	t.Helper()
	s := live(t, cfg, know)
	people.Befriend(t, s.alice, s.bob)
	return s
}

// live starts a DHT node on the server, Alice on side A and Bob on side B. What they
// know of is asked for when the internet stands.
func live(t *testing.T, cfg natlab.Config, know func(n *natlab.Net) (alice, bob servers)) *scene {
	t.Helper()
	n := natlab.New(t, cfg)
	dht := people.Start(t, n.Server, people.Config{Name: "dht", Server: true, Args: []string{"--listen", ":4001"}})
	alice, bob := know(n)
	dht.Ready()
	s := &scene{Net: n}
	s.alice = people.Start(t, n.A, person("alice", cfg.A, alice, dht))
	s.bob = people.Start(t, n.B, person("bob", cfg.B, bob, dht))
	s.alice.Ready()
	s.bob.Ready()
	return s
}

func person(name string, side natlab.Side, know servers, dht *people.Person) people.Config {
	return people.Config{
		Name: name, STUN: know.stun, TURN: know.turn, PortMap: side.NAT == natlab.UPnP,
		Bootstrap: dht.AddrsAt("203.0.113.100", "fd00:113::100"),
	}
}

// relayOf gives a relay for those who know the password, by plain TCP or TLS and by
// IPv4 or IPv6.
func relayOf(s *natlab.TURN, tls, ipv6 bool) people.Relay {
	return people.Relay{URL: s.URL(tls, ipv6), User: s.User, Password: s.Password, CA: s.CA}
}

// nothing is known of any server.
func nothing(*natlab.Net) (alice, bob servers) { return servers{}, servers{} }

// sends sends a file of size bytes that must arrive.
func sends(t *testing.T, from, to *people.Person, size int64) people.Result {
	t.Helper()
	r := from.Send(to, people.File(t, size)).End(enough)
	if r.Sent.State != filexfer.Finished {
		t.Fatalf("the file did not arrive: %s, %s: %s", r.Sent.State, r.Sent.Code, r.Sent.Reason)
	}
	return r
}

// Nobody's router is in the way, and no server but the DHT is known.
func TestOpen(t *testing.T) {
	t.Parallel()
	s := meet(t, natlab.Config{}, nothing)
	r := sends(t, s.alice, s.bob, 4<<20)
	t.Logf("%v", r.Steps)
	if !direct(r.Sent.Path) || r.Received.Path != r.Sent.Path {
		t.Errorf("the paths are %q and %q", r.Sent.Path, r.Received.Path)
	}
}

// direct says whether a path is one between hosts that can dial each other. When the
// calls of both meet half-way, it is called punched.
func direct(path string) bool { return path == "direct" || path == "punched" }
