package through

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pion/stun"
	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/test/lab/people"
	"github.com/passeur-p2p/passeur/test/natlab"
)

// Methods and attributes of TURN (RFC 8656 §17, §18; RFC 6062 §6) for which
// pion/stun has no name.
var (
	connectionBind    = stun.NewType(stun.MethodConnectionBind, stun.ClassRequest)
	connectionAttempt = stun.NewType(stun.MethodConnectionAttempt, stun.ClassIndication)
	overTCP           = stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{6, 0, 0, 0}}
)

// plain is a client of a TURN server that does what RFC 6062 says and nothing else:
// what a relayed stream costs without passeur.
type plain struct {
	t       *testing.T
	host    *natlab.Host
	server  *natlab.TURN
	control net.Conn
	// auth are the attributes that prove who the client is.
	auth []stun.Setter
	// relayed is the address that the server lends.
	relayed netip.AddrPort
}

// allocate gets a relayed address.
func allocate(t *testing.T, host *natlab.Host, server *natlab.TURN) *plain {
	t.Helper()
	p := &plain{t: t, host: host, server: server}
	p.control = p.dial()
	answer := p.ask(p.control, stun.NewType(stun.MethodAllocate, stun.ClassRequest), overTCP)
	var realm stun.Realm
	var nonce stun.Nonce
	if err := answer.Parse(&realm, &nonce); err != nil {
		t.Fatalf("the server does not ask who is there: %v, %v", answer, err)
	}
	key := md5.Sum(fmt.Appendf(nil, "%s:%s:%s", server.User, realm, server.Password)) // RFC 8489 §9.2.2
	p.auth = []stun.Setter{stun.NewUsername(server.User), realm, nonce, stun.MessageIntegrity(key[:])}
	answer = p.ask(p.control, stun.NewType(stun.MethodAllocate, stun.ClassRequest), overTCP)
	p.relayed = p.address(answer, stun.AttrXORRelayedAddress)
	return p
}

func (p *plain) dial() net.Conn {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), enough)
	defer cancel()
	addr := netip.AddrPortFrom(p.server.Addrs[0], 3478)
	c, err := p.host.Dial(ctx, nil, addr.String())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(enough))
	return c
}

// ask sends a request and reads the answer.
func (p *plain) ask(c net.Conn, kind stun.MessageType, attributes ...stun.Setter) *stun.Message {
	p.t.Helper()
	setters := append([]stun.Setter{stun.TransactionID, kind}, attributes...)
	request, err := stun.Build(append(setters, p.auth...)...)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := c.Write(request.Raw); err != nil {
		p.t.Fatal(err)
	}
	return p.read(c)
}

// read reads one message and not a byte more.
func (p *plain) read(c net.Conn) *stun.Message {
	p.t.Helper()
	raw := make([]byte, 20)
	if _, err := io.ReadFull(c, raw); err != nil {
		p.t.Fatalf("read a message of the TURN server: %v", err)
	}
	raw = append(raw, make([]byte, binary.BigEndian.Uint16(raw[2:]))...)
	if _, err := io.ReadFull(c, raw[20:]); err != nil {
		p.t.Fatalf("read a message of the TURN server: %v", err)
	}
	m := &stun.Message{Raw: raw}
	if err := m.Decode(); err != nil {
		p.t.Fatalf("message of the TURN server: %v", err)
	}
	return m
}

func (p *plain) address(m *stun.Message, attribute stun.AttrType) netip.AddrPort {
	p.t.Helper()
	var x stun.XORMappedAddress
	if err := x.GetFromAs(m, attribute); err != nil {
		p.t.Fatalf("%v without %v: %v", m, attribute, err)
	}
	return netip.MustParseAddrPort((&net.TCPAddr{IP: x.IP, Port: x.Port}).String())
}

// permit lets an address connect.
func (p *plain) permit(peer netip.Addr) {
	p.t.Helper()
	to := peerAddress(peer)
	if m := p.ask(p.control, stun.NewType(stun.MethodCreatePermission, stun.ClassRequest), to); m.Type.Class != stun.ClassSuccessResponse {
		p.t.Fatalf("no permission: %v", m)
	}
}

// peerAddress is the attribute XOR-PEER-ADDRESS.
type peerAddress netip.Addr

func (a peerAddress) AddTo(m *stun.Message) error {
	x := stun.XORMappedAddress{IP: netip.Addr(a).AsSlice()}
	return x.AddToAs(m, stun.AttrXORPeerAddress)
}

// accept gives the stream of the peer that connects next.
func (p *plain) accept() net.Conn {
	p.t.Helper()
	attempt := p.read(p.control)
	if attempt.Type != connectionAttempt {
		p.t.Fatalf("the server says %v", attempt)
	}
	id, err := attempt.Get(stun.AttrConnectionID)
	if err != nil {
		p.t.Fatal(err)
	}
	c := p.dial()
	if m := p.ask(c, connectionBind, stun.RawAttribute{Type: stun.AttrConnectionID, Value: bytes.Clone(id)}); m.Type.Class != stun.ClassSuccessResponse {
		p.t.Fatalf("no connection bound: %v", m)
	}
	return c
}

// plainRate is the rate, in bytes a second, at which a file goes from A to B through
// the server as a plain stream, from its first byte to its last. With sums, both ends
// do with it what any safe copy takes: they compute its SHA3-512, and B writes it to
// a disk.
func plainRate(t *testing.T, n *natlab.Net, server *natlab.TURN, file string, sums bool) float64 {
	t.Helper()
	p := allocate(t, n.A, server)
	p.permit(netip.MustParseAddr("203.0.113.12"))
	b, err := n.B.Dial(t.Context(), nil, p.relayed.String())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	a := p.accept()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	received := make(chan error, 1)
	go func() { received <- receive(t, b, info.Size(), sums) }()
	source := io.Reader(f)
	if sums {
		source = io.TeeReader(f, sha3.New512())
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{a}, source, make([]byte, block)); err != nil {
		t.Fatal(err)
	}
	if err := <-received; err != nil {
		t.Fatal(err)
	}
	return float64(info.Size()) / time.Since(start).Seconds()
}

// block is how much is read and written at once.
const block = 256 << 10

// receive takes size bytes, and with sums does what a safe copy takes.
func receive(t *testing.T, from io.Reader, size int64, sums bool) error {
	sink := io.Discard
	if sums {
		f, err := os.Create(filepath.Join(t.TempDir(), "received"))
		if err != nil {
			return err
		}
		defer f.Close()
		defer f.Sync()
		sink = io.MultiWriter(f, sha3.New512())
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{sink}, io.LimitReader(from, size), make([]byte, block))
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// The plain client is one: what it sends comes out at the relay's other end.
func TestPlainRelay(t *testing.T) {
	t.Parallel()
	n := natlab.New(t, symmetric)
	server := n.TURN(natlab.TURNConfig{})
	rate := plainRate(t, n, server, people.File(t, 64<<20), false)
	t.Logf("%.0f MiB/s", rate/(1<<20))
}
