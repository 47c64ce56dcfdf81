package node

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// on makes a machine of these networks.
func on(networks ...string) func() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, n := range append(networks, "127.0.0.0/8", "::1/128", "fe80::/64") {
		list = append(list, netip.MustParsePrefix(n))
	}
	return func() ([]netip.Prefix, error) { return list, nil }
}

// TestWhoMayBeDialled: which addresses the word of others makes the node dial, wherever
// it is itself.
func TestWhoMayBeDialled(t *testing.T) {
	id := randomPeer(t)
	boot := []peer.AddrInfo{{ID: id, Addrs: []multiaddr.Multiaddr{multiaddr.StringCast("/ip4/127.0.0.1/tcp/80")}}}
	named := []peer.AddrInfo{{ID: id, Addrs: []multiaddr.Multiaddr{multiaddr.StringCast("/dns4/boot.example/tcp/80")}}}
	home, cable, nowhere := on("192.168.1.0/24", "2001:db8::/64"), on("169.254.0.0/16"), on()
	broken := func() ([]netip.Prefix, error) { return nil, errors.New("no list of interfaces") }
	const everywhere = "/ip4/203.0.113.7/tcp/4001 /ip4/203.0.113.7/tcp/443 /ip4/10.0.0.1/tcp/1024 /ip6/2001:db8::1/tcp/4001 /ice"
	const nobody = `/ip4/203.0.113.7/tcp/0 /ip4/203.0.113.7/tcp/9 /ip4/203.0.113.7/tcp/22 /ip4/203.0.113.7/tcp/25 /ip4/192.168.1.1/tcp/80
		/ip4/0.0.0.0/tcp/4001 /ip4/0.1.2.3/tcp/4001 /ip4/169.254.169.254/tcp/8080 /ip4/169.254.169.254/tcp/80 /ip4/224.0.0.251/tcp/5353
		/ip4/255.255.255.255/tcp/4001 /ip4/240.0.0.1/tcp/4001 /ip6/::/tcp/4001 /ip6/ff02::1/tcp/4001 /ip6/fe80::1/tcp/4001
		/ip6zone/eth0/ip6/fe80::1/tcp/4001 /ip6/::ffff:169.254.169.254/tcp/4001 /ip6/64:ff9b::7f00:1/tcp/4001 /ip6/2002:7f00:1::/tcp/4001 /ip4/203.0.113.7 /ip4/203.0.113.7/udp/4001 /dns4/host.example/tcp/4001`
	const loopback = "/ip4/127.0.0.1/tcp/4001 /ip4/127.1.2.3/tcp/4001 /ip6/::1/tcp/4001 /ip6/::ffff:127.0.0.1/tcp/4001"
	for _, c := range []struct {
		where    string
		gate     gate
		yes, not string
	}{
		{"at home", gate{networks: home}, everywhere, nobody + " " + loopback + " /ip4/169.254.7.8/tcp/4001"},
		{"on a cable without a server", gate{networks: cable}, everywhere + " /ip4/169.254.7.8/tcp/4001", nobody + " " + loopback + " /ip4/169.254.7.8/tcp/22"},
		{"without a network", gate{networks: nowhere}, everywhere + " " + loopback, nobody + " /ip4/127.0.0.1/tcp/22"},
		{"listening on loopback", gate{loopback: true, networks: home}, everywhere + " " + loopback, nobody + " /ip4/127.0.0.1/tcp/22"},
		{"on a machine that does not tell", gate{networks: broken}, everywhere, nobody + " " + loopback},
		{"what the user gave", gate{bootstrap: boot, networks: home}, everywhere + " /ip4/127.0.0.1/tcp/80", nobody + " " + loopback},
		{"what a name of the user's stands for", gate{bootstrap: named, networks: home}, everywhere + " /ip4/127.0.0.1/tcp/80", ""},
	} {
		for _, a := range strings.Fields(c.yes) {
			if !c.gate.InterceptAddrDial(id, multiaddr.StringCast(a)) {
				t.Errorf("%s: %s is not dialled", c.where, a)
			}
		}
		for _, a := range strings.Fields(c.not) {
			if c.gate.InterceptAddrDial(id, multiaddr.StringCast(a)) {
				t.Errorf("%s: %s is dialled", c.where, a)
			}
		}
	}
	if g := (gate{bootstrap: boot, networks: home}); g.InterceptAddrDial(randomPeer(t), boot[0].Addrs[0]) {
		t.Error("another peer has the address of a bootstrap node")
	}
}

func randomPeer(t *testing.T) peer.ID {
	t.Helper()
	id, err := test.RandPeerID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestNothingIsSentToThisMachine: a program that listens on loopback hears nothing when
// a peer gives its address for his own, by number or by name.
func TestNothingIsSentToThisMachine(t *testing.T) {
	trap, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer trap.Close()
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.ConnectionGater(&gate{networks: on("192.168.1.0/24")}))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	addr, err := manet.FromNetAddr(trap.Addr())
	if err != nil {
		t.Fatal(err)
	}
	_, port := multiaddr.SplitFirst(addr)
	for _, a := range []multiaddr.Multiaddr{addr, multiaddr.StringCast("/dns4/localhost").Encapsulate(port)} {
		wantNotDialled(t, h, a)
	}
	own, err := net.Dial("tcp4", trap.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	first, err := trap.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if first.RemoteAddr().String() != own.LocalAddr().String() {
		t.Errorf("%s was first", first.RemoteAddr())
	}
}

// wantNotDialled gives the host a peer at an address.
func wantNotDialled(t *testing.T, h host.Host, a multiaddr.Multiaddr) {
	t.Helper()
	err := h.Connect(t.Context(), peer.AddrInfo{ID: randomPeer(t), Addrs: []multiaddr.Multiaddr{a}})
	var dial *swarm.DialError
	if !errors.As(err, &dial) {
		t.Fatalf("%s: %v", a, err)
	}
	for _, e := range dial.DialErrors {
		if !errors.Is(e.Cause, swarm.ErrGaterDisallowedConnection) {
			t.Errorf("%s: %v", a, e.Cause)
		}
	}
	if len(dial.DialErrors) == 0 {
		t.Errorf("%s: %v", a, err)
	}
}

// TestTheNodesHostHasAGate: that of a whole node, even where loopback is its network.
func TestTheNodesHostHasAGate(t *testing.T) {
	n, err := New(t.Context(), Config{Home: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for _, a := range []string{"/ip4/127.0.0.1/tcp/22", "/ip4/169.254.169.254/tcp/8080"} {
		wantNotDialled(t, n.host, multiaddr.StringCast(a))
	}
}
