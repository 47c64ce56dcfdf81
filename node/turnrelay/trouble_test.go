package turnrelay_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node/turnrelay"
	"github.com/passeur-p2p/passeur/test/lab"
)

// fails borrows from one server and gives the error.
func fails(t testing.TB, s turnrelay.Server, timeout time.Duration) error {
	t.Helper()
	r, err := turnrelay.New(turnrelay.Config{Servers: []turnrelay.Server{s}, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	addrs, release, err := r.Borrow(within(t))
	if err == nil || len(addrs) > 0 {
		t.Fatalf("lent %v", addrs)
	}
	release()
	if st := r.Servers()[0].Err; st == nil || st.Error() != err.Error() {
		t.Errorf("status says %v, Borrow %v", st, err)
	}
	var se *turnrelay.ServerError
	u, _ := turnrelay.ParseURL(s.URL)
	if !errors.As(err, &se) || se.Server != u.String() {
		t.Errorf("%#v does not name the server", err)
	}
	return err
}

func wants(t testing.TB, err, reason error, words ...string) {
	t.Helper()
	if !errors.Is(err, reason) {
		t.Errorf("%v is not %v", err, reason)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

// serve runs a server that is none of TURN.
func serve(t testing.TB, handle func(net.Conn)) turnrelay.Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); handle(c) }()
		}
	}()
	return account("turn:" + l.Addr().String())
}

// What goes wrong is said in a sentence that names the server and what to do.
func TestTrouble(t *testing.T) {
	startCoturn(t, at4)
	with := func(url, user, password string) turnrelay.Server {
		s := account(url)
		s.Username, s.Password = user, password
		return s
	}
	for _, c := range []struct {
		name    string
		server  turnrelay.Server
		timeout time.Duration
		reason  error
		words   []string
	}{
		{"wrong password", with(tcp4, user, "guess"), 0, turnrelay.ErrCredentials,
			[]string{"turn:203.0.113.100:3478", "401", "check username and password"}},
		{"wrong user", with(tls6, "nobody", password), 0, turnrelay.ErrCredentials,
			[]string{"turns:[fd00:113::100]:5349", "401"}},
		{"nothing there", account("turn:203.0.113.100:9"), 0, turnrelay.ErrUnreachable, []string{"connection refused"}},
		{"no answer", account("turn:198.51.100.2"), 3 * time.Second, turnrelay.ErrUnreachable, []string{"no answer"}},
		{"no such name", account("turn:turn.invalid"), 0, turnrelay.ErrUnreachable, []string{"turn.invalid"}},
		{"TLS to a TCP port", serve(t, func(c net.Conn) { io.WriteString(c, "no TLS here\n") }), 0, nil, nil},
		{"web server", serve(t, func(c net.Conn) {
			c.Read(make([]byte, 1))
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}), 0, turnrelay.ErrNotTURN, []string{"write turns:"}},
		{"closes", serve(t, func(c net.Conn) { c.Read(make([]byte, 1000)) }), 0, turnrelay.ErrNotTURN, []string{"EOF"}},
		{"silent", serve(t, func(c net.Conn) { io.Copy(io.Discard, c) }), 3 * time.Second, turnrelay.ErrNotTURN, []string{"says nothing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.reason == nil {
				c.server.URL = strings.Replace(c.server.URL, "turn:", "turns:", 1)
				c.reason, c.words = turnrelay.ErrNotTURN, []string{"TLS handshake", "write turn: instead"}
			}
			err := fails(t, c.server, c.timeout)
			wants(t, err, c.reason, c.words...)
		})
	}
}

// The certificate has to be the server's and from somebody known.
func TestCertificate(t *testing.T) {
	startCoturn(t, at4)
	s := account(tls4)
	s.RootCAs = nil
	wants(t, fails(t, s, 0), turnrelay.ErrCertificate, "TLS handshake", "authority")
	s = account(tls4)
	s.ServerName = "other.test"
	wants(t, fails(t, s, 0), turnrelay.ErrCertificate, "TLS handshake", "other.test")
}

