// Package lab makes network namespaces that stand for hosts, for tests of whole
// processes: each [Host] has its own addresses, routes and loopback, and hears
// of others only what the lab's switch brings.
//
// A test binary that uses it hands its TestMain to [Main], which runs the tests
// in namespaces of the binary's own: nothing is seen of the machine's network,
// nothing can leave, names cannot clash with those of another lab, and all of it
// is gone with the process, however it ends. Root needs nothing else; for others
// the kernel must allow user namespaces.
//
// It is for Linux, and needs Debian's iproute2.
package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Lab is one network of hosts round a switch. It lives until its test ends.
type Lab struct {
	t  testing.TB
	id int32
	// bridge is the switch's interface in the namespace of the test itself, which
	// has no address on it: the test cannot talk to its hosts by network.
	bridge string
	hosts  int
}

var labs atomic.Int32

// New makes a lab with a switch and no hosts. When the test ends, processes that
// still run in the lab are killed and the namespaces removed.
func New(t testing.TB) *Lab {
	t.Helper()
	if !inside() {
		t.Fatal("lab: the package's TestMain does not call lab.Main")
	}
	l := &Lab{t: t, id: labs.Add(1)}
	l.bridge = fmt.Sprintf("br%d", l.id)
	l.ip("link", "add", l.bridge, "type", "bridge", "mcast_snooping", "0")
	t.Cleanup(func() { l.ip("link", "del", l.bridge) })
	l.ip("link", "set", l.bridge, "up")
	return l
}

// Host is a machine of the lab: a network namespace with lo and eth0.
type Host struct {
	lab  *Lab
	ns   string
	port string // the switch's end of the cable
	// Addrs are the addresses on eth0, in the order given to [Lab.Host].
	Addrs []netip.Addr
}

// Host makes a host on the switch. Each cidr is an address with its network,
// such as 10.1.0.2/24 or fd00:1::2/64. There are no routes but those to the
// networks given. The name is for error messages and may occur once in a lab.
func (l *Lab) Host(name string, cidrs ...string) *Host {
	l.t.Helper()
	h := &Host{lab: l, ns: fmt.Sprintf("%d-%s", l.id, name)}
	l.ip("netns", "add", h.ns)
	l.t.Cleanup(h.remove)
	l.ip("-n", h.ns, "link", "set", "lo", "up")
	l.plug(h)
	for _, cidr := range cidrs {
		h.addAddr(cidr)
	}
	return h
}

// plug lays a cable from the host's eth0 to the switch.
func (l *Lab) plug(h *Host) {
	l.t.Helper()
	l.hosts++
	h.port = fmt.Sprintf("p%d.%d", l.id, l.hosts)
	l.ip("link", "add", h.port, "type", "veth", "peer", "name", "eth0", "netns", h.ns)
	l.ip("link", "set", h.port, "master", l.bridge, "up")
	l.ip("-n", h.ns, "link", "set", "eth0", "up")
}

// Move takes the host's addresses away and gives it others, as if it had come to
// another network.
func (h *Host) Move(cidrs ...string) {
	h.lab.t.Helper()
	h.lab.ip("-n", h.ns, "addr", "flush", "dev", "eth0", "scope", "global")
	h.Addrs = nil
	for _, cidr := range cidrs {
		h.addAddr(cidr)
	}
}

func (h *Host) addAddr(cidr string) {
	h.lab.t.Helper()
	p, err := netip.ParsePrefix(cidr)
	if err != nil {
		h.lab.t.Fatalf("lab: host %s: %v", h.ns, err)
	}
	args := []string{"-n", h.ns, "addr", "add", cidr, "dev", "eth0"}
	if p.Addr().Is6() {
		args = append(args, "nodad") // usable at once
	}
	h.lab.ip(args...)
	h.Addrs = append(h.Addrs, p.Addr())
}

// Command is exec.CommandContext on this host. The process leads a group of its
// own, which is killed when ctx ends, and it dies with the test binary. What
// still runs when the test ends is killed, also what left the group.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.ns, name}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// remove kills what runs on the host, waits until it is gone, and takes the host
// out of the lab.
func (h *Host) remove() {
	end := time.Now().Add(Patience)
	for pids := h.pids(); len(pids) > 0; pids = h.pids() {
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		if time.Now().After(end) {
			h.lab.t.Errorf("lab: host %s: processes %v do not die", h.ns, pids)
			break
		}
	}
	h.lab.ip("netns", "del", h.ns)
}

// pids lists the processes on the host. All of them were started there by
// Command, or by such a process.
func (h *Host) pids() []int {
	out, err := exec.Command("ip", "netns", "pids", h.ns).Output()
	if err != nil {
		h.lab.t.Errorf("lab: list the processes of host %s: %v", h.ns, err)
	}
	var pids []int
	for _, f := range strings.Fields(string(out)) {
		if pid, err := strconv.Atoi(f); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// ip runs iproute2's ip, and fails the test if that fails.
func (l *Lab) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("lab: ip %s: %v: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
}
