package turnrelay_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node/turnrelay"
	"github.com/passeur-p2p/passeur/test/lab"
)

// The tests run in a network namespace of their own, in which the TURN server, the
// peers and a stranger have addresses of their own on the loopback interface. What
// is sent to nowhere disappears without an answer.
var (
	server4   = netip.MustParseAddr("203.0.113.100")
	server6   = netip.MustParseAddr("fd00:113::100")
	peer4     = netip.MustParseAddr("203.0.113.11")
	peer6     = netip.MustParseAddr("fd00:113::11")
	stranger4 = netip.MustParseAddr("203.0.113.66")
	nowhere   = netip.MustParseAddr("198.51.100.2")
)

func TestMain(m *testing.M) {
	if lab.Fuzzing() {
		os.Exit(m.Run())
	}
	os.Exit(lab.Main(func() int { return run(m) }))
}

func run(m *testing.M) int {
	if err := addresses(); err != nil {
		fmt.Fprintln(os.Stderr, "set up addresses:", err)
		return 1
	}
	dir, err := os.MkdirTemp("", "turnrelay")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := makeCertificate(dir); err != nil {
		fmt.Fprintln(os.Stderr, "make a certificate:", err)
		return 1
	}
	return lab.NoLeaks(m.Run)()
}

func addresses() error {
	var script []string
	for _, ip := range []netip.Addr{server4, peer4, stranger4} {
		script = append(script, fmt.Sprintf("addr add %s/32 dev lo", ip))
	}
	for _, ip := range []netip.Addr{server6, peer6} {
		script = append(script, fmt.Sprintf("addr add %s/128 dev lo nodad", ip))
	}
	script = append(script,
		// packets to nowhere are for the other end of the cable, which is nobody's
		"link add void0 type veth peer name void1", "link set void0 up", "link set void1 up",
		"addr add 198.51.100.1/24 dev void0",
		fmt.Sprintf("neigh add %s lladdr 02:00:5e:00:00:01 dev void0", nowhere))
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(script, "\n"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// newRelay makes a relay that uses one server as the user of the tests; change may
// alter its configuration.
func newRelay(t testing.TB, url string, change func(*turnrelay.Config)) *turnrelay.Relay {
	t.Helper()
	cfg := turnrelay.Config{Servers: []turnrelay.Server{account(url)}}
	if change != nil {
		change(&cfg)
	}
	r, err := turnrelay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func account(url string) turnrelay.Server {
	return turnrelay.Server{URL: url, Username: user, Password: password, RootCAs: roots, ServerName: "turn.test"}
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lab.Patience)
	t.Cleanup(cancel)
	return ctx
}

// borrow gives the addresses by family, and the release of the loan.
func borrow(t testing.TB, r *turnrelay.Relay) (v4, v6 netip.AddrPort, release func()) {
	t.Helper()
	addrs, release, err := r.Borrow(within(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	for _, a := range addrs {
		if a.Addr().Is4() {
			v4 = a
		} else {
			v6 = a
		}
	}
	return v4, v6, release
}

func permit(t testing.TB, r *turnrelay.Relay, peers ...netip.Addr) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	if err := r.Permit(ctx, peers); err != nil {
		t.Fatal("permit:", err)
	}
}

// arrival is a connection that came in through a relay.
type arrival struct {
	net.Conn
	server string
}

// arrivals sets the relay's handler and gives what it gets.
func arrivals(t testing.TB, r *turnrelay.Relay) <-chan arrival {
	t.Helper()
	ch := make(chan arrival, 16)
	r.HandleConns(func(c net.Conn, server string) { ch <- arrival{c, server} })
	return ch
}

func next(t testing.TB, ch <-chan arrival) arrival {
	t.Helper()
	select {
	case a := <-ch:
		t.Cleanup(func() { a.Close() })
		return a
	case <-time.After(lab.Patience):
		t.Fatal("no connection came through the relay")
		panic("unreachable")
	}
}

// dialFrom connects as a host with the address from.
func dialFrom(from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: lab.Patience, LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
	return d.Dial("tcp", to.String())
}

// connect dials a relayed address from a peer and gives both ends.
func connect(t testing.TB, ch <-chan arrival, from netip.Addr, to netip.AddrPort) (in arrival, out net.Conn) {
	t.Helper()
	out, err := dialFrom(from, to)
	if err != nil {
		t.Fatal("dial the relayed address:", err)
	}
	t.Cleanup(func() { out.Close() })
	return next(t, ch), out
}

// echo proves that bytes pass in both directions.
func echo(t testing.TB, a, b net.Conn) {
	t.Helper()
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		const word = "through the relay"
		if _, err := io.WriteString(way[0], word); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(word))
		way[1].SetReadDeadline(time.Now().Add(lab.Patience))
		if _, err := io.ReadFull(way[1], got); err != nil || string(got) != word {
			t.Fatalf("%q came, %v", got, err)
		}
		way[1].SetReadDeadline(time.Time{})
	}
}

// ends proves that a connection ends by itself.
func ends(t testing.TB, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(lab.Patience))
	n, err := io.Copy(io.Discard, c)
	if ne := net.Error(nil); n > 0 || err != nil && asError(err, &ne) && ne.Timeout() {
		t.Fatalf("the connection did not end: %d bytes, %v", n, err)
	}
}
