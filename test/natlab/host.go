package natlab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/passeur-p2p/passeur/test/lab"
)

// Host is a machine: a network namespace. Its interface is eth0, a router's are
// wan and lan.
type Host struct {
	*lab.Host
	t testing.TB
	// ns is the name of its namespace.
	ns string
}

func newHost(t testing.TB, l *lab.Lab, name string) *Host {
	t.Helper()
	h := &Host{Host: l.Host(name), t: t}
	ctx, cancel := context.WithTimeout(context.Background(), lab.Patience)
	defer cancel()
	out, err := h.Command(ctx, "ip", "netns", "identify").Output()
	if err != nil {
		t.Fatalf("natlab: ask for the namespace of host %s: %v", name, err)
	}
	h.ns = strings.TrimSpace(string(out))
	return h
}

// Do calls f on a thread that is on the host: sockets that f makes, itself and
// not in goroutines, belong to the host, also after f has returned.
func (h *Host) Do(f func() error) error {
	result := make(chan error, 1)
	go func() { result <- h.do(f) }()
	return <-result
}

func (h *Host) do(f func() error) error {
	runtime.LockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return fmt.Errorf("natlab: where am I: %w", err)
	}
	defer here.Close()
	there, err := os.Open("/run/netns/" + h.ns)
	if err != nil {
		return fmt.Errorf("natlab: %w", err)
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("natlab: go to host %s: %w", h.ns, err)
	}
	result := f()
	if err := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("natlab: come back: %w", err) // the thread ends with this goroutine
	}
	runtime.UnlockOSThread()
	return result
}

// ip configures the host by iproute2's ip. Several commands may be given, each
// as one text.
func (h *Host) ip(commands ...string) {
	h.t.Helper()
	ip(h.t, strings.NewReader(strings.Join(commands, "\n")), "-n", h.ns, "-batch", "-")
}

// set writes kernel parameters of the host, given as "net/ipv4/ip_forward=1".
func (h *Host) set(parameters ...string) {
	h.t.Helper()
	err := h.Do(func() error {
		for _, p := range parameters {
			name, value, _ := strings.Cut(p, "=")
			if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.t.Fatalf("natlab: host %s: set a kernel parameter: %v", h.ns, err)
	}
}

// filter loads nftables' rules on the host.
func (h *Host) filter(rules string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lab.Patience)
	defer cancel()
	cmd := h.Command(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("natlab: host %s: nft: %v: %s\n%s", h.ns, err, out, rules)
	}
}

// ip runs iproute2's ip, and fails the test if that fails.
func ip(t testing.TB, stdin *strings.Reader, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lab.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ip", args...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("natlab: ip %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// link is an interface as ip shows it in JSON.
type link struct {
	Index  int    `json:"ifindex"`
	Name   string `json:"ifname"`
	Peer   int    `json:"link_index"`
	Master string `json:"master"`
}

// links lists interfaces; args are those of ip before and after "link show".
func links(t testing.TB, before ...string) []link {
	t.Helper()
	out := ip(t, nil, append([]string{"-json"}, append(before, "link", "show")...)...)
	var all []link
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatalf("natlab: ip shows %q: %v", out, err)
	}
	return all
}

// Dial connects from the host to an address by TCP. from is the address and port
// to leave from, which listeners made by [Host.Listen] may share; nil: any.
func (h *Host) Dial(ctx context.Context, from *net.TCPAddr, to string) (conn net.Conn, err error) {
	d := net.Dialer{Control: share}
	if from != nil {
		d.LocalAddr = from
	}
	err = h.Do(func() error {
		conn, err = d.DialContext(ctx, "tcp", to)
		return err
	})
	return conn, err
}

// Listen listens at an address of the host by TCP.
func (h *Host) Listen(at string) (l net.Listener, err error) {
	err = h.Do(func() error {
		l, err = (&net.ListenConfig{Control: share}).Listen(context.Background(), "tcp", at)
		return err
	})
	return l, err
}

// share lets several sockets have the same address and port.
func share(_, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) {
		err = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	}); e != nil {
		return e
	}
	return err
}

// Listening says whether something on the host listens at the port; network is
// tcp or udp.
func (h *Host) Listening(network string, port uint16) bool {
	h.t.Helper()
	found := false
	err := h.Do(func() error {
		for _, table := range []string{network, network + "6"} {
			f, err := os.Open("/proc/thread-self/net/" + table)
			if err != nil {
				return err
			}
			found = found || listens(f, network, port)
			f.Close()
		}
		return nil
	})
	if err != nil {
		h.t.Fatalf("natlab: host %s: look for listeners: %v", h.ns, err)
	}
	return found
}

// listens looks for a bound socket in a table as /proc/net/tcp: fields are
// number, local and remote address in hex, and state (0A: listening, 07: a UDP
// socket without a peer).
func listens(table *os.File, network string, port uint16) bool {
	state := map[string]string{"tcp": "0A", "udp": "07"}[network]
	suffix := fmt.Sprintf(":%04X", port)
	for s := bufio.NewScanner(table); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) > 3 && f[3] == state && strings.HasSuffix(f[1], suffix) {
			return true
		}
	}
	return false
}

// Addr4 is the host's first IPv4 address, the zero Addr if it has none.
func (h *Host) Addr4() netip.Addr { return h.first(netip.Addr.Is4) }

// Addr6 is the host's first IPv6 address, the zero Addr if it has none.
func (h *Host) Addr6() netip.Addr { return h.first(netip.Addr.Is6) }

func (h *Host) first(want func(netip.Addr) bool) netip.Addr {
	for _, a := range h.Addrs {
		if want(a) {
			return a
		}
	}
	return netip.Addr{}
}
