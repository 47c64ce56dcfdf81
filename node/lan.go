package node

import (
	"context"
	"log/slog"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// maxLANDials bounds the dials that multicast can make this node attempt at once.
const maxLANDials = 8

// lan finds nodes on the local network by multicast DNS and connects to them,
// which is how they enter the routing table where there is no internet.
type lan struct {
	host    host.Host
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc
	dialing sync.WaitGroup

	life    sync.Mutex // held while the service is exchanged
	service *multicast // guarded by life; nil: there is no LAN, or it is closed

	mu   sync.Mutex
	busy map[peer.ID]bool // dials under way
}

func startLAN(h host.Host, log *slog.Logger) *lan {
	l := &lan{host: h, log: log, busy: map[peer.ID]bool{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.renew()
	return l
}

// renew answers with the addresses that the machine has now, on the networks it is in
// now. Where there is none it is silent until the next call.
func (l *lan) renew() {
	l.life.Lock()
	defer l.life.Unlock()
	if l.ctx.Err() != nil {
		return
	}
	l.stopLocked()
	service, err := startMulticast(l.host, l.log, l.found)
	if err != nil {
		l.log.Warn("nodes on the LAN cannot be looked for until this machine's addresses change", "error", err)
		return
	}
	l.service = service
}

func (l *lan) stopLocked() {
	if l.service != nil {
		l.service.Close()
		l.service = nil
	}
}

// found is called again and again for the same peer, and by anyone on the LAN who
// cares to answer.
func (l *lan) found(p peer.AddrInfo) {
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
	l.life.Lock()
	l.stopLocked()
	l.life.Unlock()
	l.dialing.Wait()
	return nil
}
