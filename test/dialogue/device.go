package dialogue

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
)

// Device is one end of a connection between two peers: real yamux over a pipe in
// memory. It is the little of a host that stream protocols ask for.
type Device struct {
	ID, Other peer.ID
	// Handle is given the streams that the other side opens; set before the first comes.
	Handle func(network.Stream)

	mux     network.MuxedConn
	serving sync.WaitGroup
}

// Connect makes two connected devices, which go with the test.
func Connect(t testing.TB, one, other peer.ID) (left, right *Device) {
	t.Helper()
	pipe, end := net.Pipe()
	left, right = &Device{ID: one, Other: other}, &Device{ID: other, Other: one}
	left.start(t, pipe, false)
	right.start(t, end, true)
	t.Cleanup(func() {
		left.mux.Close()
		right.mux.Close()
		left.serving.Wait()
		right.serving.Wait()
	})
	return left, right
}

func (d *Device) start(t testing.TB, pipe net.Conn, isServer bool) {
	t.Helper()
	mux, err := yamux.DefaultTransport.NewConn(pipe, isServer, &network.NullScope{})
	if err != nil {
		t.Fatal(err)
	}
	d.mux, d.Handle = mux, func(s network.Stream) { s.Reset() }
	d.serving.Go(d.serve)
}

func (d *Device) serve() {
	for {
		muxed, err := d.mux.AcceptStream()
		if err != nil {
			return
		}
		d.serving.Go(func() { d.Handle(d.wrap(muxed, "")) })
	}
}

// NewStream opens a stream; which protocol it is of is not agreed.
func (d *Device) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	if p != d.Other {
		return nil, errors.New("no addresses")
	}
	muxed, err := d.mux.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	return d.wrap(muxed, ids[0]), nil
}

func (d *Device) wrap(m network.MuxedStream, id protocol.ID) network.Stream {
	return &stream{MuxedStream: m, id: id, conn: &conn{device: d}}
}

// stream adds to a muxed stream what a swarm would.
type stream struct {
	network.MuxedStream
	id   protocol.ID
	conn *conn
}

func (s *stream) ID() string                       { return "" }
func (s *stream) Protocol() protocol.ID            { return s.id }
func (s *stream) SetProtocol(id protocol.ID) error { s.id = id; return nil }
func (s *stream) Stat() network.Stats              { return network.Stats{} }
func (s *stream) Conn() network.Conn               { return s.conn }
func (s *stream) Scope() network.StreamScope       { return &network.NullScope{} }

type conn struct {
	network.Conn // nil: nothing else is asked
	device       *Device
}

func (c *conn) LocalPeer() peer.ID  { return c.device.ID }
func (c *conn) RemotePeer() peer.ID { return c.device.Other }
