// Package patience lends a host little patience: for those who have many others to ask,
// as the DHT and the inboxes do. One of the many that does not answer is not worth
// waiting for. libp2p waits five seconds for its dial, each time, and kad-dht twice ten
// for its answer when it has gone and its connection has not been missed yet.
//
// It is not for the dial to one peer in particular.
package patience

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	// Short is how long a dial may take, or an answer: TCP's round trip and TLS's between two who are
	// both behind geostationary satellites take 1.3 s.
	Short = 2 * time.Second
	// quick is how long a dial takes, identify included, over a line that is not the
	// reason when others take longer; an answer takes half of it at most.
	quick = time.Second
	// lately is for how long one quick dial or answer speaks for the line.
	lately = time.Minute
	// pause is how long nobody is dialled or asked again that was given up.
	pause = 30 * time.Second
	// maxGone bounds how many are remembered as given up.
	maxGone = 4096
)

// ErrGone says that a peer was not dialled or asked, for it did not answer just now.
var ErrGone = errors.New("it did not answer just now")

// Host is a host that gives its own dials up after [Short], and does not repeat them for
// half a minute, as long as those to other peers come off quickly. Over a line on which
// none does, or which is full, and with the only one that there is, it has libp2p's
// patience. What others of the same host dial is theirs.
//
// It does the same with streams of protocols that ask: one on which nothing comes for
// that long after something was written is reset.
type Host struct {
	host.Host
	asks []protocol.ID

	mu    sync.Mutex
	quick [2]sign // of two peers, the newest first
	gone  absent  // is not dialled
	mute  absent  // is not asked
}

// sign is when a dial to a peer last came off quickly, or its answer came.
type sign struct {
	of peer.ID
	at time.Time
}

// absent are those that were given up, until when.
type absent map[peer.ID]time.Time

// New gives h with little patience, on streams of asks, too: protocols on which each
// message that this side writes is a question to be answered at once.
func New(h host.Host, asks ...protocol.ID) *Host {
	return &Host{Host: h, asks: asks, gone: absent{}, mute: absent{}}
}

// Connect connects as host.Host does, or fails sooner.
func (h *Host) Connect(ctx context.Context, p peer.AddrInfo) error {
	if h.Network().Connectedness(p.ID) == network.Connected {
		return h.Host.Connect(ctx, p)
	}
	hurried, known := h.known(p.ID)
	if known {
		return fmt.Errorf("dial %s: %w", p.ID, ErrGone)
	}
	began, dialling := time.Now(), ctx
	if hurried && network.GetDialPeerTimeout(ctx) > Short {
		dialling = network.WithDialPeerTimeout(ctx, Short)
	}
	err := h.Host.Connect(dialling, p)
	if ctx.Err() == nil {
		h.note(p.ID, time.Since(began), err, hurried)
	}
	return err
}

// NewStream opens a stream as host.Host does. If that needs a dial, it may fail sooner.
func (h *Host) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	if noDial, _ := network.GetNoDial(ctx); !noDial {
		if err := h.Connect(ctx, peer.AddrInfo{ID: p}); err != nil {
			return nil, err
		}
	}
	if !slices.ContainsFunc(ids, h.isQuestion) {
		return h.Host.NewStream(ctx, p, ids...)
	}
	if h.isMute(p) {
		return nil, fmt.Errorf("ask %s: %w", p, ErrGone)
	}
	s, err := h.Host.NewStream(ctx, p, ids...)
	if err != nil {
		return nil, err
	}
	return &asking{Stream: s, host: h}, nil
}

// Forgive forgets who was given up. It is for one who has nobody left to ask.
func (h *Host) Forgive() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.gone)
	clear(h.mute)
}

// known tells whether the line is known to be quick, by others than p, and whether p is
// to have gone.
func (h *Host) known(p peer.ID) (hurried, gone bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	by := h.quick[0]
	if by.of == p {
		by = h.quick[1]
	}
	now := time.Now()
	return now.Sub(by.at) < lately, now.Before(h.gone[p])
}

// sawLocked notes that p was quick.
func (h *Host) sawLocked(p peer.ID) {
	if h.quick[0].of != p {
		h.quick[1] = h.quick[0]
	}
	h.quick[0] = sign{p, time.Now()}
}

// note draws conclusions from a dial that took so long.
func (h *Host) note(p peer.ID, took time.Duration, err error, hurried bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil:
		delete(h.gone, p)
		if took < quick {
			h.sawLocked(p)
		}
	case hurried && took >= Short:
		h.gone.add(p, time.Now())
	}
}

// add remembers p for a while. It forgets those whose time is over when there are too
// many, or all if these are none.
func (a absent) add(p peer.ID, now time.Time) {
	if len(a) >= maxGone {
		maps.DeleteFunc(a, func(_ peer.ID, until time.Time) bool { return now.After(until) })
	}
	if len(a) >= maxGone {
		clear(a)
	}
	a[p] = now.Add(pause)
}
