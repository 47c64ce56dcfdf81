package upgrade

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"

	"github.com/passeur-p2p/passeur/node/internal/yamux"
)

// TLSObserver is told what TLS agreed on. If the insecure connection given to
// [TLS] implements it, ObserveTLS is called once, after a handshake that
// succeeded and before the secure connection is returned. It must not block.
type TLSObserver interface {
	ObserveTLS(tls.ConnectionState)
}

// TLS is libp2p's TLS 1.3 with a cork between it and the socket. The bytes on
// the wire are those of go-libp2p's transport.
//
// Older versions of TLS are refused, session tickets are off, the key exchange
// prefers X25519MLKEM768. Go chooses the cipher suite.
type TLS struct {
	inner *libp2ptls.Transport
}

var _ sec.SecureTransport = (*TLS)(nil)

// NewTLS is a constructor for libp2p.Security(libp2ptls.ID, upgrade.NewTLS).
// The muxers are offered within the handshake (ALPN), which saves a round trip.
func NewTLS(id protocol.ID, key crypto.PrivKey, muxers []upgrader.StreamMuxer) (*TLS, error) {
	inner, err := libp2ptls.New(id, key, muxers)
	if err != nil {
		return nil, fmt.Errorf("make the TLS identity: %w", err)
	}
	return &TLS{inner: inner}, nil
}

// ID is the name under which multistream negotiates this transport.
func (t *TLS) ID() protocol.ID { return t.inner.ID() }

// SecureInbound runs the handshake as the server. With p set, any other peer is
// refused; with p empty, any peer may come. On error insecure is closed.
func (t *TLS) SecureInbound(ctx context.Context, insecure net.Conn, p peer.ID) (sec.SecureConn, error) {
	return secure(ctx, t.inner.SecureInbound, insecure, p)
}

// SecureOutbound runs the handshake as the client and refuses any peer but p.
// As TLS 1.3 has it, a server that refuses *us* is noticed at the first Read.
// On error insecure is closed.
func (t *TLS) SecureOutbound(ctx context.Context, insecure net.Conn, p peer.ID) (sec.SecureConn, error) {
	return secure(ctx, t.inner.SecureOutbound, insecure, p)
}

var _ yamux.Batcher = (*conn)(nil)

type handshake func(context.Context, net.Conn, peer.ID) (sec.SecureConn, error)

func secure(ctx context.Context, shake handshake, insecure net.Conn, p peer.ID) (sec.SecureConn, error) {
	out := &cork{Conn: insecure}
	began := time.Now()
	sc, err := shake(ctx, out, p)
	if err != nil {
		return nil, err
	}
	inner, ok := sc.(tlsConn)
	if !ok {
		sc.Close()
		return nil, errors.New("libp2p's TLS connection does not tell its state: unknown version of go-libp2p")
	}
	if o, ok := insecure.(TLSObserver); ok {
		o.ObserveTLS(inner.ConnectionState())
	}
	return &conn{tlsConn: inner, out: out, shook: time.Since(began)}, nil
}

// tlsConn is what libp2p's TLS hands out: a *tls.Conn that knows its peer.
type tlsConn interface {
	sec.SecureConn
	ConnectionState() tls.ConnectionState
	CloseWrite() error
}

// conn is a TLS connection whose Write costs one write(2) for every four records.
// ConnectionState and the peers come from the connection inside.
type conn struct {
	tlsConn
	out   *cork
	shook time.Duration // how long the handshake took

	// A Close must not wait for a Write that the other side does not read, and it
	// must not send its alert in the middle of one. So each tells the other:
	// a Write that does not see closing is seen by Close.
	closing atomic.Bool
	writers atomic.Int32

	wmu sync.Mutex // one frame at a time

	batch bool // between Buffer and Flush; theirs alone
}

// Write sends p and returns when the kernel has all of it. It is safe for
// concurrent use. After an error the connection is of no more use: part of p may
// be on the wire.
func (c *conn) Write(p []byte) (int, error) {
	c.writers.Add(1)
	defer c.writers.Add(-1)
	if c.closing.Load() {
		return 0, net.ErrClosed
	}
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.out.begin()
	n, err := c.tlsConn.Write(p)
	if ferr := c.out.end(); ferr != nil {
		return 0, ferr
	}
	return n, err
}

// Buffer encrypts p and keeps it for Flush. It does not wait for the network, and
// at most 64 KiB may be given between two calls of Flush.
func (c *conn) Buffer(p []byte) error {
	if !c.batch {
		c.batch = true
		c.writers.Add(1)
	}
	if c.closing.Load() {
		return net.ErrClosed
	}
	c.out.hold()
	_, err := c.tlsConn.Write(p)
	return err
}

// Flush sends what Buffer has kept, as one write(2).
func (c *conn) Flush() error {
	if !c.batch {
		return nil
	}
	c.batch = false
	defer c.writers.Add(-1)
	return c.out.end()
}

// CloseWrite sends TLS's close_notify after what was written. Read goes on.
func (c *conn) CloseWrite() error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	return c.tlsConn.CloseWrite()
}

// Close sends close_notify, unless a Write is in progress: that one is cut off,
// as it may wait for a reader who is gone. A second Close gives net.ErrClosed.
func (c *conn) Close() error {
	if !c.closing.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	if c.writers.Load() == 0 {
		return c.tlsConn.Close()
	}
	err := c.out.Close()
	c.tlsConn.Close() // only marks it closed: the socket is gone
	return err
}
