package show

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
)

// clockRight is how far off a clock may be without a word about it.
const clockRight = time.Second

// Checkup writes how a node stands in the network, the advice last.
func Checkup(w io.Writer, c api.Checkup) error {
	var f facts
	for _, n := range c.NAT {
		f.say(n.Family, "%s", natWords(n, c))
	}
	sayRouters(&f, c.PortMap)
	saySTUN(&f, c.STUN)
	sayTURN(&f, c.TURN)
	f.say("others", "%s", dhtWords(c.DHT))
	f.say("inbox", "%s", inboxWords(c.Inbox))
	f.say("clock", "%s", clockWords(c.Clock))
	if err := f.write(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", Text(c.Advice))
	return err
}

func natWords(n api.NAT, c api.Checkup) string {
	port, seen := c.ICEPort4, strings.Join(n.Public, ", ")
	if n.Family == "IPv6" {
		port = c.ICEPort6
	}
	switch n.Kind {
	case "none":
		return "no NAT: others see this machine's own address, " + seen
	case "endpoint-independent":
		return "a router with a NAT that can be passed; others see " + seen
	case "symmetric":
		return "a router with a strict (symmetric) NAT: each destination sees another port, " + seen
	case "unknown-kind":
		return "a router with a NAT; a second STUN server would tell its kind; others see " + seen
	}
	switch {
	case port == 0:
		return "not used"
	case len(c.STUN) == 0:
		return "not known how others see this machine: no STUN server is set, see --stun"
	}
	return "not known how others see this machine: no STUN server answered"
}

func sayRouters(f *facts, p api.PortMap) {
	switch {
	case !p.Enabled:
		f.say("router", "not asked to forward a port (--portmap off)")
	case len(p.Routers) == 0:
		f.say("router", "none was found that forwards ports")
	}
	for _, r := range p.Routers {
		for _, m := range r.Ports {
			f.say("router", "%s forwards %s to this machine (%s)", r.Gateway, m.External, r.Protocol)
		}
		if r.DoubleNAT {
			f.say("router", "there is another router behind %s, which does not forward the port", r.Gateway)
		}
		if r.Error != "" {
			f.say("router", "%s forwards no port: %s", r.Gateway, oneLine(r.Error))
		} else if len(r.Ports) == 0 {
			f.say("router", "%s speaks %s, but forwards no port yet", r.Gateway, strings.Join(r.Speaks, ", "))
		}
	}
}

func saySTUN(f *facts, servers []api.STUNServer) {
	if len(servers) == 0 {
		f.say("STUN", "no server is set")
	}
	for _, s := range servers {
		f.say("STUN", "%s, %s: %s", s.Server, s.Family, stunWords(s))
	}
}

func stunWords(s api.STUNServer) string {
	switch {
	case s.Public != "":
		return Milliseconds(s.Latency)
	case s.Error != "":
		return oneLine(s.Error)
	}
	return "no answer yet"
}

func sayTURN(f *facts, servers []api.TURNServer) {
	if len(servers) == 0 {
		f.say("TURN", "no server is set, so nothing can be relayed from here")
	}
	for _, s := range servers {
		if s.Reachable {
			f.say("TURN", "%s: %s%s", short(s.URL), Milliseconds(s.Latency), lends(s.Relayed))
		}
		if s.Error != "" {
			f.say("TURN", "%s", strings.TrimPrefix(short(oneLine(s.Error)), "TURN server ")) // it names the server
		} else if !s.Reachable {
			f.say("TURN", "%s: no answer yet", short(s.URL))
		}
	}
}

func lends(addrs []string) string {
	if len(addrs) == 0 {
		return ""
	}
	return ", lends " + strings.Join(addrs, ", ")
}

func dhtWords(d api.DHT) string {
	role := "asks only"
	if d.Mode == node.DHTServer {
		role = "serves others"
	}
	return fmt.Sprintf("%s known on the DHT; this node %s", count(d.Nodes, "node"), role)
}

func inboxWords(i api.Inbox) string {
	words := count(i.Servers, "server") + " listening for messages to this node"
	if i.Self {
		words += ", itself included"
	}
	return words
}

func clockWords(c api.Clock) string {
	ahead := time.Duration(c.Ahead * float64(time.Millisecond))
	switch {
	case c.Asked == 0:
		return "nobody could be asked for the time"
	case ahead.Abs() < clockRight:
		return "right, says " + count(c.Asked, "other node")
	case ahead > 0:
		return fmt.Sprintf("%s slow, says %s", ahead.Round(time.Second), count(c.Asked, "other node"))
	}
	return fmt.Sprintf("%s fast, says %s", -ahead.Round(time.Second), count(c.Asked, "other node"))
}

// oneLine joins an error that tells of several things.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// count writes a number of things: "no node", "1 node", "2 nodes".
func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Milliseconds writes a time for people: "0.4 ms", "23 ms", "1.2 s".
func Milliseconds(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}
