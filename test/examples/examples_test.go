// Package examples builds the programs of examples/, which is a module of its own, and
// runs them: what is told in docs/embedding.md works.
package examples

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

// build makes all of them, with what the root's module has downloaded, and gives the
// folder.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir() + string(filepath.Separator)
	for _, args := range [][]string{{"vet", "./..."}, {"build", "-trimpath", "-buildvcs=false", "-o", bin, "./..."}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = "../../examples"
		cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", args[0], err, out)
		}
	}
	return bin
}

func TestExamples(t *testing.T) {
	bin := build(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*lab.Patience)
	defer cancel()
	for name, want := range map[string]string{
		"ice":    "hello from Bob, path direct\n",
		"plugin": "alice: a line that Alice has copied\n",
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.CommandContext(ctx, bin+name).CombinedOutput()
			if err != nil || string(out) != want {
				t.Errorf("%q, %v; want %q", out, err, want)
			}
		})
	}
	t.Run("chat", func(t *testing.T) { chat(ctx, t, bin+"chat") })
}

// chat has two peers say a line each, and one send a file.
func chat(ctx context.Context, t *testing.T, program string) {
	bob := start(ctx, t, program)
	_, address, found := strings.Cut(bob.await(t, "listening at "), "listening at ")
	if !found {
		t.FailNow()
	}
	alice := start(ctx, t, program, address)
	bob.await(t, "hello")
	letter := filepath.Join(t.TempDir(), "letter.txt")
	if err := os.WriteFile(letter, []byte("Dear Bob"), 0o600); err != nil {
		t.Fatal(err)
	}
	alice.types(t, "good morning")
	bob.await(t, "< good morning")
	bob.types(t, "and to you")
	alice.await(t, "< and to you")
	alice.types(t, "/send "+letter)
	bob.await(t, "* letter.txt: finished, 8 bytes")
	alice.await(t, "* letter.txt: finished, 8 bytes")
	if content, err := os.ReadFile(filepath.Join(bob.dir, "letter.txt")); string(content) != "Dear Bob" {
		t.Errorf("%q, %v", content, err)
	}
	alice.ends(t)
	bob.ends(t)
}

// peer is a running program, in a folder of its own.
type peer struct {
	dir   string
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

// start runs a program that is killed when ctx ends, so that no read waits for ever.
func start(ctx context.Context, t *testing.T, program string, args ...string) *peer {
	t.Helper()
	p := &peer{dir: t.TempDir(), cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Dir, p.cmd.Stderr = p.dir, os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.in, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	t.Cleanup(func() { p.cmd.Process.Kill() })
	return p
}

// await gives the next line that begins so.
func (p *peer) await(t *testing.T, beginning string) string {
	t.Helper()
	for p.lines.Scan() {
		if strings.HasPrefix(p.lines.Text(), beginning) {
			return p.lines.Text()
		}
	}
	t.Fatalf("never said %q (%v)", beginning, p.lines.Err())
	return ""
}

func (p *peer) types(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// ends closes what is typed, and waits for the program to end well.
func (p *peer) ends(t *testing.T) {
	t.Helper()
	p.in.Close()
	for p.lines.Scan() {
	}
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
}
