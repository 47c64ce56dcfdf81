package turnrelay_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node/turnrelay"
	"github.com/passeur-p2p/passeur/test/lab"
)

const (
	at4  = "203.0.113.100:3478"
	tcp4 = "turn:203.0.113.100"
	tcp6 = "turn:[fd00:113::100]?transport=tcp"
	tls4 = "turns:203.0.113.100"
	tls6 = "turns:[fd00:113::100]:5349"
)

// The server is reached over IPv4 and IPv6, TCP and TLS, and lends addresses of
// both families to all of them.
func TestFamilies(t *testing.T) {
	startCoturn(t, at4)
	for _, url := range []string{tcp4, tcp6, tls4, tls6} {
		t.Run(url, func(t *testing.T) {
			r := newRelay(t, url, nil)
			ch := arrivals(t, r)
			v4, v6, _ := borrow(t, r)
			permit(t, r, peer4, peer6)
			for _, c := range []struct {
				from    netip.Addr
				relayed netip.AddrPort
			}{{peer4, v4}, {peer6, v6}} {
				in, out := connect(t, ch, c.from, c.relayed)
				echo(t, in, out)
				if got := in.LocalAddr().String(); got != c.relayed.String() {
					t.Errorf("local address %s, want the relayed %s", got, c.relayed)
				}
				if got := in.RemoteAddr().String(); got != out.LocalAddr().String() {
					t.Errorf("remote address %s, want the peer's %s", got, out.LocalAddr())
				}
				if u, _ := turnrelay.ParseURL(url); in.server != u.Addr() {
					t.Errorf("server %q, want %q", in.server, u.Addr())
				}
				if sc, err := in.Conn.(syscall.Conn).SyscallConn(); err != nil || sc == nil {
					t.Errorf("no socket to set options of: %v", err)
				}
			}
		})
	}
}

// Where a firewall lets nothing out but the web's port, TLS there does.
func TestOnlyTLS443(t *testing.T) {
	c := startCoturn(t, "203.0.113.100:443", "--no-tcp", "--tls-listening-port", "443")
	r := newRelay(t, "turns:203.0.113.100:443", nil)
	ch := arrivals(t, r)
	v4, _, _ := borrow(t, r)
	permit(t, r, peer4)
	in, out := connect(t, ch, peer4, v4)
	echo(t, in, out)
	if _, err := net.Dial("tcp", at4); err == nil {
		t.Error("the server is not only on 443")
	}
	if c.count(`TLS cipher|SSL|tls connected to`) == 0 {
		t.Error("the server saw no TLS")
	}
}

// Files cross whole in both directions. The peer waits for a first byte, as the
// hand-off of ICE makes it.
func TestBytes(t *testing.T) {
	startCoturn(t, at4)
	const size = 64 << 20
	data := make([]byte, size)
	rand.Read(data)
	for _, url := range []string{tcp4, tls4} {
		t.Run(url, func(t *testing.T) {
			r := newRelay(t, url, nil)
			ch := arrivals(t, r)
			v4, _, _ := borrow(t, r)
			permit(t, r, peer4)
			in, out := connect(t, ch, peer4, v4)
			echo(t, in, out)
			if err := carry(out, in, data); err != nil {
				t.Error("in:", err)
			}
			if err := carry(in, out, data); err != nil {
				t.Error("out:", err)
			}
		})
	}
}

// carry sends data and compares what comes.
func carry(from, to net.Conn, data []byte) error {
	sent := make(chan error, 1)
	go func() {
		_, err := from.Write(data)
		sent <- err
	}()
	sum := sha256.New()
	to.SetReadDeadline(time.Now().Add(2 * time.Minute))
	n, err := io.CopyN(sum, to, int64(len(data)))
	to.SetReadDeadline(time.Time{})
	if err != nil {
		from.Close()
		return fmt.Errorf("after %d of %d bytes: %w", n, len(data), errors.Join(err, <-sent))
	}
	if want := sha256.Sum256(data); string(sum.Sum(nil)) != string(want[:]) {
		return errors.New("other bytes came than were sent")
	}
	return <-sent
}

