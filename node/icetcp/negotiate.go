package icetcp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
)

// offer negotiates a connection with p as the controlling agent at an entrance;
// direct: without relays on either side.
func (t *Transport) offer(ctx context.Context, p peer.ID, at *entrance, direct bool) (c *conn, err error) {
	n, err := t.begins(ctx, p, at, true, direct)
	if err != nil {
		return nil, err
	}
	defer func() { n.end(err) }()
	if n.theirs, err = t.exchange(ctx, p, n.ours); err != nil {
		return nil, err
	}
	return t.connect(ctx, n)
}

// exchange sends our text to p and gives that of the answer.
func (t *Transport) exchange(ctx context.Context, p peer.ID, ours sdp.Description) (*sdp.Description, error) {
	request := sdp.NewMessage(1+rand.Uint64N(sdp.MaxID), sdp.Request, ours)
	b, err := request.Marshal()
	if err != nil {
		return nil, fmt.Errorf("icetcp: %w", err)
	}
	t.cfg.Observe(Event{Peer: p, Phase: "offered", Detail: addresses(ours)})
	b, err = t.cfg.Signaller.Offer(ctx, p, b)
	if err != nil {
		return nil, fmt.Errorf("icetcp: offer: %w", err)
	}
	theirs, err := readAnswer(b, request.ID)
	if err != nil {
		return nil, fmt.Errorf("icetcp: answer: %w", err)
	}
	t.cfg.Observe(Event{Peer: p, Phase: "answered", Detail: addresses(*theirs)})
	return theirs, nil
}

func readAnswer(b []byte, id uint64) (*sdp.Description, error) {
	m, err := sdp.ParseMessage(b)
	switch {
	case err != nil:
		return nil, err
	case m.Kind != sdp.Answer || m.ID != id:
		return nil, errors.New("not the answer to our offer")
	case m.Refused() && m.Refusal != "":
		return nil, fmt.Errorf("%w: %s", ErrRefused, m.Refusal)
	case m.Refused():
		return nil, ErrRefused
	}
	return readDescription(m)
}

// readDescription reads the other side's text, which must know the hand-off.
func readDescription(m *sdp.Message) (*sdp.Description, error) {
	d, err := m.Description()
	if err == nil && !d.HandOff {
		err = ErrNoHandOff
	}
	return d, err
}

func addresses(d sdp.Description) string {
	n := 0
	for _, c := range d.Candidates {
		if c.TCPType != sdp.Active {
			n++
		}
	}
	return fmt.Sprintf("%d addresses", n)
}

// connect finds the pair and hands off its socket. The caller ends the negotiation,
// and closes the connection.
func (t *Transport) connect(ctx context.Context, n *negotiation) (*conn, error) {
	t.permit(n)
	theirs := remotes(n.theirs)
	if n.direct {
		theirs = slices.DeleteFunc(theirs, func(c sdp.Candidate) bool { return c.Type == sdp.Relay })
	}
	n.agent.keepPorts = !manyPorts(n.ours) && !manyPorts(*n.theirs)
	s, err := n.agent.connect(ctx, n.theirs, t.dialable(n.peer, theirs), t.cfg.RelayDelay, n.controlling)
	if err != nil {
		return nil, err
	}
	path := n.path(s)
	c, err := newConn(s, &path)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("icetcp: %w", err)
	}
	seen := path
	n.found(path, s)
	t.cfg.Observe(Event{Peer: n.peer, Phase: "pair", Path: &seen, Detail: path.String()})
	return c, nil
}

// manyPorts: STUN servers saw d at several ports of one address, as behind a
// symmetric NAT.
func manyPorts(d sdp.Description) bool {
	seen := make(map[netip.Addr]bool)
	for _, c := range d.Candidates {
		if c.Type == sdp.Srflx && c.TCPType == sdp.Passive && !c.Mapped {
			if seen[c.Addr.Addr()] {
				return true
			}
			seen[c.Addr.Addr()] = true
		}
	}
	return false
}

// remotes gives the other side's candidates, its relayed addresses among them.
func remotes(d *sdp.Description) []sdp.Candidate {
	cs := slices.Clone(d.Candidates)
	for i, r := range d.Relays {
		cs = append(cs, sdp.Candidate{
			Foundation: sdp.Foundation(sdp.Relay, r.Addr()), Priority: sdp.Priority(sdp.Relay, i),
			Addr: r, Type: sdp.Relay, TCPType: sdp.Passive,
		})
	}
	return cs
}

// permit lets the other side's addresses come through our relays.
func (t *Transport) permit(n *negotiation) {
	if len(n.ours.Relays) == 0 {
		return
	}
	var peers []netip.Addr
	for _, c := range n.theirs.Candidates {
		if ip := c.Addr.Addr(); c.Type != sdp.Relay && !slices.Contains(peers, ip) {
			peers = append(peers, ip)
		}
	}
	n.agent.ses.wg.Go(func() {
		ctx := n.agent.ses.ctx
		if err := t.cfg.Relay.Permit(ctx, peers); err != nil && ctx.Err() == nil {
			t.cfg.Logger.Info("icetcp: a relay does not let the peer in", "peer", n.peer, "err", err)
		}
	})
}

// dialable picks the candidates of p that our policy and the gater let us dial.
func (t *Transport) dialable(p peer.ID, cs []sdp.Candidate) (out []sdp.Candidate) {
	policy := sdp.Policy{Loopback: t.cfg.Listen.Addr().IsLoopback()}
	for _, c := range policy.Dialable(cs) {
		if t.cfg.Gater != nil {
			addr, err := manet.FromNetAddr(net.TCPAddrFromAddrPort(c.Addr))
			if err != nil || !t.cfg.Gater.InterceptAddrDial(p, addr.Encapsulate(Addr)) {
				continue
			}
		}
		out = append(out, c)
	}
	return out
}
