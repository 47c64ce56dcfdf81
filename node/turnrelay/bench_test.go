package turnrelay_test

import (
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/stun"
)

// BenchmarkRelay compares the rate through a Relay with that of the plainest client
// of RFC 6062, through the same coturn, in turn: the peer sends 256 MiB over each in
// a round. The ratio is of the medians.
func BenchmarkRelay(b *testing.B) {
	startCoturn(b, at4)
	r := newRelay(b, tcp4, nil)
	ch := arrivals(b, r)
	v4, _, _ := borrow(b, r)
	permit(b, r, peer4)
	in, out := connect(b, ch, peer4, v4)
	echo(b, in, out)
	plainIn, plainOut := plainRelay(b)
	echo(b, plainIn, plainOut)

	data := make([]byte, 1<<20)
	rand.Read(data)
	const mib = 256
	var ours, plain []float64
	for b.Loop() {
		ours = append(ours, rate(b, out, in, data, mib))
		plain = append(plain, rate(b, plainOut, plainIn, data, mib))
	}
	b.ReportMetric(median(ours), "MiB/s")
	b.ReportMetric(median(plain), "plain-MiB/s")
	b.ReportMetric(median(ours)/median(plain), "ratio")
	b.ReportMetric(0, "ns/op")
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// rate sends n times data and gives MiB/s.
func rate(b *testing.B, from, to net.Conn, data []byte, n int) float64 {
	b.Helper()
	begin := time.Now()
	go func() {
		for range n {
			from.Write(data)
		}
	}()
	buf := make([]byte, 256<<10)
	for left := n * len(data); left > 0; {
		k, err := to.Read(buf[:min(len(buf), left)])
		if err != nil {
			b.Fatal(err)
		}
		left -= k
	}
	return float64(n*len(data)) / (1 << 20) / time.Since(begin).Seconds()
}

// plainRelay relays a connection of the peer by hand: no checks, no wrappers.
func plainRelay(b *testing.B) (in, out net.Conn) {
	b.Helper()
	control, err := net.Dial("tcp", at4)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { control.Close() })
	tcp := stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{6, 0, 0, 0}}
	refused := ask(b, control, stun.MethodAllocate, tcp)
	var realm stun.Realm
	var nonce stun.Nonce
	if realm.GetFrom(refused) != nil || nonce.GetFrom(refused) != nil {
		b.Fatal("no challenge")
	}
	signed := []stun.Setter{stun.NewUsername(user), realm, nonce, stun.NewLongTermIntegrity(user, realm.String(), password)}
	granted := ask(b, control, stun.MethodAllocate, append([]stun.Setter{tcp}, signed...)...)
	var relayed stun.XORMappedAddress
	if err := relayed.GetFromAs(granted, stun.AttrXORRelayedAddress); err != nil {
		b.Fatal(err)
	}
	ask(b, control, stun.MethodCreatePermission, append([]stun.Setter{peerAddress{}}, signed...)...)
	addr, _ := netip.AddrFromSlice(relayed.IP)
	if out, err = dialFrom(peer4, netip.AddrPortFrom(addr, uint16(relayed.Port))); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { out.Close() })
	id, err := receive(b, control).Get(stun.AttrConnectionID)
	if err != nil {
		b.Fatal(err)
	}
	if in, err = net.Dial("tcp", at4); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close() })
	ask(b, in, stun.MethodConnectionBind, append([]stun.Setter{stun.RawAttribute{Type: stun.AttrConnectionID, Value: id}}, signed...)...)
	return in, out
}

type peerAddress struct{}

func (peerAddress) AddTo(m *stun.Message) error {
	return stun.XORMappedAddress{IP: peer4.AsSlice()}.AddToAs(m, stun.AttrXORPeerAddress)
}

func ask(b *testing.B, c net.Conn, method stun.Method, setters ...stun.Setter) *stun.Message {
	b.Helper()
	request := append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, setters...)
	if _, err := c.Write(stun.MustBuild(request...).Raw); err != nil {
		b.Fatal(err)
	}
	return receive(b, c)
}

func receive(b *testing.B, c net.Conn) *stun.Message {
	b.Helper()
	raw := make([]byte, 20, 4096)
	if _, err := io.ReadFull(c, raw); err != nil {
		b.Fatal(err)
	}
	raw = raw[:20+binary.BigEndian.Uint16(raw[2:])]
	if _, err := io.ReadFull(c, raw[20:]); err != nil {
		b.Fatal(err)
	}
	m := &stun.Message{Raw: raw}
	if err := m.Decode(); err != nil {
		b.Fatal(err)
	}
	return m
}
