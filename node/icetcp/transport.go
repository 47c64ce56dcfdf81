package icetcp

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/passeur-p2p/passeur/node/upgrade"
)

// Transport is the libp2p transport of "/ice".
type Transport struct {
	cfg      Config
	mux      *mux
	upgrader transport.Upgrader
	network  swarm // what listens on our behalf, nil if nothing does
	rc       network.ResourceManager
	dials    *slots // outbound negotiations
	answers  *slots // inbound ones

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // Dials

	front    *entrance
	relays   patience
	mappings patience

	mu       sync.Mutex
	closed   bool
	listener *listener // nil when there is none
	reports  map[peer.ID]Negotiation
	spare    []*entrance // of further connections to a peer, see Another
}

var _ transport.Transport = (*Transport)(nil)

// swarm is the network of a host. ListenClose is the counterpart of Listen.
type swarm interface {
	network.Network
	ListenClose(...ma.Multiaddr)
}

// AddTo gives h the transport: with an upgrader of its own, TLS 1.3 and yamux
// whatever the host uses elsewhere, registered on h's network and listening on
// /ice. The caller should hide the address, see [HideAddr], and may want to give the
// host's dials more than the swarm's 15 s (swarm.WithDialTimeout). To dial a peer,
// add [Addr] to its addresses in the peerstore. Closing h closes the transport.
func AddTo(h host.Host, cfg Config) (*Transport, error) {
	n, ok := h.Network().(transport.TransportNetwork)
	if !ok {
		return nil, fmt.Errorf("icetcp: %T takes no transports", h.Network())
	}
	key := h.Peerstore().PrivKey(h.ID())
	if key == nil {
		return nil, errors.New("icetcp: the host's private key is not in its peerstore")
	}
	u, err := upgrade.New(key, n.ResourceManager(), cfg.Gater)
	if err != nil {
		return nil, fmt.Errorf("icetcp: %w", err)
	}
	t, err := New(u, n.ResourceManager(), cfg)
	if err != nil {
		return nil, err
	}
	t.network, _ = n.(swarm)
	if err = n.AddTransport(t); err == nil {
		err = n.Listen(Addr)
	}
	if err != nil {
		t.Close()
		return nil, fmt.Errorf("icetcp: %w", err)
	}
	return t, nil
}

// New makes a transport that upgrades its connections with u; rc may be nil. Its TCP
// listeners are open from here on, but offers are answered only while Listen's
// listener is open. See [AddTo] for the usual way. It fails without cfg.Signaller, if
// a field of cfg is negative, or if cfg.Listen cannot be listened on.
func New(u transport.Upgrader, rc network.ResourceManager, cfg Config) (*Transport, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if rc == nil {
		rc = &network.NullResourceManager{}
	}
	m, err := newMux(cfg.Listen, firstFrameTimeout, cfg.Logger)
	if err != nil {
		return nil, err
	}
	t := &Transport{
		cfg: cfg, mux: m, upgrader: u, rc: rc,
		dials:   newSlots(cfg.MaxSessions, maxPeerSessions),
		answers: newSlots(cfg.MaxSessions, maxPeerSessions),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.front = &entrance{door: m.front, reflector: newReflector(m, m.front, cfg.STUN)}
	if cfg.Relay != nil {
		cfg.Relay.HandleConns(m.admitRelayed)
	}
	return t, nil
}

// Close ends negotiations, the listener and the connections that came of them. No
// goroutine and no socket is left when it returns.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	l := t.listener
	t.mu.Unlock()
	if t.network != nil {
		t.network.ListenClose(Addr) // or the network would wonder who closed its listener
	}
	t.cancel()
	if t.cfg.Relay != nil {
		t.cfg.Relay.HandleConns(nil)
	}
	if l != nil {
		l.Close()
	}
	t.wg.Wait()
	return t.mux.Close()
}

// CanDial implements transport.Transport: /ice and nothing else.
func (t *Transport) CanDial(a ma.Multiaddr) bool { return len(a) == 1 && a[0].Code() == P_ICE }

// Protocols implements transport.Transport.
func (t *Transport) Protocols() []int { return []int{P_ICE} }

