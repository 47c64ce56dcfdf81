package icetcp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
)

const (
	// gatherTimeout is how long an offer or answer waits for what is not an address
	// of this machine: STUN servers, routers, TURN servers. After the first time all
	// of them answer at once, from memory or over a standing connection.
	gatherTimeout = 3 * time.Second
	// tiredTimeout is how long it waits for one that let the last one wait in vain.
	tiredTimeout = 200 * time.Millisecond
	// maxPorts is how many ports of one public address are offered. A NAT that shows
	// each STUN server another port shows the peer yet another.
	maxPorts = 2
)

// patience with a helper that may be out of reach: an offer or two wait for it, the
// others hardly.
type patience struct{ tired atomic.Bool }

// ask calls f, which must return when its context ends.
func (p *patience) ask(ctx context.Context, f func(context.Context)) {
	limit := gatherTimeout
	if p.tired.Load() {
		limit = tiredTimeout
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	f(limited)
	if ctx.Err() == nil {
		p.tired.Store(limited.Err() != nil)
	}
}

// negotiation is one session with a peer, from gathering to the nominated pair.
type negotiation struct {
	t           *Transport
	at          *entrance
	agent       *agent
	peer        peer.ID
	controlling bool
	direct      bool // no relays
	ours        sdp.Description
	theirs      *sdp.Description // set when it is known
	mapped      []netip.AddrPort // the addresses of ours that a router forwards
	giveBack    func()           // the loan of relayed addresses
	report      Negotiation
}

// begins gathers everything that we can offer. Every begins needs an end, unless
// it fails.
func (t *Transport) begins(ctx context.Context, p peer.ID, at *entrance, controlling, direct bool) (*negotiation, error) {
	a, err := t.newAgent(at.door)
	if err != nil {
		return nil, err
	}
	n := &negotiation{
		t: t, at: at, agent: a, peer: p, controlling: controlling, direct: direct, giveBack: func() {},
		report: Negotiation{Peer: p, Controlling: controlling, Started: time.Now()},
	}
	if err := n.gather(ctx); err != nil {
		n.end(err)
		return nil, err
	}
	return n, nil
}

// gather asks for host addresses, then at once for reflexive, mapped and relayed ones.
func (n *negotiation) gather(ctx context.Context) (err error) {
	if n.ours, err = n.agent.gatherHost(ctx); err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { n.t.relays.ask(ctx, n.borrow) })
	wg.Go(func() { n.t.mappings.ask(ctx, n.askMapper) })
	n.at.reflector.wait(ctx)
	wg.Wait()
	n.addMapped()
	n.addReflexive()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("icetcp: gather: %w", err)
	}
	return nil
}

// addReflexive adds the addresses that STUN servers see.
func (n *negotiation) addReflexive() {
	for _, r := range n.at.reflector.seen() {
		n.addSrflx(r.Seen, r.Local.Addr(), false)
	}
}

// askMapper asks which addresses routers forward.
func (n *negotiation) askMapper(ctx context.Context) {
	if port := n.at.port(false); n.t.cfg.Mapper != nil && port != 0 {
		n.mapped = n.t.cfg.Mapper.Mapped(ctx, port)
	}
}

// addMapped adds the addresses that routers forward.
func (n *negotiation) addMapped() {
	n.mapped = slices.DeleteFunc(slices.Clone(n.mapped), func(a netip.AddrPort) bool {
		return !a.IsValid() || a.Addr().IsUnspecified() || a.Port() == 0
	})
	for _, a := range n.mapped {
		a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		for _, c := range n.ours.Candidates {
			if c.Type == sdp.Host && c.Addr.Addr().Is4() == a.Addr().Is4() {
				n.addSrflx(a, c.Addr.Addr(), true)
				break
			}
		}
	}
}

