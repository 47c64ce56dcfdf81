package sdp

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestRefuses(t *testing.T) {
	for _, c := range []struct{ addr, want string }{
		{"192.168.0.123:42751", ""},
		{"10.1.2.3:1024", ""},
		{"100.64.0.1:40000", ""},
		{"203.0.113.7:65535", ""},
		{"203.0.113.7:443", ""},
		{"[2607:fad8:4:6::1]:50693", ""},
		{"[fd00::1]:50693", ""},
		{"[::ffff:192.168.0.123]:42751", ""},
		{"[64:ff9b::203.0.113.7]:4000", ""},

		{"203.0.113.7:0", "privileged port"},
		{"203.0.113.7:9", "privileged port"},
		{"203.0.113.7:22", "privileged port"},
		{"203.0.113.7:25", "privileged port"},
		{"203.0.113.7:1023", "privileged port"},
		{"0.0.0.0:4000", "unspecified"},
		{"0.1.2.3:4000", "this network"},
		{"127.0.0.1:4000", "loopback"},
		{"127.255.255.254:4000", "loopback"},
		{"169.254.169.254:4000", "link-local"},
		{"224.0.0.1:4000", "multicast"},
		{"239.255.255.250:1900", "multicast"},
		{"255.255.255.255:4000", "reserved"},
		{"240.0.0.1:4000", "reserved"},
		{"192.0.0.2:4000", "DS-Lite"},
		{"[::]:4000", "unspecified"},
		{"[::1]:4000", "loopback"},
		{"[::7f00:1]:4000", "IPv4-compatible"},
		{"[::ffff:127.0.0.1]:4000", "loopback"},
		{"[::ffff:169.254.169.254]:4000", "link-local"},
		{"[::ffff:0.0.0.0]:4000", "unspecified"},
		{"[64:ff9b::127.0.0.1]:4000", "loopback"},
		{"[64:ff9b::169.254.169.254]:4000", "link-local"},
		{"[64:ff9b:1::1]:4000", "local NAT64"},
		{"[2002:7f00:1::1]:4000", "loopback"},
		{"[fe80::1]:4000", "link-local"},
		{"[fe80::1%eth0]:4000", "no address"},
		{"[febf::1]:4000", "link-local"},
		{"[fec0::1]:4000", "site-local"},
		{"[ff02::1]:4000", "multicast"},
		{"[100::1]:4000", "discard only"},
	} {
		if got := (Policy{}).Refuses(addr(c.addr)); got != c.want {
			t.Errorf("%s: %q, want %q", c.addr, got, c.want)
		}
	}
	if got := (Policy{}).Refuses(netip.AddrPortFrom(netip.Addr{}, 4000)); got != "no address" {
		t.Errorf("zero address: %q", got)
	}
}

func TestRefusesOnLoopback(t *testing.T) {
	for _, c := range []struct{ addr, want string }{
		{"127.0.0.1:4000", ""},
		{"[::1]:4000", ""},
		{"[::ffff:127.0.0.1]:4000", ""},
		{"127.0.0.1:22", "privileged port"},
		{"192.168.0.1:4000", "not loopback"},
		{"[::]:4000", "not loopback"},
	} {
		if got := (Policy{Loopback: true}).Refuses(addr(c.addr)); got != c.want {
			t.Errorf("%s: %q, want %q", c.addr, got, c.want)
		}
	}
}

func TestDialable(t *testing.T) {
	c := func(t Type, nth int, a string, way TCPType) Candidate {
		return Candidate{Foundation: "F", Priority: Priority(t, nth), Addr: addr(a), Type: t, TCPType: way}
	}
	in := []Candidate{
		c(Relay, 0, "192.0.2.1:49160", Passive),
		c(Host, 1, "10.0.0.2:4000", Passive),
		c(Host, 0, "10.0.0.1:4000", Passive),
		c(Host, 0, "10.0.0.1:4001", Active),
		c(Host, 2, "10.0.0.2:4000", Passive), // again
		c(Host, 3, "127.0.0.1:4000", Passive),
		c(Srflx, 0, "203.0.113.1:4000", SO),
	}
	want := "10.0.0.1:4000 10.0.0.2:4000 203.0.113.1:4000 192.0.2.1:49160 "
	var got string
	for _, c := range (Policy{}).Dialable(in) {
		got += c.Addr.String() + " "
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if in[0].Type != Relay {
		t.Error("the caller's list was sorted")
	}
}

func TestDialableCaps(t *testing.T) {
	var in []Candidate
	for i := range 10_000 {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 4000)
		in = append(in, Candidate{Foundation: "F", Priority: 1, Addr: a, Type: []Type{Host, Srflx, Prflx, Relay}[i%4], TCPType: Passive})
	}
	n := map[Type]int{}
	for _, c := range (Policy{}).Dialable(in) {
		n[c.Type]++
	}
	if got := fmt.Sprint(n[Host], n[Srflx]+n[Prflx], n[Relay]); got != fmt.Sprint(MaxHost, MaxReflexive, MaxRelayed) {
		t.Errorf("kept %s of each type", got)
	}
}

func TestRefusesLinkLocal(t *testing.T) {
	policy := Policy{LinkLocal: func(a netip.Addr) bool { return a == netip.MustParseAddr("169.254.7.8") || a == metadataService }}
	for _, c := range []struct{ addr, want string }{
		{"169.254.7.8:4000", ""},
		{"[::ffff:169.254.7.8]:4000", ""},
		{"169.254.7.8:22", "privileged port"},
		{"169.254.7.9:4000", "link-local"},
		{"169.254.169.254:4000", "link-local"},
		{"[64:ff9b::169.254.7.8]:4000", "link-local"},
		{"[fe80::1]:4000", "link-local"},
		{"127.0.0.1:4000", "loopback"},
	} {
		if got := policy.Refuses(addr(c.addr)); got != c.want {
			t.Errorf("%s: %q, want %q", c.addr, got, c.want)
		}
	}
}
