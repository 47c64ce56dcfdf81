package node

import (
	"context"
	"log/slog"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
)

// mdnsService is the DNS-SD service name that nodes on a LAN look for.
const mdnsService = "_passeur._udp"

// maxLANDials bounds the dials that multicast can make this node attempt at once.
const maxLANDials = 8

// lan finds nodes on the local network by multicast DNS and connects to them,
// which is how they enter the routing table where there is no internet.
type lan struct {
	host    host.Host
	log     *slog.Logger
	service mdns.Service
	ctx     context.Context
	cancel  context.CancelFunc
	dialing sync.WaitGroup

	mu   sync.Mutex
	busy map[peer.ID]bool // dials under way
}

func startLAN(h host.Host, log *slog.Logger) (*lan, error) {
	l := &lan{host: h, log: log, busy: map[peer.ID]bool{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.service = mdns.NewMdnsService(h, mdnsService, l)
	if err := l.service.Start(); err != nil {
		l.cancel()
		return nil, err
	}
	return l, nil
}

// HandlePeerFound is called again and again for the same peer, and by anyone on
// the LAN who cares to answer.
func (l *lan) HandlePeerFound(p peer.AddrInfo) {
	if p.ID == l.host.ID() || l.host.Network().Connectedness(p.ID) == network.Connected || !l.begin(p.ID) {
		return
	}
	go func() {
		defer l.end(p.ID)
		if err := connectWithin(l.ctx, l.host, p, bootstrapDial); err != nil {
			l.log.Debug("node on the LAN not reached", "peer", p.ID, "error", err)
		}
	}()
}

func (l *lan) begin(p peer.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[p] || len(l.busy) >= maxLANDials || l.ctx.Err() != nil {
		return false
	}
	l.busy[p] = true
	l.dialing.Add(1)
	return true
}

func (l *lan) end(p peer.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, p)
	l.dialing.Done()
}

func (l *lan) Close() error {
	l.mu.Lock()
	l.cancel()
	l.mu.Unlock()
	err := l.service.Close()
	l.dialing.Wait()
	return err
}
