package portmap

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// run searches for routers until the Mapper closes: at once, after Renew, with
// growing pauses while there is none that maps, and now and then otherwise.
func (m *Mapper) run() {
	retry := m.cfg.Retry
	for m.ctx.Err() == nil {
		m.search()
		retry = m.pause(retry)
	}
}

// pause waits until the next search is due. retry is the pause for those who have
// no router; the next such pause is returned.
func (m *Mapper) pause(retry time.Duration) time.Duration {
	longer := min(2*retry, searchPause)
	pause, next := retry, longer
	if m.healthy() {
		pause, next = searchPause, m.cfg.Retry
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-m.sick:
			timer.Reset(retry)
			next = longer
		case <-timer.C:
			return next
		case <-m.renew:
			return m.cfg.Retry
		case <-m.ctx.Done():
			return 0
		}
	}
}

// healthy says whether a router does its work, or would if there was any.
func (m *Mapper) healthy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for _, r := range m.routers {
		if len(m.ports) == 0 || len(r.mappings) < len(m.ports) {
			return true
		}
		for _, mp := range r.mappings {
			if mp.usable(now) {
				return true
			}
		}
	}
	return false
}

// search asks for routers by all protocols at once, once.
func (m *Mapper) search() {
	m.mu.Lock()
	m.searching = true
	m.mu.Unlock()

	gateways := defaultGateways(m.cfg.Logger)
	var wg sync.WaitGroup
	for _, p := range m.cfg.Protocols {
		switch p {
		case UPnP:
			wg.Go(func() { m.searchUPnP(gateways) })
		case NATPMP:
			m.probe(&wg, gateways, func(ctx context.Context, gw netip.Addr) (driver, error) { return probeNATPMP(ctx, gw) })
		case PCP:
			m.probe(&wg, gateways, func(ctx context.Context, gw netip.Addr) (driver, error) { return probePCP(ctx, gw, m.nonce) })
		}
	}
	wg.Wait()

	m.mu.Lock()
	defer m.mu.Unlock()
	m.searching = len(m.renew) > 0
	m.announceLocked()
}

// probe asks each gateway whether it speaks a protocol.
func (m *Mapper) probe(wg *sync.WaitGroup, gateways []netip.Addr, ask func(context.Context, netip.Addr) (driver, error)) {
	for _, gw := range gateways {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(m.ctx, searchTime)
			defer cancel()
			d, err := ask(ctx, gw)
			if err != nil {
				m.cfg.Logger.Debug("no port mapping", "gateway", gw, "err", err)
				return
			}
			m.found(gw, d, true)
		})
	}
}

// found takes note of a router that speaks a protocol. isGateway: this device's
// traffic goes through it.
func (m *Mapper) found(gateway netip.Addr, d driver, isGateway bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	r := m.routers[gateway]
	if r == nil {
		if !isGateway && m.strangersLocked() >= maxStrangers {
			m.cfg.Logger.Warn("too many routers", "gateway", gateway)
			return
		}
		r = newRouter(m, gateway, !isGateway)
		m.routers[gateway] = r
		m.wg.Go(r.keep)
		m.cfg.Logger.Info("found a router", "gateway", gateway, "protocol", d.protocol())
	}
	r.speaksLocked(d)
	m.announceLocked()
}

func (m *Mapper) strangersLocked() (n int) {
	for _, r := range m.routers {
		if r.stranger {
			n++
		}
	}
	return n
}

// lost drops a router that does not answer any more. One that had worked is
// searched for at once: it may be about to come back, or another has its place.
func (m *Mapper) lost(r *router, worked bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.routers, r.gateway)
	if worked {
		m.searching = true
		signal(m.renew)
	} else {
		signal(m.sick)
	}
	m.announceLocked()
}

// searchUPnP searches on all networks of this device.
func (m *Mapper) searchUPnP(gateways []netip.Addr) {
	var wg sync.WaitGroup
	for _, n := range networks(m.cfg.Logger) {
		wg.Go(func() { m.searchNetwork(n, gateways) })
	}
	wg.Wait()
}

// searchNetwork searches on one network, and looks at what answers.
func (m *Mapper) searchNetwork(n netip.Prefix, gateways []netip.Addr) {
	ctx, cancel := context.WithTimeout(m.ctx, searchTime)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	err := ssdpSearch(ctx, n, gateways, func(a ssdpAnswer) {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(m.ctx, requestTime)
			defer cancel()
			d, err := openIGD(ctx, a)
			if err != nil {
				m.cfg.Logger.Debug("no use for a UPnP device", "gateway", a.from, "err", err)
				return
			}
			m.found(a.from, d, slices.Contains(gateways, a.from))
		})
	})
	if err != nil && m.ctx.Err() == nil {
		m.cfg.Logger.Debug("search by SSDP", "network", n, "err", err)
	}
}
