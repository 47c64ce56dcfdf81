package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/internal/sockopt"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
)

// moreLinks opens further connections to devices that are connected: one TCP
// connection does not fill a long path. All of them go over /ice, whatever the first
// one is. Who asks for one may close it; one that nobody uses is closed here.
type moreLinks struct {
	n *Node

	mu   sync.Mutex
	idle map[network.Conn]int // how often in a row each was seen without a stream
}

// idleLooks is after how many such looks in a row a connection is closed.
const idleLooks = 2

var _ rerequest.Links = (*moreLinks)(nil)

func newMoreLinks(n *Node) *moreLinks {
	bbr, buffer := sockopt.Kernel()
	n.log.Debug("what the kernel grants connections over long paths", "bbr", bbr, "send buffer", buffer)
	return &moreLinks{n: n, idle: map[network.Conn]int{}}
}

// RTT is the time of a question and its answer over a connection, 0 if unknown, of the
// way without its queues. To ask is also the moment to look at what the path needs.
func (l *moreLinks) RTT(c network.Conn) time.Duration {
	socket := sockopt.Of(c)
	socket.Suit()
	rtt := socket.RTT()
	if p, ours := icetcp.PathOf(c); ours && p.Kind == icetcp.Relayed {
		rtt = max(rtt, p.RTT) // the socket ends at the relay
	}
	return rtt
}

// Another opens one more connection to a device that is connected, at most
// icetcp.MaxAnother; relays are used only where no direct connection stands.
func (l *moreLinks) Another(ctx context.Context, device peer.ID) (network.Conn, error) {
	direct, connected := l.pathTo(device)
	if !connected {
		return nil, fmt.Errorf("one more connection to %s: there is none yet", device)
	}
	c, err := l.n.ice.Another(ctx, device, direct)
	if err != nil {
		return nil, fmt.Errorf("one more connection to %s: %w", device, err)
	}
	l.mu.Lock()
	l.idle[c] = 0
	l.mu.Unlock()
	return c, nil
}

// pathTo tells whether connections to the device stand, and a direct one among them.
func (l *moreLinks) pathTo(device peer.ID) (direct, connected bool) {
	for _, c := range l.n.host.Network().ConnsToPeer(device) {
		p, ours := icetcp.PathOf(c)
		direct = direct || !ours || p.Kind != icetcp.Relayed
		connected = true
	}
	return direct, connected
}

// tidy closes those that have had no stream at the last looks. To be called every
// few seconds.
func (l *moreLinks) tidy() {
	for _, c := range l.unused() {
		c.Close()
	}
}

// unused looks at each, and gives those that are to be closed.
func (l *moreLinks) unused() (list []network.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.idle {
		switch {
		case c.IsClosed():
			delete(l.idle, c)
		case len(c.GetStreams()) > 0:
			l.idle[c] = 0
		case l.idle[c]+1 < idleLooks:
			l.idle[c]++
		default:
			delete(l.idle, c)
			list = append(list, c)
		}
	}
	return list
}
