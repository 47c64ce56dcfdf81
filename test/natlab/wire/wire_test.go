package wire_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/natlab"
	"github.com/passeur-p2p/passeur/test/natlab/wire"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m.Run)) }

// connection gives both ends of a TCP connection from A, whose link is cfg, to
// the server.
func connection(t *testing.T, cfg wire.Config) (a, server net.Conn) {
	t.Helper()
	n := natlab.New(t, natlab.Config{A: natlab.Side{Link: cfg}})
	l, err := n.Server.Listen("203.0.113.100:7000")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if a, err = n.A.Dial(ctx, nil, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Close()
		server.Close()
	})
	a.SetDeadline(time.Now().Add(60 * time.Second))
	server.SetDeadline(time.Now().Add(60 * time.Second))
	return a, server
}

// A byte to and fro takes twice the delay, and hardly longer.
func TestDelay(t *testing.T) {
	const rtt = 50 * time.Millisecond
	a, server := connection(t, wire.Config{Delay: rtt / 2})
	go io.Copy(server, server)
	var times []time.Duration
	for range 20 {
		start := time.Now()
		b := []byte{1}
		if _, err := a.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Read(b); err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	t.Logf("round trips of %v: least %v, median %v, most %v", rtt, times[0], times[10], times[19])
	// The median may wait for other work of this machine, the least hardly.
	if times[0] < rtt || times[0] > rtt+5*time.Millisecond || times[10] > rtt+25*time.Millisecond {
		t.Errorf("round trips take %v, want %v", times, rtt)
	}
}

// A long transfer goes at the rate, headers included, also with a delay.
func TestRate(t *testing.T) {
	const rate, size = 16e6, 3 << 20 // 1.6 s
	for _, delay := range []time.Duration{0, 10 * time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) {
			a, server := connection(t, wire.Config{Delay: delay, Rate: rate})
			start := time.Now()
			go func() {
				a.Write(make([]byte, size))
				a.(*net.TCPConn).CloseWrite()
			}()
			if n, err := io.Copy(io.Discard, server); n != size || err != nil {
				t.Fatalf("%d bytes of %d arrive: %v", n, size, err)
			}
			got := size * 8 / time.Since(start).Seconds()
			t.Logf("%.1f Mbit/s of %.1f", got/1e6, rate/1e6)
			if got > rate || got < 0.5*rate {
				t.Errorf("%.1f Mbit/s, want a little less than %.1f", got/1e6, rate/1e6)
			}
		})
	}
}

// The part of the datagrams that is to get lost gets lost.
func TestLoss(t *testing.T) {
	n := natlab.New(t, natlab.Config{A: natlab.Side{Link: wire.Config{Loss: 0.1}}})
	server := datagrams(t, n.Server, "203.0.113.100:7000")
	a := datagrams(t, n.A, "203.0.113.11:7000")
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("203.0.113.100:7000"))
	arrived := 0
	for range 20 { // no more at once than a receiver's buffer holds
		for range 100 {
			if _, err := a.WriteTo([]byte("datagram"), to); err != nil {
				t.Fatal(err)
			}
		}
		arrived += count(server, 200*time.Millisecond)
	}
	if lost := 1 - float64(arrived)/2000; lost < 0.05 || lost > 0.15 {
		t.Errorf("%.3f get lost, want 0.1", lost)
	}
}

// count reads datagrams until none comes for the time given.
func count(c *net.UDPConn, quiet time.Duration) (n int) {
	for b := make([]byte, 2000); ; n++ {
		c.SetReadDeadline(time.Now().Add(quiet))
		if _, err := c.Read(b); err != nil {
			return n
		}
	}
}

func datagrams(t *testing.T, h *natlab.Host, at string) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	err := h.Do(func() (err error) {
		c, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// What waits for its turn longer than the queue allows is dropped: the sender
// of too much sees it.
func TestQueue(t *testing.T) {
	n := natlab.New(t, natlab.Config{A: natlab.Side{Link: wire.Config{Rate: 8e6, Queue: 30_000}}})
	server := datagrams(t, n.Server, "203.0.113.100:7000")
	a := datagrams(t, n.A, "203.0.113.11:7000")
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("203.0.113.100:7000"))
	for range 200 { // 200 kB at once, of which 30 kB and what leaves meanwhile have room
		if _, err := a.WriteTo(make([]byte, 1000), to); err != nil {
			t.Fatal(err)
		}
	}
	arrived := count(server, 2*time.Second)
	if arrived < 25 || arrived > 120 {
		t.Errorf("%d of 200 datagrams arrive", arrived)
	}
}
