package api

import (
	"strings"
	"time"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/portmap"
	"github.com/passeur-p2p/passeur/node/turnrelay"
)

// Checkup is how a node stands in the network. Errors in it are sentences for
// people, "" where there is none.
type Checkup struct {
	Node
	// ICEPort4 and ICEPort6 are where connections come in, 0 where that family is
	// not listened on.
	ICEPort4 uint16       `json:"ice_port_v4"`
	ICEPort6 uint16       `json:"ice_port_v6"`
	NAT      []NAT        `json:"nat"`     // IPv4, then IPv6
	STUN     []STUNServer `json:"stun"`    // what each STUN server says
	TURN     []TURNServer `json:"turn"`    // how each relay is doing
	PortMap  PortMap      `json:"portmap"` // what routers do
	DHT      DHT          `json:"dht"`     // the place among the other nodes
	Inbox    Inbox        `json:"inbox"`   // how others leave a message
	Clock    Clock        `json:"clock"`   // how right it is
	// Advice is one sentence: what to do, or that all is well.
	Advice string `json:"advice"`
}

// NAT is what stands between the node and the internet, for one address family.
type NAT struct {
	Family string `json:"family" enum:"IPv4,IPv6"` // IPv4, IPv6
	// Kind is none, endpoint-independent, symmetric, unknown-kind (there is one) or
	// unknown (no STUN server answered).
	Kind string `json:"kind" enum:"none,endpoint-independent,symmetric,unknown-kind,unknown"`
	// Public are the addresses, ADDRESS:PORT, under which the world sees the ICE port.
	Public []string `json:"public"`
}

// STUNServer is what one server says over one address family.
type STUNServer struct {
	Server string `json:"server"`                  // as configured
	Family string `json:"family" enum:"IPv4,IPv6"` // of the addresses
	// Local was asked from, Public is what the server saw; "" without an answer.
	Local   string  `json:"local"`
	Public  string  `json:"public"`
	Latency float64 `json:"latency_ms"` // one round trip
	Error   string  `json:"error"`
}

// TURNServer is how a relay is doing.
type TURNServer struct {
	URL       string `json:"url"`       // as configured
	Reachable bool   `json:"reachable"` // it answered, be it with a refusal
	// Latency is one round trip in milliseconds, 0 if unknown.
	Latency float64 `json:"latency_ms"`
	// Relayed are the addresses it lends now.
	Relayed []string `json:"relayed"`
	// Connections of peers that come in there now.
	Connections int    `json:"connections"`
	Error       string `json:"error"`
}

// PortMap is what the routers do that forward ports.
type PortMap struct {
	Enabled bool     `json:"enabled"` // in the configuration
	Routers []Router `json:"routers"` // those that answered
}

// Router is one that answered.
type Router struct {
	Gateway string `json:"gateway"` // its address inside
	// Protocol is in use, Speaks are all that it knows: UPnP-IGD, NAT-PMP, PCP.
	Protocol string   `json:"protocol"`
	Speaks   []string `json:"speaks"`
	// External is its address outside, "" until it has mapped a port.
	External string `json:"external"`
	// DoubleNAT: there is another router behind it.
	DoubleNAT bool      `json:"double_nat"`
	Ports     []Mapping `json:"ports"` // that it forwards
	Error     string    `json:"error"`
}

// Mapping is a forwarded port. Expires is null if it stays for ever.
type Mapping struct {
	// Port is here, External ADDRESS:PORT outside.
	Port     uint16     `json:"port"`
	External string     `json:"external"`
	Expires  *time.Time `json:"expires"`
}

// DHT is this node's place among the others.
type DHT struct {
	Mode  node.DHTMode `json:"mode"`  // server, client
	Nodes int          `json:"nodes"` // that it knows
}

// Inbox is how others can leave this node a message.
type Inbox struct {
	// Servers listen for it, itself included if Self.
	Servers int  `json:"servers"`
	Self    bool `json:"self"`
	// Queued messages for others are kept here, and Subscribers served.
	Queued      int `json:"queued"`
	Subscribers int `json:"subscribers"`
}

// Clock is how far others' clocks are ahead of this machine's (median).
type Clock struct {
	Ahead float64 `json:"ahead_ms"` // below 0: they are behind
	Asked int     `json:"asked"`    // how many others told their time
}

func checkupOf(c node.Checkup) Checkup {
	out := Checkup{
		Node: NodeOf(c.Identity), ICEPort4: c.ICEPort4, ICEPort6: c.ICEPort6,
		NAT: each(c.NAT, natOf), STUN: each(c.STUN, stunOf), TURN: each(c.TURN, turnOf),
		PortMap: PortMap{c.PortMap, each(c.Routers, routerOf)},
		DHT:     DHT{c.DHT, c.DHTNodes},
		Inbox:   Inbox{c.Inbox.Subscribed, c.Inbox.Self, c.Inbox.Queued, c.Inbox.Subscribers},
		Clock:   Clock{milliseconds(c.ClockAhead), c.ClocksAsked},
		Advice:  c.Advice,
	}
	return out
}

func natOf(n node.FamilyNAT) NAT {
	return NAT{n.Family, strings.ReplaceAll(string(n.NAT), " ", "-"), each(n.Public, addrText)}
}

func stunOf(r icetcp.Reflection) STUNServer {
	s := STUNServer{Server: r.Server, Family: "IPv4", Local: addrText(r.Local), Public: addrText(r.Seen),
		Latency: milliseconds(r.RTT), Error: errorText(r.Err)}
	if r.V6 {
		s.Family = "IPv6"
	}
	return s
}

func turnOf(s turnrelay.Status) TURNServer {
	return TURNServer{s.URL, s.Reachable, milliseconds(s.Latency), each(s.Relayed, addrText), s.Conns, errorText(s.Err)}
}

func routerOf(r portmap.Router) Router {
	out := Router{Gateway: r.Gateway.String(), Protocol: string(r.Protocol), DoubleNAT: r.DoubleNAT,
		Speaks: each(r.Speaks, func(p portmap.Protocol) string { return string(p) }),
		Ports:  each(r.Ports, mappingOf), Error: errorText(r.Err)}
	if r.External.IsValid() {
		out.External = r.External.String()
	}
	return out
}

func mappingOf(m portmap.Mapping) Mapping {
	out := Mapping{Port: m.Port, External: addrText(m.External)}
	if !m.Expires.IsZero() {
		expires := m.Expires.UTC()
		out.Expires = &expires
	}
	return out
}

// each gives an empty list for none, which is [] in JSON.
func each[A, B any](in []A, f func(A) B) []B {
	out := make([]B, 0, len(in))
	for _, a := range in {
		out = append(out, f(a))
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
