package load

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// dawdle opens connections to a port, says one byte of a beginning after the other on
// each, and counts those that the node bears for how long.
func (w *world) dawdle(to string, from func(int) netip.Addr, beginning string) (thrown, outcome string) {
	var mu sync.Mutex
	var conns []net.Conn
	refused := 0
	inParallel(32, w.most.dawdlers, func(i int) {
		at := netip.MustParseAddr("127.0.0.1")
		if from != nil {
			at = from(i % w.most.addresses)
		}
		c, err := raw(w.t.Context(), at, to)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			refused++
			return
		}
		conns = append(conns, c)
	})
	began := time.Now()
	w.transfer(w.contacts[1], w.most.size/4) // while they stand
	var reading sync.WaitGroup
	for _, c := range conns {
		reading.Go(func() { // until the node ends it
			c.SetReadDeadline(began.Add(time.Minute))
			for b := make([]byte, 4096); ; {
				if _, err := c.Read(b); err != nil {
					c.Close()
					return
				}
			}
		})
	}
	most := w.speakSlowly(conns, beginning, to)
	thrown = fmt.Sprintf("%d connections, a byte a second on each", w.most.dawdlers)
	outcome = fmt.Sprintf("%d not made, %d at most at once", refused, most)
	if !w.most.brief {
		reading.Wait()
		return thrown, fmt.Sprintf("%s, all ended after %.0f s", outcome, time.Since(began).Seconds())
	}
	for _, c := range conns {
		c.Close()
	}
	reading.Wait()
	return thrown, outcome
}

// speakSlowly writes a byte a second on each connection until all have been ended, and
// tells how many the node bore at once.
func (w *world) speakSlowly(conns []net.Conn, beginning, to string) (most int) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 0; ; i++ {
		most = max(most, w.node.established(to))
		alive := 0
		for _, c := range conns {
			if _, err := c.Write([]byte{beginning[i%len(beginning)]}); err == nil {
				alive++
			}
		}
		if alive == 0 || i > 60 || w.most.brief && i > 0 {
			return most
		}
		<-tick.C
	}
}

// icePort is the other port that the node listens on.
func (x *target) icePort() string {
	for _, s := range x.sockets() {
		if s.state == listening && s.local.Addr().IsUnspecified() && s.local.Port() != 4001 {
			return net.JoinHostPort(nodeAddr, fmt.Sprint(s.local.Port()))
		}
	}
	x.t.Fatal("the node listens for ICE nowhere")
	return ""
}

// established counts the connections that have come to a port and that the node holds.
func (x *target) established(to string) (n int) {
	for _, s := range x.sockets() {
		if s.state == 1 && s.held && s.local.String() == to {
			n++
		}
	}
	return n
}

const listening = 10

// tcpSocket is a line of /proc/net/tcp. A socket that nobody has accepted, or that was
// closed, is not held.
type tcpSocket struct {
	local netip.AddrPort
	state int64
	held  bool
}

func (x *target) sockets() (all []tcpSocket) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", x.PID()))
	if err != nil {
		x.t.Error(err)
	}
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) < 10 || !strings.Contains(f[1], ":") {
			continue
		}
		ip, err1 := strconv.ParseUint(f[1][:8], 16, 32)
		port, err2 := strconv.ParseUint(f[1][9:], 16, 16)
		state, err3 := strconv.ParseInt(f[3], 16, 64)
		if err1 != nil || err2 != nil || err3 != nil {
			continue
		}
		addr := netip.AddrFrom4([4]byte{byte(ip), byte(ip >> 8), byte(ip >> 16), byte(ip >> 24)})
		all = append(all, tcpSocket{netip.AddrPortFrom(addr, uint16(port)), state, f[9] != "0"})
	}
	return all
}
