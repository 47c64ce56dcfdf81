package lab_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "listen" {
		listen(os.Args[2], func(c net.Conn) { io.WriteString(c, "hello\n") })
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "pour" {
		listen(os.Args[2], func(c net.Conn) {
			for p := make([]byte, 1<<16); ; {
				if _, err := c.Write(p); err != nil {
					return
				}
			}
		})
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "dial" {
		dial(os.Args[2])
		return
	}
	os.Exit(lab.Main(m.Run))
}

// listen serves everyone who comes, one after the other, until it is killed.
func listen(addr string, serve func(net.Conn)) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		panic(err)
	}
	io.WriteString(os.Stdout, "listening\n")
	for {
		c, err := ln.Accept()
		if err != nil {
			panic(err)
		}
		serve(c)
		c.Close()
	}
}

// dial says what it was told, or why it got nowhere.
func dial(addr string) {
	c, err := net.DialTimeout("tcp", addr, lab.Patience)
	if err != nil {
		io.WriteString(os.Stdout, err.Error())
		return
	}
	io.Copy(os.Stdout, c)
}

func output(t *testing.T, h *lab.Host, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
	defer cancel()
	out, err := h.Command(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %v: %v", name, args, err)
	}
	return string(out)
}

// listening starts a listener on a host and returns when it listens. Its output
// ends when the process does.
func listening(t *testing.T, h *lab.Host, command ...string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := h.Command(context.Background(), command[0], command[1:]...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	if line, err := r.ReadString('\n'); line != "listening\n" {
		t.Fatalf("listener says %q, %v", line, err)
	}
	return cmd, r
}

// Hosts reach each other over both versions of IP, and nothing else.
func TestIsolation(t *testing.T) {
	l := lab.New(t)
	a := l.Host("a", "10.1.0.1/24", "fd00:1::1/64")
	b := l.Host("b", "10.1.0.2/24", "fd00:1::2/64")
	listening(t, a, os.Args[0], "listen", "127.0.0.1:7001")
	listening(t, b, os.Args[0], "listen", "[::]:7000")
	for addr, want := range map[string]string{
		"10.1.0.2:7000":    "hello\n",
		"[fd00:1::2]:7000": "hello\n",
		"127.0.0.1:7000":   "connection refused", // every host has its own loopback
		"192.0.2.1:7000":   "network is unreachable",
		"[2001:db8::1]:80": "network is unreachable",
	} {
		if got := output(t, a, os.Args[0], "dial", addr); !strings.Contains(got, want) {
			t.Errorf("a dials %s: %q, want %q", addr, got, want)
		}
	}
	if got := output(t, b, os.Args[0], "dial", "127.0.0.1:7001"); !strings.Contains(got, "connection refused") {
		t.Errorf("b reaches a's loopback: %q", got)
	}
	for _, h := range []*lab.Host{a, b} {
		if got := output(t, h, "ip", "route", "show", "default") + output(t, h, "ip", "-6", "route", "show", "default"); got != "" {
			t.Errorf("a host has a default route: %s", got)
		}
	}
	if _, err := net.DialTimeout("tcp", "10.1.0.2:7000", time.Second); err == nil {
		t.Error("the test itself reaches a host")
	}
}

// Two labs may use the same names and addresses at once.
func TestTwoLabs(t *testing.T) {
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			a, b := l.Host("a", "10.1.0.1/24"), l.Host("b", "10.1.0.2/24")
			listening(t, b, os.Args[0], "listen", "10.1.0.2:7000")
			if got := output(t, a, os.Args[0], "dial", "10.1.0.2:7000"); got != "hello\n" {
				t.Errorf("a hears %q", got)
			}
		})
	}
}

// A slow cable brings few bytes, a fast one many; who is cut off hears of it at once.
func TestCable(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	a, b := l.Host("a", "10.1.0.1/24"), l.Host("b", "10.1.0.2/24")
	listening(t, b, os.Args[0], "pour", "10.1.0.2:7000")

	b.Slow(80_000) // a million bytes would take 100 s
	pour(t, a, 10_000, func() { b.Cut(a) })
	if n := a.Received(); n < 10_000 || n > 1_000_000 {
		t.Errorf("%d bytes came over the slow cable, want a few more than 10,000", n)
	}
	b.Fast()
	pour(t, a, 20_000_000, func() { a.Cut(b) })
}

// pour receives at least n bytes, and what comes until the connection is cut.
func pour(t *testing.T, h *lab.Host, n int64, cut func()) {
	t.Helper()
	cmd := h.Command(t.Context(), os.Args[0], "dial", "10.1.0.2:7000")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, out, n); err != nil {
		t.Fatal(err)
	}
	cut()
	io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// After a test nothing is left of its lab: no process, no namespace, no
// interface, also when the process has left its group.
func TestCleanUp(t *testing.T) {
	var cmds [2]*exec.Cmd
	var outs [2]io.Reader
	if !t.Run("lab", func(t *testing.T) {
		a := lab.New(t).Host("a", "10.1.0.1/24")
		cmds[0], outs[0] = listening(t, a, os.Args[0], "listen", "10.1.0.1:7000")
		cmds[1], outs[1] = listening(t, a, "setsid", os.Args[0], "listen", "10.1.0.1:7001")
	}) {
		return
	}
	for i := range cmds {
		io.Copy(io.Discard, outs[i]) // waits for the process
		cmds[i].Wait()
	}
	for _, args := range [][]string{{"netns", "list"}, {"-br", "link", "show", "type", "bridge"}, {"-br", "link", "show", "type", "veth"}} {
		// the kernel takes a little longer to remove a namespace than ip does
		lab.Eventually(t, "nothing is left of "+args[len(args)-1], func() bool {
			out, err := exec.Command("ip", args...).CombinedOutput()
			return err == nil && len(out) == 0
		})
	}
}
