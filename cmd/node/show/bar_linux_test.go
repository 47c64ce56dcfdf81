package show

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// terminal makes a pseudo terminal of so many columns. What is written to it
// can be read once it is closed.
func terminal(t *testing.T, columns uint16) (tty *os.File, written func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns})
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	all := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(master) // ends with EIO when the terminal is closed
		all <- string(text)
	}()
	return tty, func() string {
		tty.Close()
		defer master.Close()
		return <-all
	}
}

func TestBar(t *testing.T) {
	t.Setenv("TERM", "xterm")
	for _, columns := range []uint16{120, 40, 10} {
		tty, written := terminal(t, columns)
		r := NewReporter(tty, false)
		if _, isBar := r.(*bar); !isBar {
			t.Fatal("a terminal got no bar")
		}
		play(r, transfer(node.Outgoing))
		text := written()
		if columns == 120 && !strings.Contains(text, "4.0 KiB  2.0 KiB/s  relayed via turn.example\\u0007") {
			t.Errorf("the last line lacks: %q", text)
		}
		if strings.ContainsAny(text, "\x07\u202e") {
			t.Errorf("%d columns: hostile text reached the terminal: %q", columns, text)
		}
	}
}

// TestABarThatDoesNotFinish must not wait for the missing bytes.
func TestABarThatDoesNotFinish(t *testing.T) {
	t.Setenv("TERM", "xterm")
	tty, written := terminal(t, 100)
	r := NewReporter(tty, false)
	one := transfer(node.Outgoing)
	r.Offer(one)
	one.State, one.Bytes = filexfer.Ongoing, 1024
	r.Progress(one, 1)
	one.State = filexfer.ClosedByPeer
	r.Done(one, 1)
	r.Drop()
	if text := written(); !strings.Contains(text, "1.0 KiB / 4.0 KiB") {
		t.Errorf("%q", text)
	}
}

// TestSeveralDevicesAboveTheBar: a line for each change, and one bar.
func TestSeveralDevicesAboveTheBar(t *testing.T) {
	t.Setenv("TERM", "xterm")
	for _, columns := range []uint16{120, 20} {
		tty, written := terminal(t, columns)
		playParts(NewReporter(tty, false))
		text := written()
		for _, line := range []string{"bob (…Zp5BTLdu) is asked\r\n", "carol\\u001b refused\r\n", `could not be reached: no answer\u0007` + "\r\n", "bob (…Zp5BTLdu) has it, every byte verified\r\n"} {
			if !strings.Contains(text, line) {
				t.Errorf("%d columns: no %q in %q", columns, line, text)
			}
		}
		if strings.ContainsAny(text, "\x07\u202e") {
			t.Errorf("%d columns: hostile text reached the terminal: %q", columns, text)
		}
	}
}

func TestAWantedFileHasABar(t *testing.T) {
	t.Setenv("TERM", "xterm")
	tty, written := terminal(t, 120)
	wanted := transfer(node.Incoming)
	wanted.Conversation, wanted.Entry = entryID(0), entryID(1)
	r := NewReporter(tty, false)
	r.Offer(wanted)
	r.Waiting(wanted)
	r.Phase(wanted, node.PhaseAsk, "bob's device")
	r.Drop()
	if text := written(); !strings.Contains(text, asking+"\r\n") || !strings.Contains(text, "bob's device") {
		t.Errorf("%q", text)
	}
}

func TestAnEmptyFileHasAFullBar(t *testing.T) {
	t.Setenv("TERM", "xterm")
	tty, written := terminal(t, 100)
	empty := transfer(node.Incoming)
	empty.Size = 0
	play(NewReporter(tty, false), empty)
	if text := written(); !strings.Contains(text, "0 B") {
		t.Errorf("%q", text)
	}
}

func TestColour(t *testing.T) {
	t.Setenv("TERM", "xterm")
	tty, written := terminal(t, 80)
	defer written()
	t.Setenv("NO_COLOR", "")
	if !Colour(tty) {
		t.Error("no colour on a terminal")
	}
	t.Setenv("NO_COLOR", "1")
	if Colour(tty) {
		t.Error("NO_COLOR does not count")
	}
	t.Setenv("TERM", "dumb")
	if Terminal(tty) {
		t.Error("a dumb terminal cannot redraw a line")
	}
}
