package icetcp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"

	"github.com/libp2p/go-libp2p/core/peer"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
)

// offer negotiates a connection with p as the controlling agent.
func (t *Transport) offer(ctx context.Context, p peer.ID) (*conn, error) {
	a, err := t.newAgent()
	if err != nil {
		return nil, err
	}
	defer a.close()
	ours, err := a.gather(ctx)
	if err != nil {
		return nil, err
	}
	theirs, err := t.exchange(ctx, p, ours)
	if err != nil {
		return nil, err
	}
	return t.connect(ctx, a, p, theirs, true)
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

// connect finds the pair and hands off its socket. The caller closes the agent, and
// the connection.
func (t *Transport) connect(ctx context.Context, a *agent, p peer.ID, theirs *sdp.Description, controlling bool) (*conn, error) {
	s, err := a.connect(ctx, theirs, t.dialable(p, theirs.Candidates), controlling)
	if err != nil {
		return nil, err
	}
	path := pathOf(s, theirs.Candidates)
	path.Controlling = controlling
	path.RTT = a.roundTrip(s.remote)
	c, err := newConn(s, &path)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("icetcp: %w", err)
	}
	seen := path
	t.cfg.Observe(Event{Peer: p, Phase: "pair", Path: &seen, Detail: path.String()})
	return c, nil
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
