package icetcp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
)

// MaxAnother is how many connections to one peer [Transport.Another] has open or under
// way at a time.
const MaxAnother = 3

// ErrEnough: there are MaxAnother connections to that peer beside its first.
var ErrEnough = errors.New("icetcp: enough connections to that device")

// entrance is a door and what STUN servers see of it. A NAT maps each port of ours to
// another of its own, and a second connection between the same two ports cannot be;
// so the nth further connection to a peer has an entrance of its own. The other side
// needs none: it is one end that makes the difference.
type entrance struct {
	*door
	reflector *reflector

	mu    sync.Mutex
	taken map[peer.ID]*socket // nil while it is under way
}

// Another makes one more connection to p, which has one already, and gives it to the
// host's network as if p had dialled it: its direction is inbound, although this side
// is the TLS client. direct leaves relays out. The first call opens a listening port
// of its own, the next ones with the same peer a second and third; they stay open.
//
// The connection is the caller's to close. There can be MaxAnother to one peer, a
// fourth is ErrEnough. It fails otherwise as Dial does.
func (t *Transport) Another(ctx context.Context, p peer.ID, direct bool) (network.Conn, error) {
	ctx, end, err := t.beginDial(ctx, p)
	if err != nil {
		return nil, err
	}
	defer end()
	at, err := t.entranceFor(p)
	if err != nil {
		return nil, err
	}
	c, err := t.offer(ctx, p, at, direct)
	if err != nil {
		at.leave(p)
		return nil, err
	}
	at.keep(p, c.socket)
	secured, err := t.secure(ctx, c, network.DirOutbound, p)
	if err != nil {
		return nil, err
	}
	return t.add(ctx, secured, c.path)
}

// entranceFor reserves an entrance through which no connection to p goes.
func (t *Transport) entranceFor(p peer.ID) (*entrance, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.spare {
		if e.reserve(p) {
			return e, nil
		}
	}
	if len(t.spare) == MaxAnother {
		return nil, fmt.Errorf("%w: %s", ErrEnough, p)
	}
	if t.closed {
		return nil, ErrClosed
	}
	d, err := t.mux.newDoor(netip.AddrPortFrom(t.cfg.Listen.Addr(), 0))
	if err != nil {
		return nil, err
	}
	e := &entrance{door: d, reflector: newReflector(t.mux, d, t.cfg.STUN), taken: map[peer.ID]*socket{}}
	e.reserve(p)
	t.spare = append(t.spare, e)
	return e, nil
}

// reserve is false if a connection to p goes through here.
func (e *entrance) reserve(p peer.ID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for of, s := range e.taken {
		if s != nil && s.closed() {
			delete(e.taken, of)
		}
	}
	if _, taken := e.taken[p]; taken {
		return false
	}
	e.taken[p] = nil
	return true
}

func (e *entrance) leave(p peer.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.taken, p)
}

// keep holds the entrance until s is closed.
func (e *entrance) keep(p peer.ID, s *socket) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.taken[p] = s
}

// add hands a connection to the network through our listener: to a peer that is
// connected the network itself would not dial. It is told apart from others by its path.
func (t *Transport) add(ctx context.Context, c transport.CapableConn, path *Path) (network.Conn, error) {
	t.mu.Lock()
	l := t.listener
	t.mu.Unlock()
	if l == nil || t.network == nil {
		c.CloseWithError(network.ConnShutdown)
		return nil, errors.New("icetcp: no network takes the connection")
	}
	added := make(chan network.Conn, 1)
	watch := &network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
		if c.Stat().Extra[pathKey{}] == path {
			added <- c // once: a connection is added once
		}
	}}
	t.network.Notify(watch)
	defer t.network.StopNotify(watch)
	if err := l.pass(ctx, c); err != nil {
		return nil, err
	}
	select {
	case c := <-added:
		return c, nil
	case <-l.ctx.Done():
	case <-ctx.Done():
	}
	c.CloseWithError(network.ConnShutdown)
	return nil, fmt.Errorf("icetcp: the network does not take the connection: %w", context.Cause(ctx))
}