// What the server's operator has to change.
func TestPolicy(t *testing.T) {
	t.Run("no TCP relay", func(t *testing.T) {
		startCoturn(t, at4, "--no-tcp-relay")
		wants(t, fails(t, account(tcp4), 0), turnrelay.ErrNoTCP, "no-tcp-relay")
	})
	t.Run("TCP port with TLS", func(t *testing.T) {
		startCoturn(t, "203.0.113.100:5349", "--no-tcp")
		err := fails(t, account("turn:203.0.113.100:5349"), 2*time.Second)
		wants(t, err, turnrelay.ErrNotTURN, "write turns:")
	})
	t.Run("peer denied", func(t *testing.T) {
		startCoturn(t, at4, "--denied-peer-ip="+stranger4.String())
		r := newRelay(t, tcp4, nil)
		ch := arrivals(t, r)
		v4, _, _ := borrow(t, r)
		err := r.Permit(within(t), []netip.Addr{stranger4})
		wants(t, err, turnrelay.ErrForbidden, "403", stranger4.String())
		permit(t, r, stranger4, peer4) // the other one is let in
		in, out := connect(t, ch, peer4, v4)
		echo(t, in, out)
	})
}

// The quota of a user leaves one address of two, or none.
func TestQuota(t *testing.T) {
	c := startCoturn(t, at4, "--user-quota=1")
	r := newRelay(t, tcp4, nil)
	v4, v6, _ := borrow(t, r)
	if v4.IsValid() == v6.IsValid() {
		t.Errorf("lent %s and %s, want one", v4, v6)
	}
	wants(t, r.Servers()[0].Err, turnrelay.ErrQuota, "486", "user-quota")
	wants(t, fails(t, account(tcp4), 0), turnrelay.ErrQuota, "486")
	r.Close()
	lab.Eventually(t, "it is given back", func() bool { return c.standing() == 0 })
	borrow(t, newRelay(t, tcp4, nil))
}

// A server without IPv6 lends the other family, is not asked for IPv6 each time, and
// cannot be reached by IPv6 peers.
func TestOneFamily(t *testing.T) {
	c := startCoturn(t, at4, ipv4Only)
	r := newRelay(t, tcp4, nil)
	for range 3 {
		v4, v6, _ := borrow(t, r)
		if !v4.IsValid() || v6.IsValid() {
			t.Errorf("lent %s and %s", v4, v6)
		}
	}
	if n := c.count(`error 401`); n != 2 { // a challenge for each connection
		t.Errorf("%d connections made, want 2", n)
	}
	wants(t, r.Servers()[0].Err, turnrelay.ErrFamily, "440")
	wants(t, r.Permit(within(t), []netip.Addr{peer6}), turnrelay.ErrNoAllocation)
	permit(t, r, peer4, peer6)
}