// addSrflx adds a server reflexive candidate, unless the address is offered already:
// a machine without a NAT is seen under its own address.
func (n *negotiation) addSrflx(a netip.AddrPort, base netip.Addr, mapped bool) {
	var nth, ports int
	for _, c := range n.ours.Candidates {
		if c.Addr == a && c.TCPType != sdp.Active {
			return
		}
		if c.Type == sdp.Srflx {
			nth++
			if c.Addr.Addr() == a.Addr() && !c.Mapped {
				ports++
			}
		}
	}
	if nth == sdp.MaxReflexive || ports == maxPorts && !mapped {
		return
	}
	n.ours.Candidates = append(n.ours.Candidates, sdp.Candidate{
		Foundation: sdp.Foundation(sdp.Srflx, base), Priority: sdp.Priority(sdp.Srflx, nth),
		Addr: a, Type: sdp.Srflx, TCPType: sdp.Passive, Mapped: mapped,
	})
}

// borrow adds relayed addresses.
func (n *negotiation) borrow(ctx context.Context) {
	if n.t.cfg.Relay == nil || n.direct {
		return
	}
	addrs, giveBack, err := n.t.cfg.Relay.Borrow(ctx)
	if err != nil {
		if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
			n.t.cfg.Logger.Info("icetcp: no TURN server lends an address", "err", err)
		}
		return
	}
	n.ours.Relays = addrs[:min(len(addrs), sdp.MaxRelayed)]
	n.giveBack = giveBack
}

// found notes the pair that was nominated, which is that of s.
func (n *negotiation) found(p Path, s *socket) {
	n.report.Path = &p
	n.agent.ses.nominated(s)
}

// end frees everything but the socket that was handed off, and keeps the report.
func (n *negotiation) end(err error) {
	n.report.Attempts = n.agent.ses.attempted(n.theirs)
	n.agent.close()
	n.giveBack()
	n.report.Ended, n.report.Err = time.Now(), err
	n.report.Local = describe(n.ours)
	if n.theirs != nil {
		n.report.Remote = describe(*n.theirs)
	}
	n.t.keep(n.report)
}

// path tells what the pair of s is.
func (n *negotiation) path(s *socket) Path {
	theirs := remotes(n.theirs)
	remote := typeOf(s.remote, theirs)
	p := Path{
		Kind: n.kind(s, remote), LocalType: string(sdp.Host), RemoteType: string(remote),
		Local: s.local, Remote: s.remote, Controlling: n.controlling, RTT: s.rtt,
	}
	switch {
	case s.relay != "":
		p.LocalType, p.Relay = string(sdp.Relay), s.relay
	case remote == sdp.Relay:
		p.Relay = s.remote.Addr().String()
	case p.Kind == Mapped && !s.dialled:
		p.LocalType = string(sdp.Srflx)
	}
	return p
}

// kind classifies the pair of s, whose remote candidate has that type.
func (n *negotiation) kind(s *socket, remote sdp.Type) PathKind {
	mapped := func(c sdp.Candidate) bool { return c.Mapped && c.Addr == s.remote }
	switch {
	case s.relay != "" || remote == sdp.Relay:
		return Relayed
	case s.dialled && s.peerDialled && n.unobstructed(s, remote):
		return Direct
	case s.dialled && s.peerDialled:
		return Punched
	case s.dialled && slices.ContainsFunc(n.theirs.Candidates, mapped):
		return Mapped
	case s.dialled && remote == sdp.Srflx:
		return Punched
	case !s.dialled && len(n.mapped) > 0 && s.local.Addr().IsPrivate() && !s.remote.Addr().IsPrivate():
		return Mapped
	case !s.dialled && remote != sdp.Host && n.behindNAT():
		return Punched
	}
	return Direct
}

// unobstructed: the SYNs met on s, but one would have got through by itself: on a LAN,
// or to an IPv4 address that is one of a device's own. Not so over IPv6, where
// a firewall in front of such an address is usual.
func (n *negotiation) unobstructed(s *socket, remote sdp.Type) bool {
	local := s.local.Addr()
	if local.Is6() {
		lan, err := local.Prefix(64)
		return err == nil && lan.Contains(s.remote.Addr())
	}
	return remote == sdp.Host || !local.IsPrivate() && !carrierNAT.Contains(local) && !n.behindNAT()
}

// carrierNAT has the addresses that providers give to those behind their NAT (RFC 6598).
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// behindNAT: the world sees us under an address that is not ours.
func (n *negotiation) behindNAT() bool {
	return slices.ContainsFunc(n.ours.Candidates, func(c sdp.Candidate) bool { return c.Type == sdp.Srflx })
}
