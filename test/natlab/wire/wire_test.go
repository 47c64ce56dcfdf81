package wire_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
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
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
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
	return a, server
}

// A byte to and fro takes twice the delay, never less, and hardly longer when this
// machine has nothing else to do.
func TestDelay(t *testing.T) {
	const rtt = 50 * time.Millisecond
	a, server := connection(t, wire.Config{Delay: rtt / 2})
	go io.Copy(server, server)
	a.SetDeadline(time.Now().Add(lab.Patience))
	lab.Eventually(t, "a round trip takes its time and hardly longer", func() bool {
		start := time.Now()
		b := []byte{1}
		if _, err := a.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Read(b); err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		if took < rtt {
			t.Fatalf("a round trip of %v takes %v", rtt, took)
		}
		return took < rtt+rtt/5
	})
}

// A long transfer goes at the rate, headers included, also with a delay: never
// faster, and not much slower when this machine has nothing else to do.
func TestRate(t *testing.T) {
	const rate, size = 16e6, 3 << 20 // 1.6 s
	for _, delay := range []time.Duration{0, 10 * time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) {
			t.Parallel()
			a, server := connection(t, wire.Config{Delay: delay, Rate: rate})
			lab.Eventually(t, "a transfer goes at the rate", func() bool {
				got := measure(t, a, server, size)
				t.Logf("%.1f Mbit/s of %.1f", got/1e6, rate/1e6)
				if got > rate {
					t.Fatalf("%.1f Mbit/s, want a little less than %.1f", got/1e6, rate/1e6)
				}
				return got > 0.5*rate
			})
		})
	}
}

// measure sends size bytes and gives the rate in bits a second.
func measure(t *testing.T, from, to net.Conn, size int64) float64 {
	t.Helper()
	to.SetDeadline(time.Now().Add(lab.Patience))
	start := time.Now()
	go from.Write(make([]byte, size))
	if n, err := io.CopyN(io.Discard, to, size); err != nil {
		t.Fatalf("%d bytes of %d arrive: %v", n, size, err)
	}
	return float64(size) * 8 / time.Since(start).Seconds()
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
		arrived += count(server, 100*time.Millisecond)
	}
	arrived += count(server, 2*time.Second) // what came late
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
// of too much sees it, unless it was itself kept from sending.
func TestQueue(t *testing.T) {
	n := natlab.New(t, natlab.Config{A: natlab.Side{Link: wire.Config{Rate: 8e6, Queue: 30_000}}})
	server := datagrams(t, n.Server, "203.0.113.100:7000")
	a := datagrams(t, n.A, "203.0.113.11:7000")
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("203.0.113.100:7000"))
	lab.Eventually(t, "what is too much is dropped", func() bool {
		for range 200 { // 200 kB at once, of which 30 kB and what leaves meanwhile have room
			if _, err := a.WriteTo(make([]byte, 1000), to); err != nil {
				t.Fatal(err)
			}
		}
		arrived := count(server, 2*time.Second)
		if arrived < 25 {
			t.Fatalf("%d of 200 datagrams arrive", arrived)
		}
		return arrived < 120
	})
}