// Bad servers do not hold up the good one.
func TestSeveralServers(t *testing.T) {
	startCoturn(t, at4)
	r, err := turnrelay.New(turnrelay.Config{
		Servers: []turnrelay.Server{account("turn:198.51.100.2"), account("turn:203.0.113.100:9"), account(tls4), account(tcp6)},
		Timeout: 10 * lab.Patience, // nobody waits for the first
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ch := arrivals(t, r)
	addrs, release, err := r.Borrow(within(t))
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	lab.Eventually(t, "both good servers lend", func() bool {
		addrs, release, err = r.Borrow(within(t))
		release()
		return err == nil && len(addrs) == 4
	})
	permit(t, r, peer4)
	servers := make(map[string]bool)
	for _, a := range addrs {
		if a.Addr().Is4() {
			in, out := connect(t, ch, peer4, a)
			echo(t, in, out)
			servers[in.server] = true
		}
	}
	if !servers["203.0.113.100:5349"] || !servers["[fd00:113::100]:3478"] {
		t.Errorf("connections came through %v", servers)
	}
	for i, st := range r.Servers() {
		if st.Reachable != (i >= 2) || (st.Latency > 0) != st.Reachable || len(st.Relayed) != 2*btoi(st.Reachable) {
			t.Errorf("status %+v", st)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A server that dies takes its connections along at once; when it is back, the next
// loan works.
func TestServerDies(t *testing.T) {
	c := startCoturn(t, at4)
	r := newRelay(t, tcp4, nil)
	ch := arrivals(t, r)
	v4, _, _ := borrow(t, r)
	permit(t, r, peer4)
	in, out := connect(t, ch, peer4, v4)
	echo(t, in, out)
	c.kill()
	ends(t, in)
	ends(t, out)
	in.Close()
	lab.Eventually(t, "the loss is seen", func() bool { return len(r.Servers()[0].Relayed) == 0 })
	if err := r.Servers()[0].Err; err == nil || !strings.Contains(err.Error(), "keep the relayed address") {
		t.Errorf("status: %v", err)
	}
	wants(t, r.Permit(within(t), []netip.Addr{peer4}), turnrelay.ErrNoAllocation)
	if _, _, err := r.Borrow(within(t)); !errors.Is(err, turnrelay.ErrUnreachable) {
		t.Errorf("Borrow: %v", err)
	}
	startCoturn(t, at4)
	v4, _, _ = borrow(t, r)
	lab.Eventually(t, "the permission that is still held is given", func() bool {
		out, err := dialFrom(peer4, v4)
		if err != nil {
			return false
		}
		t.Cleanup(func() { out.Close() })
		select {
		case in = <-ch:
			t.Cleanup(func() { in.Close() })
			echo(t, in, out)
			return true
		case <-time.After(time.Second):
			return false
		}
	})
}

// A server that hangs costs no more than the caller's patience, and does not keep
// Close from closing.
func TestServerHangs(t *testing.T) {
	c := startCoturn(t, at4, "--max-allocate-lifetime=6")
	r := newRelay(t, tcp4, nil)
	borrow(t, r)
	c.pause(t)
	defer c.resume()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	wants(t, r.Permit(ctx, []netip.Addr{peer4}), context.DeadlineExceeded)
	lab.Eventually(t, "the allocation ran out", func() bool { return len(r.Servers()[0].Relayed) == 0 })
	if err := fails(t, account(tcp4), 3*time.Second); !errors.Is(err, turnrelay.ErrNotTURN) {
		t.Error(err)
	}
	c.resume()
	borrow(t, r)
	c.pause(t)
	r.Close()
}

// Whoever waits is let go by its context, and by Close.
func TestImpatience(t *testing.T) {
	r := newRelay(t, "turn:198.51.100.2", nil)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, release, err := r.Borrow(ctx)
	wants(t, err, context.DeadlineExceeded)
	release()
	done := make(chan error)
	go func() {
		_, _, err := r.Borrow(context.Background())
		done <- err
	}()
	r.Close()
	wants(t, <-done, turnrelay.ErrClosed)
}

// A control connection that breaks is replaced, and harms no other.
func TestControlBreaks(t *testing.T) {
	c := startCoturn(t, at4)
	p := newProxy(t, at4)
	r := newRelay(t, "turn:"+p.addr(), nil)
	ch := arrivals(t, r)
	v4, v6, _ := borrow(t, r)
	permit(t, r, peer4, peer6)
	in4, out4 := connect(t, ch, peer4, v4)
	echo(t, in4, out4)
	in6, out6 := connect(t, ch, peer6, v6)
	echo(t, in6, out6)
	// the first two connections were the control connections; cut IPv6's, whichever
	p.cut(0)
	lab.Eventually(t, "one is lost", func() bool { return len(r.Servers()[0].Relayed) == 1 })
	kept, lost := [2]net.Conn{in4, out4}, [2]net.Conn{in6, out6}
	if r.Servers()[0].Relayed[0] == v6 {
		kept, lost = lost, kept
	}
	ends(t, lost[0])
	ends(t, lost[1])
	echo(t, kept[0], kept[1])
	new4, new6, _ := borrow(t, r)
	if (new4 == v4) == (new6 == v6) || !new4.IsValid() || !new6.IsValid() {
		t.Errorf("now %s and %s, before %s and %s", new4, new6, v4, v6)
	}
	echo(t, kept[0], kept[1])
	if n := c.allocated(); n != 3 {
		t.Errorf("%d allocations, want 3", n)
	}
}
