package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/portmap"
	"github.com/passeur-p2p/passeur/node/signalling"
	"github.com/passeur-p2p/passeur/node/turnrelay"
)

// examined is a backend that has something to tell about its network.
type examined struct {
	backend
	checkup  node.Checkup
	explains []node.Explanation
}

func (e *examined) Doctor(context.Context) node.Checkup {
	c := e.checkup
	c.Identity = e.Identity()
	return c
}

func (e *examined) Explain(_ context.Context, contact string) ([]node.Explanation, error) {
	return e.explains, e.ask("explain %s", contact)
}

func raw(t *testing.T, c *Client, path string) string {
	t.Helper()
	var text jsonText
	if err := c.ask(t.Context(), http.MethodGet, path, nil, &text); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func at(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

func TestCheckupAsJSON(t *testing.T) {
	b := &examined{checkup: node.Checkup{
		ICEPort4: 4001, ICEPort6: 4002,
		NAT: []node.FamilyNAT{{Family: "IPv4", NAT: node.NATSome, Public: []netip.AddrPort{at("203.0.113.7:4001")}}, {Family: "IPv6", NAT: node.NATUnknown}},
		STUN: []icetcp.Reflection{
			{Server: "s:1", Local: at("10.0.0.1:4001"), Seen: at("203.0.113.7:4001"), RTT: 23456 * time.Microsecond},
			{Server: "s:1", V6: true, Err: errors.New("no route")},
		},
		TURN:    []turnrelay.Status{{URL: "turn:t:1", Reachable: true, Latency: time.Millisecond, Relayed: []netip.AddrPort{at("[2001:db8::1]:5")}, Conns: 2, Err: errors.New("wrong password")}},
		PortMap: true,
		Routers: []portmap.Router{
			{Gateway: netip.MustParseAddr("10.0.0.138"), Protocol: portmap.UPnP, Speaks: []portmap.Protocol{portmap.UPnP, portmap.PCP},
				External: netip.MustParseAddr("100.64.0.1"), DoubleNAT: true, Ports: []portmap.Mapping{
					{Port: 4001, External: at("100.64.0.1:4001"), Expires: time.Date(2026, 11, 23, 4, 5, 6, 0, time.FixedZone("", 3600))},
					{Port: 4001, External: at("100.64.0.1:4002")}}},
			{Gateway: netip.MustParseAddr("10.0.0.139"), Protocol: portmap.NATPMP, Err: errors.New("refused")},
		},
		DHT: node.DHTClient, DHTNodes: 8, Inbox: signalling.Status{Subscribed: 3, Self: true, Queued: 4, Subscribers: 5},
		ClockAhead: -1500 * time.Microsecond, ClocksAsked: 6, Advice: "All is well.",
	}}
	c, _ := serve(t, b)
	want := `{"account":"` + account(1).String() + `","device":"` + device.String() + `","addrs":["/ip4/127.0.0.1/tcp/4001/p2p/` + device.String() + `"],` +
		`"ice_port_v4":4001,"ice_port_v6":4002,` +
		`"nat":[{"family":"IPv4","kind":"unknown-kind","public":["203.0.113.7:4001"]},{"family":"IPv6","kind":"unknown","public":[]}],` +
		`"stun":[{"server":"s:1","family":"IPv4","local":"10.0.0.1:4001","public":"203.0.113.7:4001","latency_ms":23.456,"error":""},` +
		`{"server":"s:1","family":"IPv6","local":"","public":"","latency_ms":0,"error":"no route"}],` +
		`"turn":[{"url":"turn:t:1","reachable":true,"latency_ms":1,"relayed":["[2001:db8::1]:5"],"connections":2,"error":"wrong password"}],` +
		`"portmap":{"enabled":true,"routers":[{"gateway":"10.0.0.138","protocol":"UPnP-IGD","speaks":["UPnP-IGD","PCP"],"external":"100.64.0.1","double_nat":true,` +
		`"ports":[{"port":4001,"external":"100.64.0.1:4001","expires":"2026-11-23T03:05:06Z"},{"port":4001,"external":"100.64.0.1:4002","expires":null}],"error":""},` +
		`{"gateway":"10.0.0.139","protocol":"NAT-PMP","speaks":[],"external":"","double_nat":false,"ports":[],"error":"refused"}]},` +
		`"dht":{"mode":"client","nodes":8},"inbox":{"servers":3,"self":true,"queued":4,"subscribers":5},"clock":{"ahead_ms":-1.5,"asked":6},"advice":"All is well."}`
	if got := raw(t, c, "/v1/doctor"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got, err := c.Doctor(t.Context())
	if err != nil || got.Device != device.String() || got.TURN[0].Relayed[0] != "[2001:db8::1]:5" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestExplanationAsJSON(t *testing.T) {
	path := icetcp.Path{Kind: icetcp.Relayed, LocalType: "relay", RemoteType: "prflx", Local: at("10.0.0.1:1"), Remote: at("10.0.0.2:2"),
		Relay: "turn:t:1", Controlling: true, RTT: time.Millisecond, TLS: tls.ConnectionState{Version: tls.VersionTLS13}}
	when := time.Date(2026, 11, 23, 4, 5, 6, 0, time.FixedZone("", 3600))
	b := &examined{explains: []node.Explanation{
		{Device: device, Path: &path, Last: &icetcp.Negotiation{
			Controlling: true, Started: when, Ended: when.Add(time.Second), Path: &path,
			Local: []string{"host 10.0.0.1:1", "mapped 203.0.113.7:4"}, Remote: []string{"relay [2001:db8::1]:5"},
			Attempts: []icetcp.Attempt{
				{Local: at("10.0.0.1:1"), Remote: at("10.0.0.2:2"), RemoteType: "prflx", Open: true, Accepted: true, Nominated: true},
				{Local: at("10.0.0.1:1"), Remote: at("10.0.0.2:3"), RemoteType: "host", Open: true},
				{Local: at("10.0.0.1:1"), Remote: at("10.0.0.2:4"), RemoteType: "srflx", Dials: 3, Failure: "refused"}}}},
		{Device: device, Last: &icetcp.Negotiation{Started: when, Ended: when, Err: errors.New("nobody answered")}},
		{Device: device},
	}}
	b.contacts = []node.Contact{{Account: account(2), Name: "bob", State: node.Accepted}, {Account: account(3), Name: "eve", State: node.Pending}}
	c, _ := serve(t, b)
	details := `{"transport":"ice","local":"10.0.0.1:1","remote":"10.0.0.2:2","local_type":"relay","remote_type":"prflx","relay":"turn:t:1","rtt_ms":1,` +
		`"tls_version":"TLS 1.3","tls_cipher":"","tls_group":"","controlling":true}`
	want := `{"account":"` + account(2).String() + `","name":"bob","state":"accepted","verified":"","devices":[` +
		`{"device":"` + device.String() + `","path":"relayed","path_details":` + details + `,"last_negotiation":` +
		`{"controlling":true,"started":"2026-11-23T03:05:06Z","ended":"2026-11-23T03:05:07Z",` +
		`"local":[{"type":"host","address":"10.0.0.1:1"},{"type":"mapped","address":"203.0.113.7:4"}],"remote":[{"type":"relay","address":"[2001:db8::1]:5"}],` +
		`"pairs":[{"local":"10.0.0.1:1","remote":"10.0.0.2:2","remote_type":"prflx","outcome":"nominated","accepted":true,"failed_dials":0,"failure":""},` +
		`{"local":"10.0.0.1:1","remote":"10.0.0.2:3","remote_type":"host","outcome":"open","accepted":false,"failed_dials":0,"failure":""},` +
		`{"local":"10.0.0.1:1","remote":"10.0.0.2:4","remote_type":"srflx","outcome":"failed","accepted":false,"failed_dials":3,"failure":"refused"}],` +
		`"path":"relayed","path_details":` + details + `,"error":""}},` +
		`{"device":"` + device.String() + `","path":"","path_details":null,"last_negotiation":{"controlling":false,"started":"2026-11-23T03:05:06Z","ended":"2026-11-23T03:05:06Z",` +
		`"local":[],"remote":[],"pairs":[],"path":"","path_details":null,"error":"nobody answered"}},` +
		`{"device":"` + device.String() + `","path":"","path_details":null,"last_negotiation":null}]}`
	if got := raw(t, c, "/v1/path?contact=Bob"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got, err := c.Path(t.Context(), account(2).String())
	if err != nil || len(got.Devices) != 3 || got.Devices[0].Last.Pairs[0].Outcome != Nominated {
		t.Errorf("%+v, %v", got, err)
	}
	if asked := fmt.Sprint(b.asked); strings.Count(asked, "explain "+account(2).String()) != 2 {
		t.Errorf("asked %s", asked)
	}
	for _, who := range []string{"eve", "nobody", account(4).String(), "&x=y"} {
		var p *Problem
		if _, err := c.Path(t.Context(), who); !errors.As(err, &p) || p.Code != CodeUnknownContact {
			t.Errorf("%s: %v", who, err)
		}
	}
}
