package node

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// clockProtocol tells what time it is here: whoever opens the stream reads the
// milliseconds since 1970, 8 bytes, big endian, and the end.
const clockProtocol protocol.ID = "/passeur/clock/1.0.0"

const (
	clockTimeout = 5 * time.Second
	clockPeers   = 8 // how many others are asked
)

// clock is the protocol's handler. Signed records and sealed messages carry
// times, so a clock that is off makes a node unreachable; only others can tell.
type clock struct{}

var _ Protocol = clock{}

func (clock) ID() protocol.ID { return clockProtocol }

func (clock) HandleStream(s network.Stream) {
	if err := s.SetDeadline(time.Now().Add(clockTimeout)); err != nil {
		s.Reset()
		return
	}
	if _, err := s.Write(binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixMilli()))); err != nil {
		s.Reset()
		return
	}
	s.Close()
}

func (clock) Close() error { return nil }

// askClock gives how far p's clock is ahead of ours, to about half a round trip.
func askClock(ctx context.Context, h host.Host, p peer.ID) (ahead time.Duration, err error) {
	ctx, cancel := context.WithTimeout(network.WithNoDial(ctx, "clock"), clockTimeout)
	defer cancel()
	asked := time.Now()
	s, err := h.NewStream(ctx, p, clockProtocol)
	if err != nil {
		return 0, err
	}
	defer s.Reset()
	if err := s.SetDeadline(asked.Add(clockTimeout)); err != nil {
		return 0, err
	}
	var raw [8]byte
	if _, err := io.ReadFull(s, raw[:]); err != nil {
		return 0, fmt.Errorf("read the time of %s: %w", p, err)
	}
	ms := binary.BigEndian.Uint64(raw[:])
	if ms > 1<<53 {
		return 0, fmt.Errorf("%s tells an impossible time", p)
	}
	middle := asked.Add(time.Since(asked) / 2)
	return time.UnixMilli(int64(ms)).Sub(middle), nil
}

// clockAhead asks some of the connected nodes and gives the median of how far they
// are ahead, and how many answered.
func clockAhead(ctx context.Context, h host.Host) (ahead time.Duration, asked int) {
	peers := h.Network().Peers()
	answers := make(chan time.Duration, clockPeers)
	var waiting int
	for _, p := range peers[:min(len(peers), clockPeers)] {
		waiting++
		go func() {
			d, err := askClock(ctx, h, p)
			if err != nil {
				d = unknown
			}
			answers <- d
		}()
	}
	var list []time.Duration
	for range waiting {
		if d := <-answers; d != unknown {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		return 0, 0
	}
	slices.Sort(list)
	return list[len(list)/2], len(list)
}

// unknown stands for no answer among durations.
const unknown = time.Duration(1<<63 - 1)
