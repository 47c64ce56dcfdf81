package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestCtrlCEndsAQuestion: also one whose answer does not show, and then what is typed
// shows again.
func TestCtrlCEndsAQuestion(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", "trap : INT; passeur --home none export x.age; echo exit $?; stty -a")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	tty, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	stop := context.AfterFunc(ctx, func() { tty.SetReadDeadline(time.Now()) })
	defer stop()
	var said bytes.Buffer
	buffer := make([]byte, 4096)
	for asked := false; ; {
		n, err := tty.Read(buffer)
		said.Write(buffer[:n])
		if !asked && strings.Contains(said.String(), "Passphrase: ") {
			asked = true
			if _, err := tty.Write([]byte("\x03")); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil { // all have closed the terminal
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"interrupted", "exit 130", " echo "} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q was not said, but\n%s", want, said.String())
		}
	}
}
