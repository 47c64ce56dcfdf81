package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// shellLines start a shell that knows nothing but passeur's completion.
var shellLines = map[string]struct {
	argv  []string
	setup string
}{
	"bash": {[]string{"bash", "--norc", "--noprofile", "-i"}, ". /usr/share/bash-completion/bash_completion; . <(passeur completion bash)"},
	"zsh":  {[]string{"zsh", "-f", "-i"}, "autoload -U compinit; compinit -u -D; . <(passeur completion zsh)"},
	"fish": {[]string{"fish", "--no-config", "-i"}, "passeur completion fish | source"},
}

// hostileNames run something where a shell reads them as its own words.
var hostileNames = []string{
	"$(touch PWNED)one", "$(touch PWNED)two", "`touch PWNED`three", ";touch PWNED;", "a';touch PWNED;'", `a";touch PWNED;"`,
	"--x=$(touch PWNED)", "-o", "{touch,PWNED}", "a\ntouch PWNED\n", "a\ttouch PWNED", "$PWD", "~root", "x|touch PWNED", "\x1b[6n\r touch PWNED\r",
}

// hostileWorld has such names wherever a peer, or a careless user, can put them.
func hostileWorld() *fakeNode {
	f := &fakeNode{account: testAccount(1)}
	for i, name := range hostileNames {
		account := testAccount(byte(i + 2))
		f.contacts = append(f.contacts,
			node.Contact{Account: account, Name: name, State: node.Accepted},
			node.Contact{Account: testAccount(byte(i + 100)), Name: name, State: node.Pending})
		id := conversation.ID{byte(i + 1)}
		f.conversations = append(f.conversations, node.Conversation{ID: id, Mode: conversation.Group, Name: name, Status: "member"})
		f.devices = append(f.devices, node.Device{ID: peer.ID("\x12\x20" + strings.Repeat(string(rune('a'+i)), 32)), Name: name})
		f.transfers = append(f.transfers, node.Transfer{ID: transferID, Name: name, Contact: name, Direction: node.Incoming, State: filexfer.AwaitingHost})
		f.missed = append(f.missed, node.Message{
			ID: conversation.ID{byte(i + 50)}, Conversation: f.conversations[0].ID, Author: name, Type: conversation.TypeFile,
			File: &conversation.File{DisplayName: name, TotalSize: 1},
		})
	}
	f.contacts = append(f.contacts, node.Contact{Account: testAccount(90), Name: "bob-of-old", State: node.Accepted}, node.Contact{Account: testAccount(91), Name: "bob-of-now", State: node.Accepted})
	return f
}

// TestTabRunsNothing: in real shells, whatever others call themselves.
func TestTabRunsNothing(t *testing.T) {
	serveFake(t, hostileWorld())
	home := os.Getenv("PASSEUR_HOME")
	for name := range shellLines {
		t.Run(name, func(t *testing.T) {
			s := startShell(t, name, home)
			defer s.nothingRan()
			for line, offered := range map[string]string{
				"accept ": transferID, "contact accept ": "pending", "device revoke ": "Qm", "conversation show ": "0e0000000000",
				"get 01 ": "400000000000", "path ": "bob-of-old", "path bob": "bob-of-now",
			} {
				s.expect("passeur "+line, offered)
			}
		})
	}
}

func (s *shell) nothingRan() {
	if _, err := os.Stat(filepath.Join(s.folder, "PWNED")); !errors.Is(err, fs.ErrNotExist) {
		s.t.Errorf("something was run at Tab:\n%q", s.seen())
	}
}

// TestTabSaysThatTheNodeIsDown in the shells that can.
func TestTabSaysThatTheNodeIsDown(t *testing.T) {
	for _, name := range []string{"bash", "zsh"} {
		t.Run(name, func(t *testing.T) {
			s := startShell(t, name, t.TempDir())
			s.expect("passeur path ", "the node is not running")
		})
	}
}

// shell is a shell at a terminal of its own.
type shell struct {
	t      *testing.T
	tty    *os.File
	folder string

	mu   sync.Mutex
	text bytes.Buffer
	n    int // marks so far
}

func startShell(t *testing.T, name, home string) *shell {
	t.Helper()
	lines := shellLines[name]
	s := &shell{t: t, folder: t.TempDir()}
	cmd := exec.Command(lines.argv[0], lines.argv[1:]...)
	cmd.Dir = s.folder
	cmd.Env = append(os.Environ(), "HOME="+s.folder, "PASSEUR_HOME="+home, "TERM=xterm", "PS1=> ", "GORACE=atexit_sleep_ms=0")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 100})
	if err != nil {
		t.Fatalf("%v: run test/deps.sh", err)
	}
	s.tty = tty
	read := make(chan struct{})
	go func() { defer close(read); s.read() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		tty.Close()
		<-read
	})
	s.line(lines.setup)
	return s
}

func (s *shell) read() {
	b := make([]byte, 4096)
	for {
		n, err := s.tty.Read(b)
		s.mu.Lock()
		s.text.Write(b[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *shell) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *shell) typed(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// line types a line and waits until the shell has run it.
func (s *shell) line(text string) {
	s.t.Helper()
	s.n++
	mark := strings.Repeat("+", s.n) + "."
	s.typed(text + "\r")
	s.typed("printf '%s' 'done" + `'"` + mark + `"` + "\r") // the echo has quotes in it
	s.await("done" + mark)
}

// expect types a line and Tab three times: the shell completes it, lists what is
// offered, and looks at what it has inserted. Once it has shown text the line is given
// up.
func (s *shell) expect(line, text string) {
	s.t.Helper()
	before := len(s.seen())
	s.typed(line + "\t\t\t")
	s.awaitAfter(before, text)
	s.typed("\x05 \x15") // to the end of the line, which is killed
	s.line(":")
}

func (s *shell) await(text string) { s.t.Helper(); s.awaitAfter(0, text) }

func (s *shell) awaitAfter(from int, text string) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(deadline); time.Now().Before(end); <-tick.C {
		if strings.Contains(s.seen()[from:], text) {
			return
		}
	}
	s.t.Fatalf("%q never came; the shell said\n%q", text, s.seen()[from:])
}