// Proxy implements transport.Transport. Dials are for direct connections first.
func (t *Transport) Proxy() bool { return false }

// relayed is the transport of connections that came about through a TURN server.
// The swarm prefers others to them, and dials past them when it is told to.
type relayed struct{ *Transport }

func (relayed) Proxy() bool { return true }

func (t *Transport) String() string { return "ICE" }

// Dial implements transport.Transport. It offers p a session and connects; it fails
// with ErrBusy, ErrRefused or ErrNoHandOff, or with what the Signaller or ICE
// said. It returns at once, and frees everything, when ctx ends.
//
// With network.WithForceDirectDial relays are left out, and the swarm dials
// although a relayed connection stands: so one is replaced by a direct one.
func (t *Transport) Dial(ctx context.Context, raddr ma.Multiaddr, p peer.ID) (transport.CapableConn, error) {
	if !t.CanDial(raddr) {
		return nil, fmt.Errorf("icetcp: can dial %s, not %s", Addr, raddr)
	}
	ctx, end, err := t.beginDial(ctx, p)
	if err != nil {
		return nil, err
	}
	defer end()
	direct, _ := network.GetForceDirectDial(ctx)
	return t.dial(ctx, p, t.front, direct)
}

// beginDial begins one of the dials to p that there may be at a time. Its context ends
// with the transport, or when the time for it is over; end ends the dial.
func (t *Transport) beginDial(ctx context.Context, p peer.ID) (dialling context.Context, end func(), err error) {
	if !t.begin() {
		return nil, nil, ErrClosed
	}
	release := t.dials.acquire(p)
	if release == nil {
		t.wg.Done()
		return nil, nil, ErrBusy
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	stop := context.AfterFunc(t.ctx, cancel)
	return ctx, func() { release(); stop(); cancel(); t.wg.Done() }, nil
}

// dial offers p a session at an entrance and secures what comes of it.
func (t *Transport) dial(ctx context.Context, p peer.ID, at *entrance, direct bool) (transport.CapableConn, error) {
	c, err := t.offer(ctx, p, at, direct)
	switch {
	case err == nil:
	case t.ctx.Err() != nil:
		return nil, ErrClosed
	default:
		return nil, err
	}
	return t.secure(ctx, c, outbound(ctx), p)
}

// outbound is the direction of a dial; when libp2p coordinates two dials at once, it
// says which side is the server.
func outbound(ctx context.Context) network.Direction {
	if ok, isClient, _ := network.GetSimultaneousConnect(ctx); ok && !isClient {
		return network.DirInbound
	}
	return network.DirOutbound
}

// begin enters a Dial; false after Close.
func (t *Transport) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.wg.Add(1)
	return true
}

// secure makes a libp2p connection of c, with p and nobody else. The resource
// manager is asked here and not before the offer, since only now there is an
// address to count: all addresses without an IP share one small budget.
func (t *Transport) secure(ctx context.Context, c *conn, dir network.Direction, p peer.ID) (transport.CapableConn, error) {
	scope, err := t.rc.OpenConnection(dir, true, c.RemoteMultiaddr())
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("icetcp: resource manager: %w", err)
	}
	if err := scope.SetPeer(p); err != nil {
		scope.Done()
		c.Close()
		return nil, fmt.Errorf("icetcp: resource manager: %w", err)
	}
	via := transport.Transport(t)
	if c.path.Kind == Relayed {
		via = relayed{t}
	}
	raw := manet.Conn(c)
	if dir == network.DirOutbound {
		raw = newHasty(c)
	}
	secured, err := t.upgrader.Upgrade(ctx, via, raw, dir, p, scope) // ends scope and c on error
	if err != nil {
		return nil, fmt.Errorf("icetcp: %w", err)
	}
	path := *c.path
	t.cfg.Observe(Event{Peer: p, Phase: "tls", Path: &path, Detail: tlsDetail(path.TLS)})
	return secured, nil
}

func (t *Transport) newAgent(through *door) (*agent, error) {
	return newAgent(t.mux, through, t.cfg.Listen, t.cfg.Timeout, t.cfg.Logger)
}
