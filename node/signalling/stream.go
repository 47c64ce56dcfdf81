package signalling

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Names under which the resource manager accounts for streams.
const (
	inboxService  = "passeur.inbox"
	directService = "passeur.signal"
)

// serviceOf names the service that a protocol's streams belong to.
func serviceOf(id protocol.ID) string {
	if id == DirectProtocol {
		return directService
	}
	return inboxService
}

// watch resets st when ctx ends or d has passed, whichever comes first, unless
// the function it returns is called before. Timers are used rather than deadlines
// of the stream because not every stream has those.
func watch(ctx context.Context, st network.Stream, d time.Duration) (stop func()) {
	unwatch := context.AfterFunc(ctx, func() { st.Reset() })
	timer := time.AfterFunc(d, func() { st.Reset() })
	return func() { timer.Stop(); unwatch() }
}

// account makes the resource manager count st and the one frame that is read
// from it. release gives the frame's memory back.
func account(st network.Stream) (release func(), err error) {
	if err := st.Scope().SetService(serviceOf(st.Protocol())); err != nil {
		return nil, fmt.Errorf("attach the stream to its service: %w", err)
	}
	if err := st.Scope().ReserveMemory(maxFrame, network.ReservationPriorityAlways); err != nil {
		return nil, fmt.Errorf("reserve memory for a frame: %w", err)
	}
	return func() { st.Scope().ReleaseMemory(maxFrame) }, nil
}

// openStream opens a stream of protocol id to p within openTimeout.
func openStream(ctx context.Context, h host.Host, p peer.ID, id protocol.ID) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(network.WithAllowLimitedConn(ctx, "signalling"), openTimeout)
	defer cancel()
	st, err := h.NewStream(ctx, p, id)
	if err != nil {
		return nil, err
	}
	if err := st.Scope().SetService(serviceOf(id)); err != nil {
		st.Reset()
		return nil, fmt.Errorf("attach the stream to its service: %w", err)
	}
	return st, nil
}

// exchange sends f and reads the reply, both within timeout; ctx's end resets st.
func exchange(ctx context.Context, st network.Stream, f frame, timeout time.Duration) (frame, error) {
	defer watch(ctx, st, timeout)()
	if err := writeFrame(st, f); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	reply, err := readFrame(st)
	if err != nil {
		return nil, fmt.Errorf("await the reply: %w", err)
	}
	if c, isError := reply.(code); isError {
		return nil, c
	}
	return reply, nil
}

// readTimed reads one frame within timeout.
func readTimed(ctx context.Context, st network.Stream, timeout time.Duration) (frame, error) {
	defer watch(ctx, st, timeout)()
	return readFrame(st)
}

// writeTimed writes one frame within frameTimeout.
func writeTimed(ctx context.Context, st network.Stream, f frame) error {
	defer watch(ctx, st, frameTimeout)()
	return writeFrame(st, f)
}

// finish ends a stream: closed in good order, or reset.
func finish(st network.Stream, err error) {
	if err != nil {
		st.Reset()
		return
	}
	st.Close()
}

// ended closes the channel it returns when the other side ends the stream, which
// is the only thing it may do: a further byte resets it. Reset the stream to end
// the goroutine.
func ended(life *lifetime, st network.Stream) <-chan struct{} {
	gone := make(chan struct{})
	started := life.run(func() {
		defer close(gone)
		var b [1]byte
		if n, err := st.Read(b[:]); n > 0 || err != io.EOF {
			st.Reset()
		}
	})
	if !started {
		close(gone)
	}
	return gone
}

// sourceOf groups connections by where they come from: an IPv4 address, an IPv6
// /64, or the peer itself where the connection has no address.
func sourceOf(c network.Conn) string {
	return sourceOfAddr(c.RemoteMultiaddr(), c.RemotePeer())
}

func sourceOfAddr(a ma.Multiaddr, p peer.ID) string {
	if a == nil {
		return p.String()
	}
	ip, err := manet.ToIP(a)
	if err != nil {
		return p.String()
	}
	addr, valid := netip.AddrFromSlice(ip)
	if !valid {
		return p.String()
	}
	if addr = addr.Unmap(); addr.Is4() {
		return addr.String()
	}
	prefix, _ := addr.Prefix(64)
	return prefix.String()
}
