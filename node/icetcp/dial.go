package icetcp

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
)

const (
	// Between two dials: often enough that two SYNs meet, not in step with the other side's.
	dialPause  = 100 * time.Millisecond
	dialJitter = 220 * time.Millisecond
	// A router that refuses what it did not expect shuts the hole in ours, too, after
	// the round trip of the refusal, so the two SYNs meet by chance only: the more
	// often both are sent, measured by that time, the sooner. The refusals hurried are
	// bounded, since the address is a stranger's word.
	maxHurried   = 1000
	hurryFactor  = 6
	hurryAtLeast = 2 * time.Millisecond
	hurryAtMost  = 50 * time.Millisecond
	// dialTimeout bounds one dial; the kernel repeats its SYN meanwhile.
	dialTimeout = 20 * time.Second
	// takenTries is how often a 4-tuple that the kernel holds is tried again, after
	// takenPause, and four times that, and so on: the peer's connection may be on its
	// way through accept. Or else one has just closed.
	takenTries = 3
	takenPause = 5 * time.Millisecond
)

// sleep waits; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// dialLocked starts to dial remote from b, unless that is under way. ses.mu is held.
func (b *base) dialLocked(remote netip.AddrPort) {
	if b.dialling[remote] {
		return
	}
	b.dialling[remote] = true
	if a := b.ses.attemptLocked(tuple{b.addr, remote}); a.Dials == 0 && !a.Open {
		a.Failure = unanswered
	}
	b.ses.wg.Go(func() {
		s := b.dial(remote)
		b.ses.mu.Lock()
		delete(b.dialling, remote)
		b.ses.mu.Unlock()
		if s == nil {
			return
		}
		if b := b.ses.adopt(s); b != nil {
			b.ses.serve(b, s, make([]byte, maxFrame))
		}
	})
}

// dial keeps dialling remote until it has a socket, the peer has opened one, or the
// session ends. It leaves from the listening port: a NAT then shows the address
// that the peer dials, and two SYNs that meet make one connection.
func (b *base) dial(remote netip.AddrPort) *socket {
	from, taken, refused := b.addr, 0, 0
	for {
		pause := dialPause + rand.N(dialJitter)
		begin := time.Now()
		c, err := dialFrom(b.ses.ctx, from, remote)
		if err == nil {
			return b.ses.mux.open(c, true, b.ses, "")
		}
		if b.failed(remote, err) {
			return nil
		}
		if errors.Is(err, syscall.ECONNREFUSED) && refused < maxHurried && b.ses.reflexive(remote) {
			refused++
			pause = hurried(time.Since(begin))
		}
		if errors.Is(err, syscall.EADDRNOTAVAIL) && from.Port() != 0 {
			if taken++; taken > takenTries || b.elsewhere(remote) {
				from = netip.AddrPortFrom(b.addr.Addr(), 0)
				continue
			}
			pause = takenPause << (2 * (taken - 1))
		}
		if !sleep(b.ses.ctx, pause) {
			return nil
		}
	}
}

// hurried gives the pause after a refusal that took so long to come, around
// hurryFactor as long.
func hurried(refusal time.Duration) time.Duration {
	mean := min(max(hurryFactor*refusal, hurryAtLeast), hurryAtMost)
	return mean/2 + rand.N(mean)
}

// reflexive: the other side has announced that address as one of a router.
func (ses *session) reflexive(remote netip.AddrPort) bool {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	return ses.dialable[remote] == sdp.Srflx
}

// failed notes a dial that failed, and tells whether the peer has opened a
// connection meanwhile.
func (b *base) failed(remote netip.AddrPort, err error) (open bool) {
	b.ses.mu.Lock()
	defer b.ses.mu.Unlock()
	if open = b.socks[remote] != nil; !open {
		b.ses.attemptLocked(tuple{b.addr, remote}).failed(err)
	}
	return open
}

// elsewhere: the connection from the listening port to remote exists and serves
// another session, or was handed off.
func (b *base) elsewhere(remote netip.AddrPort) bool {
	ses, ok := b.ses.mux.holder(tuple{b.addr, remote})
	return ok && ses != nil && ses != b.ses
}

func dialFrom(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	if !sharesPort {
		from = netip.AddrPortFrom(from.Addr(), 0)
	}
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(from), Timeout: dialTimeout, KeepAlive: -1}
	if from.Port() != 0 {
		d.Control = reusePort
	}
	return d.DialContext(ctx, "tcp", to.String())
}

// Two devices that offer each other a session at once may dial along the same
// 4-tuple, the two SYNs meet, and the one connection serves one session here and
// the other there. Both sides see it at the first check, and both know both
// sessions' user fragments; so both give the connection to the same session.

// contend looks at a check on a dialled socket whose session is not yet sure. ours:
// the check is for this session. rival is the session that shall have the socket.
func (ses *session) contend(frame []byte) (rival *session, ours bool) {
	other, theirs, err := ses.mux.authenticate(frame)
	switch {
	case err != nil: // a response, say: leave it to the agent
		return nil, false
	case other == ses:
		return nil, true
	case slices.Compare(contention(other.local.ufrag, theirs), contention(ses.local.ufrag, ses.peer().ufrag)) < 0:
		return other, false
	}
	return nil, false
}

// contention is the same on both sides of a session.
func contention(a, b string) []string {
	s := []string{a, b}
	slices.SortFunc(s, cmp.Compare[string])
	return s
}

func (ses *session) peer() credentials {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	return ses.remote
}

// cede gives s, with the frame just read and its memory, to the rival: on a goroutine
// of the rival's, since who ends this session waits for its own.
func (ses *session) cede(s *socket, rival *session, frame, buf []byte) {
	ses.release(s)
	if b := rival.adopt(s); b != nil {
		go func() {
			b.deliver(frame, s)
			rival.serve(b, s, buf)
		}()
	}
}
