package scale

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	connman "github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
)

// deadDial is what a dial to a device that has gone costs: libp2p's patience with TCP.
// One that still has an operating system answers sooner.
const deadDial = 5 * time.Second

// The connection manager's marks, as an ordinary node has them.
const connsLow, connsHigh = 96, 192

// machine is a host on the simulated network. It counts what is sent by the protocols
// that this is about. A dial takes it the round trips of TCP and TLS, as long as the
// caller's patience lasts, and one that failed is not tried again for a while: as
// libp2p's swarm does it, which mocknet does not.
type machine struct {
	host.Host
	world *world
	conns *connman.BasicConnMgr
	sent  *counts

	mu      sync.Mutex
	backoff map[peer.ID]backoff
}

// backoff is how often a peer was not reached, and until when it is not dialled.
type backoff struct {
	tries int
	until time.Time
}

// counts are what a node has sent.
type counts struct{ messages, bytes, dials, vain atomic.Int64 }

func (m *machine) ConnManager() connmgr.ConnManager { return m.conns }

func (m *machine) Connect(ctx context.Context, p peer.AddrInfo) error {
	if m.Network().Connectedness(p.ID) != network.Connected {
		if err := m.dial(ctx, p.ID); err != nil {
			return fmt.Errorf("dial %s: %w", p.ID, err)
		}
	}
	return m.Host.Connect(ctx, p)
}

// dial takes as long as a dial does; an error says that it came to nothing.
func (m *machine) dial(ctx context.Context, p peer.ID) error {
	if m.backsOff(p) {
		return swarm.ErrDialBackoff
	}
	m.sent.dials.Add(1)
	ctx, cancel := context.WithTimeout(ctx, network.GetDialPeerTimeout(ctx))
	defer cancel()
	delay, alive := m.world.dial(m.ID(), p)
	select {
	case <-time.After(delay):
	case <-ctx.Done():
	}
	if !alive {
		m.sent.vain.Add(1)
	}
	if ctx.Err() != nil {
		return ctx.Err() // the swarm does not hold it against the peer
	}
	m.note(p, alive)
	if !alive {
		return swarm.ErrAllDialsFailed
	}
	return nil
}

func (m *machine) backsOff(p peer.ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Before(m.backoff[p].until)
}

// note remembers how a dial ended.
func (m *machine) note(p peer.ID, alive bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if alive {
		delete(m.backoff, p)
		return
	}
	b := m.backoff[p]
	pause := swarm.BackoffBase + swarm.BackoffCoef*time.Duration(b.tries*b.tries)
	m.backoff[p] = backoff{b.tries + 1, time.Now().Add(min(pause, swarm.BackoffMax))}
}

func (m *machine) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	if noDial, _ := network.GetNoDial(ctx); !noDial {
		if err := m.Connect(ctx, peer.AddrInfo{ID: p}); err != nil {
			return nil, err
		}
	}
	s, err := m.Host.NewStream(ctx, p, ids...)
	if err != nil {
		return nil, err
	}
	return counted{s, m}, nil
}

func (m *machine) SetStreamHandler(id protocol.ID, f network.StreamHandler) {
	m.Host.SetStreamHandler(id, func(s network.Stream) { f(counted{s, m}) })
}

// counted is a stream on which each write counts as a message. What one that has gone
// writes, or is written, is lost.
type counted struct {
	network.Stream
	from *machine
}

func (s counted) Write(b []byte) (int, error) {
	if !s.from.world.there(s.from.ID()) {
		return len(b), nil
	}
	s.from.sent.messages.Add(1)
	s.from.sent.bytes.Add(int64(len(b)))
	if !s.from.world.there(s.Conn().RemotePeer()) {
		return len(b), nil
	}
	return s.Stream.Write(b)
}
