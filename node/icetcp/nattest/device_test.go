package nattest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/rpc"
	"os"
	"path/filepath"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/turnrelay"
	"github.com/passeur-p2p/passeur/node/upgrade"
	"github.com/passeur-p2p/passeur/test/lab"
)

// setup is what a device's process is told.
type setup struct {
	Name, Other string // which device it is, and the other one
	Dir         string // where both have their sockets, by name
	STUN        []string
	TURN        []turnrelay.Server
	RelayDelay  time.Duration
	Slow        time.Duration // how long answers to it are on their way
	Timeout     time.Duration // of a negotiation; 0 = lab.Patience
	Log         bool          // to stderr, shown when the test fails
}

// keyOf makes the key of the device with that name.
func keyOf(name string) (crypto.PrivKey, peer.ID, error) {
	seed := sha256.Sum256([]byte(name))
	key, _, err := crypto.KeyPairFromStdKey(new(ed25519.NewKeyFromSeed(seed[:])))
	if err != nil {
		return nil, "", err
	}
	id, err := peer.IDFromPrivateKey(key)
	return key, id, err
}

type answerFunc = func(ctx context.Context, from peer.ID, offer []byte) ([]byte, error)

// device is a transport in a process of its own. The test and the other device call
// it by net/rpc over a Unix socket; the latter's calls are the signalling.
type device struct {
	setup
	transport *icetcp.Transport
	relay     *turnrelay.Relay
	answer    chan answerFunc
	accepted  chan Result
	closing   chan struct{}
	done      chan error
}

// Result is one end of a connection that stood and carried bytes, or why none did.
type Result struct {
	Kind, LocalType, RemoteType, Relay string
	Local, Remote                      netip.AddrPort
	RTT, Took                          time.Duration
	// Of the report:
	Announced []string // by this device
	Attempts  []icetcp.Attempt
	Err       string
}

// runDevice is the process; it serves until Close is called.
func runDevice(config string) error {
	var s setup
	if err := json.Unmarshal([]byte(config), &s); err != nil {
		return err
	}
	d := &device{
		setup: s, answer: make(chan answerFunc, 1), accepted: make(chan Result, 1),
		closing: make(chan struct{}), done: make(chan error),
	}
	l, err := d.start()
	if err != nil {
		return err
	}
	go d.accept(l)
	sock, err := net.Listen("unix", filepath.Join(s.Dir, s.Name))
	if err != nil {
		return err
	}
	server := rpc.NewServer()
	if err := server.RegisterName("Device", &Calls{d}); err != nil {
		return err
	}
	go server.Accept(sock)
	<-d.closing
	err = d.transport.Close()
	if d.relay != nil {
		err = errors.Join(err, d.relay.Close())
	}
	d.done <- errors.Join(err, goleak.Find(goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("net/rpc.(*Server).ServeCodec")))
	select {} // the test kills us when it has the answer
}

// start makes the transport.
func (d *device) start() (transport.Listener, error) {
	key, _, err := keyOf(d.Name)
	if err != nil {
		return nil, err
	}
	u, err := upgrade.New(key, nil, nil)
	if err != nil {
		return nil, err
	}
	cfg := icetcp.Config{Signaller: d, STUN: d.STUN, RelayDelay: d.RelayDelay, Timeout: cmp.Or(d.Timeout, lab.Patience)}
	if d.Log {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("device", d.Name)
	}
	if len(d.TURN) > 0 {
		if d.relay, err = turnrelay.New(turnrelay.Config{Servers: d.TURN, Logger: cfg.Logger}); err != nil {
			return nil, err
		}
		cfg.Relay = d.relay
	}
	if d.transport, err = icetcp.New(u, nil, cfg); err != nil {
		return nil, err
	}
	return d.transport.Listen(icetcp.Addr)
}

// HandleOffers implements icetcp.Signaller.
func (d *device) HandleOffers(f func(context.Context, peer.ID, []byte) ([]byte, error)) {
	if f != nil {
		d.answer <- f
	}
}

// Offer implements icetcp.Signaller.
func (d *device) Offer(ctx context.Context, _ peer.ID, offer []byte) (answer []byte, err error) {
	if err := call(d.Dir, d.Other, "Answer", offer, &answer); err != nil {
		return nil, err
	}
	select {
	case <-time.After(d.Slow):
		return answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// call calls a device.
func call(dir, name, method string, in, out any) error {
	c, err := rpc.Dial("unix", filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Call("Device."+method, in, out)
}

func (d *device) accept(l transport.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		r := d.result(c, c.RemotePeer(), echo(c))
		d.accepted <- r
	}
}

// Calls are what can be asked of a device.
type Calls struct{ d *device }

// Answer is the signalling.
func (c *Calls) Answer(offer []byte, answer *[]byte) (err error) {
	_, from, err := keyOf(c.d.Other)
	if err != nil {
		return err
	}
	f := <-c.d.answer
	c.d.answer <- f
	*answer, err = f(context.Background(), from, offer)
	return err
}

// Dial connects to the other device and sends size bytes there and back.
func (c *Calls) Dial(size int, r *Result) error {
	_, to, err := keyOf(c.d.Other)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*lab.Patience)
	defer cancel()
	begin := time.Now()
	conn, err := c.d.transport.Dial(ctx, icetcp.Addr, to)
	took := time.Now()
	if err == nil {
		defer conn.Close()
		err = thereAndBack(ctx, conn, size)
	}
	*r = c.d.result(conn, to, err)
	r.Took = took.Sub(begin)
	return nil
}

// Accepted gives what became of the next connection that was accepted.
func (c *Calls) Accepted(_ int, r *Result) error {
	select {
	case *r = <-c.d.accepted:
		return nil
	case <-time.After(2 * lab.Patience):
		return errors.New("no connection was accepted")
	}
}

// Reflections are what STUN servers have said; errors are left out, for gob.
func (c *Calls) Reflections(_ int, out *[]icetcp.Reflection) error {
	for _, r := range c.d.transport.Reflections() {
		r.Err = nil
		*out = append(*out, r)
	}
	return nil
}

// Close ends the device, and tells whether something is left.
func (c *Calls) Close(int, *int) error {
	close(c.d.closing)
	return <-c.d.done
}

func (d *device) result(c transport.CapableConn, p peer.ID, err error) (r Result) {
	if c != nil {
		path, _ := icetcp.PathOf(c.(network.ConnStat))
		r = Result{
			Kind: string(path.Kind), LocalType: path.LocalType, RemoteType: path.RemoteType, Relay: path.Relay,
			Local: path.Local, Remote: path.Remote, RTT: path.RTT,
		}
	}
	n, _ := d.transport.LastNegotiation(p)
	r.Announced, r.Attempts = n.Local, n.Attempts
	if err != nil {
		r.Err = err.Error()
	}
	return r
}

// echo sends back what comes on the first stream, until the other side closes.
func echo(c transport.CapableConn) error {
	defer c.Close()
	s, err := c.AcceptStream()
	if err != nil {
		return err
	}
	if _, err := io.Copy(s, s); err != nil {
		return err
	}
	s.Close()
	c.AcceptStream() // until the connection ends: a relay drops what is on its way then
	return nil
}

func thereAndBack(ctx context.Context, c transport.CapableConn, size int) error {
	s, err := c.OpenStream(ctx)
	if err != nil {
		return err
	}
	sent := bytes.Repeat([]byte("passeur "), size/8)
	go func() {
		s.Write(sent)
		s.CloseWrite()
	}()
	got, err := io.ReadAll(s)
	if err == nil && !bytes.Equal(got, sent) {
		err = errors.New("other bytes came back")
	}
	return err
}
