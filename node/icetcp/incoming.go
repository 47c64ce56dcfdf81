package icetcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
)

// acceptTimeout is how long a secured connection waits for Accept.
const acceptTimeout = 15 * time.Second

// The reasons of our refusals.
const (
	refusedBusy      = "busy"
	refusedNoHandOff = "no " + handOffVersion
)

// listener answers offers and hands out what comes of them.
type listener struct {
	t      *Transport
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	conns  chan transport.CapableConn

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup // negotiations

	attempts attempts
}

// Listen implements transport.Transport: offers are answered until the listener is
// closed. There can be one at a time; a second is ErrListening.
func (t *Transport) Listen(laddr ma.Multiaddr) (transport.Listener, error) {
	if !t.CanDial(laddr) {
		return nil, fmt.Errorf("icetcp: can listen on %s, not on %s", Addr, laddr)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return nil, ErrClosed
	case t.listener != nil:
		return nil, ErrListening
	}
	l := &listener{t: t, conns: make(chan transport.CapableConn)}
	l.attempts.of = make(map[peer.ID][]*attempt)
	l.ctx, l.cancel = context.WithCancel(t.ctx)
	t.listener = l
	t.cfg.Signaller.HandleOffers(l.answer)
	return l, nil
}

// Close implements transport.Listener; it returns when no negotiation is left.
// Accepted connections stay.
func (l *listener) Close() error {
	l.cancel()
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	l.mu.Unlock()
	if first {
		l.t.cfg.Signaller.HandleOffers(nil)
	}
	l.wg.Wait()
	if first {
		l.t.mu.Lock()
		l.t.listener = nil
		l.t.mu.Unlock()
	}
	return nil
}

// Accept implements transport.Listener.
func (l *listener) Accept() (transport.CapableConn, error) {
	for {
		select {
		case c := <-l.conns:
			if !c.IsClosed() {
				return c, nil
			}
		case <-l.ctx.Done():
			return nil, transport.ErrListenerClosed
		}
	}
}

// Multiaddr implements transport.Listener.
func (l *listener) Multiaddr() ma.Multiaddr { return Addr }

// Addr implements transport.Listener. The listener is on no address of its own: the
// sockets belong to the transport.
func (l *listener) Addr() net.Addr { return iceAddr{} }

type iceAddr struct{}

func (iceAddr) Network() string { return "ice" }
func (iceAddr) String() string  { return "ice" }

// begin enters a negotiation; false after Close.
func (l *listener) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.wg.Add(1)
	return true
}

// answer answers an offer and goes on to connect. ctx is for the answer alone.
func (l *listener) answer(ctx context.Context, from peer.ID, offer []byte) ([]byte, error) {
	m, err := sdp.ParseMessage(offer)
	if err == nil && m.Kind != sdp.Request {
		err = errors.New("an answer where an offer was due")
	}
	if err != nil {
		return nil, fmt.Errorf("icetcp: %w", err)
	}
	theirs, err := readDescription(m)
	switch {
	case errors.Is(err, ErrNoHandOff):
		return sdp.NewRefusal(m.ID, refusedNoHandOff).Marshal()
	case err != nil:
		return nil, fmt.Errorf("icetcp: %w", err)
	}
	l.t.cfg.Observe(Event{Peer: from, Phase: "offered", Detail: addresses(*theirs)})
	ours, err := l.start(ctx, from, theirs)
	switch {
	case errors.Is(err, ErrBusy):
		return sdp.NewRefusal(m.ID, refusedBusy).Marshal()
	case err != nil:
		return nil, err
	}
	l.t.cfg.Observe(Event{Peer: from, Phase: "answered", Detail: addresses(ours)})
	return sdp.NewMessage(m.ID, sdp.Answer, ours).Marshal()
}

// start begins to negotiate with from in the background, and gives our text.
func (l *listener) start(ctx context.Context, from peer.ID, theirs *sdp.Description) (ours sdp.Description, err error) {
	if !l.begin() {
		return ours, ErrClosed
	}
	release := l.t.answers.acquire(from)
	if release == nil && l.attempts.endOldest(ctx, from) {
		release = l.t.answers.acquire(from)
	}
	if release == nil {
		l.wg.Done()
		return ours, ErrBusy
	}
	a := l.attempts.begin(l.ctx, from)
	done := func() {
		l.attempts.forget(from, a)
		release()
		a.close()
		l.wg.Done()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()
	n, err := l.t.begins(ctx, from, l.t.front, false, false)
	if err != nil {
		done()
		return sdp.Description{}, err
	}
	n.theirs = theirs
	go func() {
		defer done()
		l.establish(n, a)
	}()
	return n.ours, nil
}

// establish connects with the peer and waits for Accept to take the connection.
func (l *listener) establish(n *negotiation, a *attempt) {
	ctx, cancel := context.WithTimeout(a.ctx, l.t.cfg.Timeout)
	defer cancel()
	c, err := l.t.connect(ctx, n)
	if err != nil && context.Cause(ctx) == errNewer {
		err = errNewer
	}
	l.attempts.forget(n.peer, a)
	n.end(err)
	if err == nil {
		err = l.hand(ctx, c, n.peer)
	}
	if err != nil && l.ctx.Err() == nil {
		l.t.cfg.Logger.Info("icetcp: no connection came of an offer", "peer", n.peer, "err", err)
	}
}

// hand secures c and gives it to Accept.
func (l *listener) hand(ctx context.Context, c *conn, from peer.ID) error {
	if g := l.t.cfg.Gater; g != nil && !g.InterceptAccept(c) {
		c.Close()
		return errors.New("icetcp: refused by the connection gater")
	}
	secured, err := l.t.secure(ctx, c, network.DirInbound, from)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.ctx, acceptTimeout)
	defer cancel()
	return l.pass(ctx, secured)
}

// pass gives c to Accept, or closes it.
func (l *listener) pass(ctx context.Context, c transport.CapableConn) error {
	select {
	case l.conns <- c:
		return nil
	case <-l.ctx.Done():
	case <-ctx.Done():
	}
	c.CloseWithError(network.ConnShutdown)
	return errors.New("icetcp: nobody accepted the connection")
}
