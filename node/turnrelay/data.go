package turnrelay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/pion/stun"
	"github.com/pion/transport/v2"
)

// maxPending is how many peers' connections of an allocation are taken at a time.
// A goroutine is there for each before the client hears of it, so the client's queue
// never makes the reader wait for the network.
const maxPending = 32

// welcome decides about a connection that a peer makes to a's relayed address; true:
// a goroutine is there that takes it. The server asked for a permission already, but
// it is the server.
func (r *Relay) welcome(a *allocation, peer netip.AddrPort) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed, a.slot.alloc != a, r.handler == nil, r.permits[peer.Addr()] == 0,
		a.pending == maxPending, a.conns == r.cfg.MaxConns:
		return false
	}
	a.pending++
	a.conns++
	r.settleLocked(a)
	a.wg.Go(func() { r.take(a) })
	return true
}

// take joins the next connection that waits at a and hands it out.
func (r *Relay) take(a *allocation) {
	ctx, cancel := context.WithTimeout(a.ctx, r.cfg.Timeout)
	defer cancel()
	c, err := a.join(ctx)
	if err != nil {
		r.cfg.Logger.Info("turnrelay: a peer's connection was not joined", "err", err)
	}
	if handle := r.joined(a, c); handle != nil {
		handle(c, a.slot.url.Addr())
	}
}

// joined counts c, nil if there is none, and gives the function that gets it.
func (r *Relay) joined(a *allocation, c *conn) func(net.Conn, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.pending--
	if c == nil {
		r.leaveLocked(a)
		return nil
	}
	if r.closed || r.handler == nil {
		c.abort()
		r.leaveLocked(a)
		return nil
	}
	c.forget = func() { r.left(a, c) }
	r.conns[c] = struct{}{}
	return r.handler
}

func (r *Relay) left(a *allocation, c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	r.leaveLocked(a)
}

func (r *Relay) leaveLocked(a *allocation) {
	a.conns--
	r.settleLocked(a)
}

// join takes the next peer's connection that the server announced: it opens a data
// connection and binds it (RFC 6062 §4.4).
func (a *allocation) join(ctx context.Context) (*conn, error) {
	b := &binder{a: a, ctx: ctx}
	data, err := a.accept(b)
	if err == nil {
		return newConn(b.conn, a.relayed, data.RemoteAddr()), nil
	}
	if b.conn != nil {
		b.conn.Close()
	}
	if !a.lives() {
		a.tcp.SetDeadline(time.Now()) // it wakes one accept at a time: pass it on
	}
	if b.err != nil {
		err = b.err
	}
	return nil, a.slot.trouble("take a peer's connection", err)
}

// binder is the connection that pion's accept binds. Unlike a plain one it connects
// when it is needed, over TLS where the control connection is, reads whole messages,
// and repeats a bind whose nonce went stale.
type binder struct {
	transport.TCPConn // nil; pion calls Write with the request and Read for the answer, nothing else

	a      *allocation
	ctx    context.Context
	conn   net.Conn
	answer bytes.Reader
	err    error
}

// Write connects and sends p, the request, and waits for the answer.
func (b *binder) Write(p []byte) (int, error) {
	var m *stun.Message
	if m, b.err = b.bind(p); b.err != nil {
		return 0, b.err
	}
	b.answer.Reset(m.Raw)
	return len(p), nil
}

// Read gives the answer, header and attributes in a call each.
func (b *binder) Read(p []byte) (int, error) { return io.ReadFull(&b.answer, p) }

func (b *binder) bind(p []byte) (answer *stun.Message, err error) {
	request := &stun.Message{Raw: append([]byte(nil), p...)}
	if err := request.Decode(); err != nil {
		return nil, err
	}
	if b.conn, err = b.a.slot.dial(b.ctx, b.a.conn.RemoteAddr().String()); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(b.ctx, func() { b.conn.SetDeadline(time.Now()) })
	for range tries {
		if answer, err = b.exchange(request); err != nil || errorCode(answer) != int(stun.CodeStaleNonce) {
			break
		}
		if request, err = b.renew(request, answer); err != nil {
			break
		}
	}
	if !stop() {
		err = why(b.ctx, err)
	}
	if err == nil && answer.Type.Class != stun.ClassSuccessResponse {
		err = b.a.slot.refusal("take a peer's connection", answer)
	}
	return answer, err
}

func (b *binder) exchange(request *stun.Message) (*stun.Message, error) {
	if _, err := b.conn.Write(request.Raw); err != nil {
		return nil, err
	}
	m, err := readMessage(b.conn) // what follows it is the peer's
	if err != nil {
		return nil, noEOF(err)
	}
	if m.Type.Method != stun.MethodConnectionBind || m.TransactionID != request.TransactionID {
		return nil, errors.New("the server's answer is to another request")
	}
	return m, nil
}

// renew makes the request anew with the nonce of a refusal.
func (b *binder) renew(request, refusal *stun.Message) (*stun.Message, error) {
	nonce, err := refusal.Get(stun.AttrNonce)
	if err != nil {
		return nil, err
	}
	return b.a.slot.amend(request, stun.NewTransactionID(), stun.RawAttribute{Type: stun.AttrNonce, Value: nonce})
}

// conn is a data connection joined to a peer's connection.
type conn struct {
	net.Conn
	local, remote *net.TCPAddr
	forget        func() // tells the relay; set before anyone has it
	once          sync.Once
}

func newConn(c net.Conn, relayed netip.AddrPort, peer net.Addr) *conn {
	remote := &net.TCPAddr{}
	if t, ok := peer.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		remote = net.TCPAddrFromAddrPort(netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()))
	}
	return &conn{Conn: c, local: net.TCPAddrFromAddrPort(relayed), remote: remote}
}

// LocalAddr is the relayed address.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the peer's address as the server sees it.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// Close closes the connection; the second and later calls do nothing.
func (c *conn) Close() (err error) {
	c.once.Do(func() {
		err = c.Conn.Close()
		c.forget()
	})
	return err
}

// abort ends the connection at once, without a farewell over TLS. Who has it still
// has to close it.
func (c *conn) abort() { tcpOf(c.Conn).Close() }

// SyscallConn implements syscall.Conn with the TCP connection, for socket options.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	t, ok := tcpOf(c.Conn).(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return t.SyscallConn()
}

// tcpOf gives the connection under TLS, or c.
func tcpOf(c net.Conn) net.Conn {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return c
}