// Several connections come in through one allocation at once, from both families.
func TestParallel(t *testing.T) {
	c := startCoturn(t, at4)
	r := newRelay(t, tcp4, nil)
	ch := arrivals(t, r)
	v4, v6, _ := borrow(t, r)
	permit(t, r, peer4, peer6)
	data := make([]byte, 4<<20)
	rand.Read(data)
	var wg sync.WaitGroup
	for i, to := range []netip.AddrPort{v4, v6, v4, v6, v4} {
		host := peer4
		if to.Addr().Is6() {
			host = peer6
		}
		var from, into net.Conn
		into, from = connect(t, ch, host, to)
		echo(t, into, from)
		if i >= 3 { // not both ways at once, see HandleConns
			from, into = into, from
		}
		wg.Go(func() {
			if err := carry(from, into, data); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := r.Servers()[0].Conns; n != 5 {
		t.Errorf("%d connections counted, want 5", n)
	}
	if n := c.allocated(); n != 2 {
		t.Errorf("%d allocations made, want 2", n)
	}
}

// Nobody but the permitted peer gets in.
func TestStranger(t *testing.T) {
	startCoturn(t, at4)
	r := newRelay(t, tcp4, nil)
	ch := arrivals(t, r)
	v4, _, _ := borrow(t, r)
	permit(t, r, peer4)
	c, err := dialFrom(stranger4, v4)
	if err == nil {
		ends(t, c)
		c.Close()
	}
	in, out := connect(t, ch, peer4, v4) // the next that comes is the peer
	echo(t, in, out)
	if got := in.RemoteAddr().String(); !strings.HasPrefix(got, peer4.String()+":") {
		t.Errorf("%s came in", got)
	}
}

// Without a function to give them to, connections are refused.
func TestNoHandler(t *testing.T) {
	startCoturn(t, at4)
	r := newRelay(t, tcp4, nil)
	v4, _, _ := borrow(t, r)
	permit(t, r, peer4)
	c, err := dialFrom(peer4, v4)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	permit(t, r, peer4) // comes back after the attempt
	if n := r.Servers()[0].Conns; n != 0 {
		t.Errorf("%d connections", n)
	}
}

// A server that forgets permissions soon is reminded in time, and no longer when
// nobody wants it.
func TestPermissionsStayFresh(t *testing.T) {
	c := startCoturn(t, at4, "--permission-lifetime=5")
	r := newRelay(t, tcp4, func(cfg *turnrelay.Config) { cfg.PermissionInterval = 500 * time.Millisecond })
	ch := arrivals(t, r)
	v4, _, _ := borrow(t, r)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := r.Permit(ctx, []netip.Addr{peer4, peer6}); err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, "renewed for longer than five seconds", func() bool {
		return c.count(`peer 203.0.113.11 lifetime updated: 5`) > 12
	})
	if c.count(`peer 203.0.113.11 deleted`) > 0 {
		t.Error("the server forgot the permission meanwhile")
	}
	in, out := connect(t, ch, peer4, v4)
	echo(t, in, out)
	cancel()
	lab.Eventually(t, "forgotten", func() bool { return c.count(`peer 203.0.113.11 deleted`) > 0 })
	echo(t, in, out) // who is in, stays
	if late, err := dialFrom(peer4, v4); err == nil {
		ends(t, late)
		late.Close()
	}
}

// Nonces that go stale within a second cost a round trip, no more.
func TestStaleNonce(t *testing.T) {
	c := startCoturn(t, at4, "--stale-nonce=1")
	r := newRelay(t, tcp4, func(cfg *turnrelay.Config) { cfg.PermissionInterval = time.Second })
	ch := arrivals(t, r)
	v4, _, _ := borrow(t, r)
	permit(t, r, peer4)
	for i := range 3 {
		lab.Eventually(t, "a stale nonce", func() bool { return c.count(`error 438`) > i })
		in, out := connect(t, ch, peer4, v4)
		echo(t, in, out)
	}
}

// An allocation outlives the lifetime that the server gives it.
func TestRefresh(t *testing.T) {
	c := startCoturn(t, at4, "--max-allocate-lifetime=8")
	r := newRelay(t, tcp4, nil)
	ch := arrivals(t, r)
	v4, _, _ := borrow(t, r)
	permit(t, r, peer4)
	lab.Eventually(t, "both refreshed thrice, each time after four seconds", func() bool { return c.count(`refreshed, `) >= 6 })
	in, out := connect(t, ch, peer4, v4)
	echo(t, in, out)
	if n := c.allocated(); n != 2 {
		t.Errorf("%d allocations, want 2", n)
	}
}

// An allocation stays while there is a loan, while a connection lives, and a little
// longer; then the server is told.
func TestLifetime(t *testing.T) {
	c := startCoturn(t, at4)
	r := newRelay(t, tcp4, func(cfg *turnrelay.Config) {
		cfg.PermissionInterval = 20 * time.Millisecond
		cfg.Linger = 100 * time.Millisecond
	})
	ch := arrivals(t, r)
	v4, v6, release := borrow(t, r)
	permit(t, r, peer4, peer6)
	ticks := func(n int) {
		t.Helper()
		n += c.count(`peer 203.0.113.11 lifetime updated`)
		lab.Eventually(t, "time passes", func() bool { return c.count(`peer 203.0.113.11 lifetime updated`) >= n })
	}
	ticks(20)
	if n := c.standing(); n != 2 {
		t.Fatalf("%d allocations while there is a loan", n)
	}
	in, out := connect(t, ch, peer4, v4)
	again, _, release2 := borrow(t, r)
	if again != v4 {
		t.Errorf("a second loan gives %s, the first %s", again, v4)
	}
	release()
	release() // counts once
	ticks(20)
	if n := c.standing(); n != 2 {
		t.Fatalf("%d allocations while there is a second loan", n)
	}
	release2()
	lab.Eventually(t, "the IPv6 address is given back", func() bool { return c.standing() == 1 })
	if late, err := dialFrom(peer6, v6); err == nil {
		t.Error("somebody listens at the IPv6 address yet")
		late.Close()
	}
	ticks(20)
	echo(t, in, out)
	in.Close()
	lab.Eventually(t, "the IPv4 address is given back", func() bool { return c.standing() == 0 })
	lab.Eventually(t, "nothing is connected", func() bool { return connections(t) == "" })
	if n := c.count(`refreshed, .*lifetime=0`); n != 2 {
		t.Errorf("the server was told of %d ends, want 2", n)
	}
	if v4, _, _ := borrow(t, r); !v4.IsValid() {
		t.Error("no new loan")
	}
}

// Close leaves nothing behind, here and at the server.
func TestClose(t *testing.T) {
	c := startCoturn(t, at4)
	for _, url := range []string{tcp4, tls6} {
		r := newRelay(t, url, nil)
		ch := arrivals(t, r)
		v4, _, _ := borrow(t, r)
		permit(t, r, peer4)
		in, out := connect(t, ch, peer4, v4)
		echo(t, in, out)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		ends(t, out)
		if _, err := in.Read(make([]byte, 1)); err == nil {
			t.Error("a relayed connection survives")
		}
		in.Close()
		out.Close()
		lab.Eventually(t, "nothing stands", func() bool { return c.standing() == 0 && connections(t) == "" })
		if err := r.Close(); err != nil {
			t.Error("second Close:", err)
		}
		if _, release, err := r.Borrow(within(t)); !errors.Is(err, turnrelay.ErrClosed) || release == nil {
			t.Error("Borrow:", err)
		}
		if err := r.Permit(within(t), []netip.Addr{peer4}); !errors.Is(err, turnrelay.ErrClosed) {
			t.Error("Permit:", err)
		}
	}
}

// All methods may be called at once, and nothing is asked twice.
func TestConcurrent(t *testing.T) {
	c := startCoturn(t, at4)
	r := newRelay(t, tcp4, nil)
	ch := arrivals(t, r)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			addrs, release, err := r.Borrow(within(t))
			defer release()
			if err != nil {
				t.Error(err)
				return
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if err := r.Permit(ctx, []netip.Addr{peer4}); err != nil {
				t.Error(err)
				return
			}
			r.Servers()
			out, err := dialFrom(peer4, addrs[0])
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { out.Close() })
			select {
			case <-ch:
			case <-time.After(lab.Patience):
				t.Error("a connection did not come")
			}
		})
	}
	wg.Wait()
	if n := c.allocated(); n != 2 {
		t.Errorf("%d allocations, want 2", n)
	}
	closing := make(chan struct{})
	for range 4 {
		wg.Go(func() { <-closing; r.Close() })
		wg.Go(func() {
			<-closing
			_, release, _ := r.Borrow(within(t))
			r.Permit(within(t), []netip.Addr{peer4})
			release()
		})
	}
	close(closing)
	wg.Wait()
	lab.Eventually(t, "nothing stands", func() bool { return c.standing() == 0 })
}

// The connections of an allocation are bounded.
func TestMaxConns(t *testing.T) {
	startCoturn(t, at4)
	r := newRelay(t, tcp4, func(cfg *turnrelay.Config) { cfg.MaxConns = 2 })
	ch := arrivals(t, r)
	v4, _, _ := borrow(t, r)
	permit(t, r, peer4)
	first, _ := connect(t, ch, peer4, v4)
	connect(t, ch, peer4, v4)
	third, err := dialFrom(peer4, v4)
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	permit(t, r, peer4) // comes back after the attempt
	if st := r.Servers()[0]; st.Conns != 2 {
		t.Errorf("%d connections", st.Conns)
	}
	first.Close()
	in, out := connect(t, ch, peer4, v4)
	echo(t, in, out)
}
