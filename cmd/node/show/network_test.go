package show

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
)

func TestCheckup(t *testing.T) {
	c := api.Checkup{
		ICEPort4: 4001,
		NAT:      []api.NAT{{Family: "IPv4", Kind: "endpoint-independent", Public: []string{"203.0.113.7:4001"}}, {Family: "IPv6", Kind: "unknown"}},
		STUN: []api.STUNServer{{Server: "stun.example.org:3478", Family: "IPv4", Public: "203.0.113.7:4001", Latency: 23.4},
			{Server: "stun.example.org:3478", Family: "IPv6", Error: "no such host\nno address"}, {Server: "slow:1", Family: "IPv4"}},
		TURN: []api.TURNServer{{URL: "turns:turn.example.org:443", Reachable: true, Latency: 31, Relayed: []string{"198.51.100.4:5001", "[2001:db8::4]:5001"}},
			{URL: "turn:t:3478?transport=tcp", Reachable: true, Latency: 5, Error: "TURN server turn:t:3478: lend an IPv4 address: wrong user name or password (401); check username and password in the configuration"},
			{URL: "turn:new:3478"}},
		PortMap: api.PortMap{Enabled: true, Routers: []api.Router{
			{Gateway: "192.168.1.1", Protocol: "UPnP-IGD", DoubleNAT: true, Ports: []api.Mapping{{Port: 4001, External: "100.64.0.7:4001"}}},
			{Gateway: "192.168.1.2", Protocol: "PCP", Speaks: []string{"PCP", "NAT-PMP"}},
			{Gateway: "192.168.1.3", Error: "not authorized"}}},
		DHT: api.DHT{Mode: node.DHTClient, Nodes: 8}, Inbox: api.Inbox{Servers: 1, Self: true}, Clock: api.Clock{Ahead: 90_000, Asked: 1},
		Advice: "Set the clock.",
	}
	var b bytes.Buffer
	if err := Checkup(&b, c); err != nil {
		t.Fatal(err)
	}
	want := `  IPv4    a router with a NAT that can be passed; others see 203.0.113.7:4001
  IPv6    not used
  router  192.168.1.1 forwards 100.64.0.7:4001 to this machine (UPnP-IGD)
          there is another router behind 192.168.1.1, which does not forward the port
          192.168.1.2 speaks PCP, NAT-PMP, but forwards no port yet
          192.168.1.3 forwards no port: not authorized
  STUN    stun.example.org:3478, IPv4: 23 ms
          stun.example.org:3478, IPv6: no such host; no address
          slow:1, IPv4: no answer yet
  TURN    turns:turn.example.org:443: 31 ms, lends 198.51.100.4:5001, [2001:db8::4]:5001
          turn:t:3478: 5.0 ms
          turn:t:3478: lend an IPv4 address: wrong user name or password (401); check username and password in the configuration
          turn:new:3478: no answer yet
  others  8 nodes known on the DHT; this node asks only
  inbox   1 server listening for messages to this node, itself included
  clock   1m30s slow, says 1 other node

Set the clock.
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

func TestWordsOfACheckup(t *testing.T) {
	some := []api.STUNServer{{Server: "s:1"}}
	for want, got := range map[string]string{
		"no NAT: others see this machine's own address, 1.2.3.4:5":                         natWords(api.NAT{Kind: "none", Public: []string{"1.2.3.4:5"}}, api.Checkup{}),
		"a router with a strict (symmetric) NAT: each destination sees another port, a, b": natWords(api.NAT{Kind: "symmetric", Public: []string{"a", "b"}}, api.Checkup{}),
		"a router with a NAT; a second STUN server would tell its kind; others see a":      natWords(api.NAT{Kind: "unknown-kind", Public: []string{"a"}}, api.Checkup{}),
		"not known how others see this machine: no STUN server answered":                   natWords(api.NAT{Family: "IPv6", Kind: "unknown"}, api.Checkup{ICEPort6: 1, STUN: some}),
		"not known how others see this machine: no STUN server is set, see --stun":         natWords(api.NAT{Family: "IPv4", Kind: "unknown"}, api.Checkup{ICEPort4: 1}),
		"no node known on the DHT; this node serves others":                                dhtWords(api.DHT{Mode: node.DHTServer}),
		"no server listening for messages to this node":                                    inboxWords(api.Inbox{}),
		"nobody could be asked for the time":                                               clockWords(api.Clock{}),
		"right, says 2 other nodes":                                                        clockWords(api.Clock{Ahead: -999, Asked: 2}),
		"2s fast, says 3 other nodes":                                                      clockWords(api.Clock{Ahead: -2000, Asked: 3}),
		"1.2 s":                                                                            Milliseconds(1234),
		"0.4 ms":                                                                           Milliseconds(0.42),
		"5 min":                                                                            ago(5*time.Minute + 3*time.Second),
		"2 h":                                                                              ago(150 * time.Minute),
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestExplanation(t *testing.T) {
	now := time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC)
	e := api.Explanation{
		Contact: api.Contact{Name: "bob", State: node.Accepted},
		Devices: []api.Reach{
			{Device: "12D3a", Path: "relayed",
				PathDetails: &api.PathDetails{Transport: "ice", Local: "10.0.0.1:1", Remote: "203.0.113.9:2", Relay: "turn:t:3478?transport=tcp", RTT: 51.2,
					TLSVersion: "TLS 1.3", TLSCipher: "TLS_AES_128_GCM_SHA256", TLSGroup: "X25519MLKEM768"},
				Last: &api.Negotiation{Controlling: true, Started: now.Add(-5 * time.Second), Ended: now.Add(-3 * time.Second),
					Path: "punched", PathDetails: &api.PathDetails{},
					Local:  []api.Candidate{{Type: "host", Address: "10.0.0.1:1"}, {Type: "srflx", Address: "203.0.113.7:1"}, {Type: "mapped", Address: "203.0.113.7:3"}},
					Remote: []api.Candidate{{Type: "host", Address: "10.9.0.1:1"}, {Type: "relay", Address: "198.51.100.4:5"}},
					Pairs: []api.Pair{
						{Local: "10.0.0.1:1", Remote: "10.9.0.1:1", RemoteType: "host", Outcome: api.Failed, FailedDials: 4, Failure: "no answer"},
						{Local: "10.0.0.1:1", Remote: "203.0.113.9:1", RemoteType: "prflx", Outcome: api.Nominated, Accepted: true},
						{Local: "10.0.0.1:1", Remote: "198.51.100.4:5", RemoteType: "relay", Outcome: api.Open}}}},
			{Device: "12D3b", Path: "direct", PathDetails: &api.PathDetails{Transport: "tcp", Local: "a:1", Remote: "b:2", TLSVersion: "TLS 1.3"}},
			{Device: "12D3c", Last: &api.Negotiation{Started: now, Ended: now.Add(30 * time.Second), Error: "nobody answered"}},
		}}
	var b bytes.Buffer
	if err := Explanation(&b, e, now); err != nil {
		t.Fatal(err)
	}
	want := `bob, device 12D3a
  now              relayed via turn:t:3478, from 10.0.0.1:1 to 203.0.113.9:2
                   over ICE, round trip 51 ms, TLS 1.3, X25519MLKEM768, TLS_AES_128_GCM_SHA256
  last try         3 s ago, we called, it took 2.0 s
                   came to punched: straight through the routers (NAT)
  our addresses    10.0.0.1:1 (its own)
                   203.0.113.7:1 (as STUN servers see it)
                   203.0.113.7:3 (forwarded by a router)
  their addresses  10.9.0.1:1 (its own)
                   198.51.100.4:5 (lent by a TURN server)
  tried            10.0.0.1:1 to 10.9.0.1:1 (its own): failed, no answer, 4 vain dials
                   10.0.0.1:1 to 203.0.113.9:1 (not announced): works, and was chosen, opened by them
                   10.0.0.1:1 to 198.51.100.4:5 (lent by a TURN server): connected, but was not chosen

bob, device 12D3b
  now       direct, from a:1 to b:2
            over libp2p's TCP, TLS 1.3
  last try  none over ICE since this node started

bob, device 12D3c
  now              not connected; the next file tries to
  last try         0 s ago, they called, it took 30.0 s
                   no connection: nobody answered
  our addresses    none
  their addresses  none: no answer came
  tried            nothing
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

// TestNetworkTextIsHarmless puts hostile text wherever a peer, a server or a
// router could.
func TestNetworkTextIsHarmless(t *testing.T) {
	var c api.Checkup
	fill(reflect.ValueOf(&c).Elem())
	var e api.Explanation
	fill(reflect.ValueOf(&e).Elem())
	pending := e
	pending.State = node.Pending
	var b bytes.Buffer
	for _, err := range []error{Checkup(&b, c), Explanation(&b, e, time.Now()), Explanation(&b, pending, time.Now()), Explanation(&b, api.Explanation{Contact: e.Contact}, time.Now())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if strings.Count(b.String(), "gpj.exe") < 20 {
		t.Errorf("the text is not there:\n%s", &b)
	}
	for line := range strings.Lines(b.String()) {
		harmless(t, strings.TrimSuffix(line, "\n"))
	}
}

// fill sets every text to a hostile one and gives every list one element.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1)
	}
}
