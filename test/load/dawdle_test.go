package load

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/test/lab"
)

// port is where dawdlers come: from where, with the beginning of what, and how many of
// them the node may bear; 0: as many as libp2p scales to the machine. open looks for what
// is to go on while they stand.
type port struct {
	addr      string
	from      func(int) netip.Addr
	beginning string
	most      int
	open      func()
}

// dawdle opens connections to a port, says one byte of a beginning after the other on
// each, and counts those that the node bears for how long.
func (w *world) dawdle(p port) (thrown, outcome string) {
	var mu sync.Mutex
	var conns []net.Conn
	refused := 0
	inParallel(32, w.most.dawdlers, func(i int) {
		at := netip.MustParseAddr("127.0.0.1")
		if p.from != nil {
			at = p.from(i % w.most.addresses)
		}
		c, err := raw(w.t.Context(), at, p.addr)
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
	if p.open != nil {
		p.open()
	}
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
	most := w.speakSlowly(conns, p.beginning, p.addr)
	if p.most > 0 && most > p.most {
		w.t.Errorf("%d connections stand at %s, of %d at most", most, p.addr, p.most)
	}
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

// askOnTCP asks the API's port as who has the token.
func (x *target) askOnTCP() {
	x.t.Helper()
	token, err := os.ReadFile(api.TokenPath(x.Home))
	if err != nil {
		x.t.Error(err)
	}
	ctx, cancel := context.WithTimeout(x.t.Context(), lab.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+httpAddr+"/v1/node", nil)
	if err != nil {
		x.t.Error(err)
		return
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	transport := http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		x.t.Errorf("who has the token is not answered: %v", err)
		return
	}
	if answer.Body.Close(); answer.StatusCode != http.StatusOK {
		x.t.Errorf("who has the token hears %s", answer.Status)
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
