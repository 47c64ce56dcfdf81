// Package sockopt suits TCP sockets to the path that they turn out to have. A path
// over which an answer takes 20 ms or more gets a congestion control that does not
// take every lost segment for a queue, and a send buffer that the path fits into,
// where the kernel grants them; a short path on which segments are lost gets the
// first. Everything else is left as the kernel has it.
//
// It holds no goroutine and no timer: whoever owns a connection calls [Socket.Suit] at
// a moment that is there anyway, when it begins or a file is about to flow. It is not
// a tuner of the system: it reads sysctls and writes none. Only Linux has what it asks
// for; elsewhere all of it does nothing.
package sockopt

import (
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

const (
	// Far is the round trip from which a path counts as long. Below it the kernel's
	// own choice fills the path, and pacing (BBR) costs more than it brings.
	Far = 20 * time.Millisecond
	// MaxBuffer bounds what is asked for as send buffer, in bytes; the kernel doubles it.
	MaxBuffer = 8 << 20

	// A path is lossy when more than lossyShare of at least lossySample segments were
	// sent again.
	lossyShare  = 0.003
	lossySample = 300
)

// BBR is the congestion control that is asked for.
const BBR = "bbr"

// Info is what the kernel says of a connection.
type Info struct {
	// RTT is the shortest round trip of the last minutes, which a queue does not
	// lengthen; 0: unknown.
	RTT time.Duration
	// Smoothed is what the kernel expects of the next round trip (RFC 6298). Where both
	// ends dialled at once RTT is too short: their SYNs crossed.
	Smoothed time.Duration
	// Sent counts segments with data, Resent those of them that were sent again.
	Sent, Resent uint32
	// Congestion is the name of the congestion control.
	Congestion string
}

// Lossy tells whether the path loses so much that it matters.
func (i Info) Lossy() bool {
	return i.Sent >= lossySample && float64(i.Resent) > lossyShare*float64(i.Sent)
}

// Socket is one TCP connection of this machine's. The nil *Socket stands for a
// connection of which nothing is known; all methods can be called on it.
type Socket struct {
	raw syscall.RawConn

	mu       sync.Mutex
	asked    bool // for BBR, granted or not
	buffered bool // the buffer was looked at
}

// New gives the socket of c, nil if c tells of none (see syscall.Conn). It does not
// keep c open.
func New(c net.Conn) *Socket {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return &Socket{raw: raw}
}

// key is where the socket lies in a connection's Stats.Extra.
type key struct{}

// Tell puts s where [Of] finds it: into the Extra of what a net.Conn's Stat gives.
func (s *Socket) Tell(extra map[any]any) {
	if s != nil {
		extra[key{}] = s
	}
}

// Of gives the socket of a connection, nil if its transport does not tell.
func Of(c network.ConnStat) *Socket {
	s, _ := c.Stat().Extra[key{}].(*Socket)
	return s
}

// Info asks the kernel; the zero value where it says nothing.
func (s *Socket) Info() (i Info) {
	if s == nil {
		return i
	}
	s.control(func(fd int) { i = info(fd) })
	return i
}

// RTT is Info's.
func (s *Socket) RTT() time.Duration { return s.Info().RTT }

// Suit looks at the path and asks for what it lacks. Each thing is asked for once,
// and a kernel that says no is not an error.
func (s *Socket) Suit() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked && s.buffered {
		return
	}
	s.control(s.suitLocked)
}

func (s *Socket) suitLocked(fd int) {
	i := info(fd)
	far := i.RTT >= Far
	if !s.asked && (i.Smoothed >= Far || i.Lossy()) {
		s.asked = true
		if i.Congestion != BBR {
			pace(fd)
		}
	}
	if !s.buffered && far {
		s.buffered = true
		enlarge(fd)
	}
}

// control calls f with the descriptor, unless the connection is closed.
func (s *Socket) control(f func(fd int)) { _ = s.raw.Control(func(fd uintptr) { f(int(fd)) }) }

// worthIt gives the send buffer to ask for, in bytes; 0: the kernel's own way goes as
// far. granted is the most that one may ask for, of which the kernel makes twice as
// much. Asking ends autotuning, which goes up to most.
func worthIt(granted, most int) int {
	want := min(granted, MaxBuffer)
	if 2*want <= most {
		return 0
	}
	return want
}
