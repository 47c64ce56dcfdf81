package interop

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
)

// nice is nice/peer.c as a process.
type nice struct {
	in        io.WriteCloser
	described sdp.Description // its side of the session
	lines     chan string     // what it says after that, until it ends
}

// buildNice compiles the peer.
func buildNice(t *testing.T) string {
	t.Helper()
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", "nice").Output()
	check(t, err)
	binary := filepath.Join(t.TempDir(), "nice")
	args := append([]string{"-Wall", "-Werror", "-o", binary, "nice/peer.c"}, strings.Fields(string(flags))...)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// startNice starts the peer in a role and reads its side of the session.
func startNice(t *testing.T, binary, role string) *nice {
	t.Helper()
	cmd := here{}.Command(context.Background(), binary, role, "127.0.0.1", strconv.Itoa(volume))
	said := new(bytes.Buffer)
	cmd.Stderr = said
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	n := &nice{in: in, lines: make(chan string, 64)}
	go func() {
		defer close(n.lines)
		for said := bufio.NewScanner(out); said.Scan(); {
			n.lines <- said.Text()
		}
	}()
	t.Cleanup(func() {
		in.Close()
		end := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer end.Stop()
		for range n.lines {
		}
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("libnice's peer ended: %v\n%s", err, said)
		}
	})
	n.describe(t)
	return n
}

// describe reads its SDP, which ends with a dot.
func (n *nice) describe(t *testing.T) {
	t.Helper()
	var ufrag, pwd string
	var candidates []string
	for {
		line := n.line(t)
		if line == "." {
			break
		}
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "a=ice-ufrag":
			ufrag = value
		case "a=ice-pwd":
			pwd = value
		case "a=candidate":
			candidates = append(candidates, value)
		}
	}
	d, err := sdp.Parse(strings.Join(append([]string{ufrag, pwd}, candidates...), "\n"))
	check(t, err)
	if len(d.Candidates) == 0 || len(d.Candidates) != len(candidates) {
		t.Fatalf("of libnice's candidates %q we read %v", candidates, d.Candidates)
	}
	n.described = *d
}

// line is the next one that the peer says.
func (n *nice) line(t *testing.T) string {
	t.Helper()
	select {
	case line, more := <-n.lines:
		if !more {
			t.Fatal("libnice's peer is gone")
		}
		return line
	case <-time.After(patience):
		t.Fatal("libnice's peer says nothing")
	}
	return ""
}

// next waits for a line that begins with a word and gives the rest of it.
func (n *nice) next(t *testing.T, word string) string {
	t.Helper()
	for {
		if first, rest, _ := strings.Cut(n.line(t), " "); first == word {
			return rest
		}
	}
}
