package show

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
)

// Reporter shows one transfer while it runs. Offer is called first, Done last,
// each once; rates are in bytes per second, 0 while unknown.
type Reporter interface {
	Offer(t api.Transfer)
	Phase(t api.Transfer, phase node.Phase, detail string)
	// Waiting is called when t begins to wait for somebody: WaitOf says for whom.
	Waiting(t api.Transfer)
	// Part is called when the state of one device of t has changed.
	Part(t api.Transfer, p api.Part)
	// Path is called when the connection stands or its path changes.
	Path(t api.Transfer)
	Progress(t api.Transfer, rate float64)
	// Done: the transfer has ended, rate is the mean. Nothing is drawn after it.
	Done(t api.Transfer, rate float64)
	// Drop ends the drawing of a transfer that is no longer followed.
	Drop()
}

// NewReporter picks the bar on a terminal and plain lines otherwise, and in the
// background of a shell. Verbose tells each step and how the connection runs too.
func NewReporter(f *os.File, verbose bool) Reporter {
	if Terminal(f) && foreground(f) {
		return newBar(f, verbose)
	}
	return NewLines(f, verbose)
}

// NewNothing reports nothing.
func NewNothing() Reporter { return NewLines(io.Discard, false) }

// lines writes a line a step, and one each tenth of the file; verbose ones tell all
// that is known of the path, and each progress.
type lines struct {
	w       io.Writer
	verbose bool
	tenths  int
}

func (l *lines) say(t api.Transfer, text string) {
	fmt.Fprintf(l.w, "%s: %s\n", Clip(t.Name, nameWidth), text)
}

func (l *lines) Offer(t api.Transfer) {
	switch {
	case byCode(t):
		l.say(t, fmt.Sprintf("%s by code, transfer %s", Size(t.Size), Text(t.ID)))
	case t.Direction == node.Incoming:
		l.say(t, fmt.Sprintf("%s from %s", Size(t.Size), Text(t.Contact)))
	default:
		l.say(t, fmt.Sprintf("%s to %s, transfer %s", Size(t.Size), Text(t.Contact), Text(t.ID)))
	}
}

func (l *lines) Phase(t api.Transfer, phase node.Phase, detail string) {
	l.say(t, Step(t, phase, detail))
}

func (l *lines) Waiting(t api.Transfer) { l.say(t, waiting(t)) }

// Part says nothing of the only device: that is what is said of the whole.
func (l *lines) Part(t api.Transfer, p api.Part) {
	if text := PartStep(t, p); text != "" && len(t.Parts) > 1 {
		l.say(t, text)
	}
}

func (l *lines) Path(t api.Transfer) {
	text := Path(t)
	if l.verbose {
		text = PathWhole(t)
	}
	l.say(t, "path: "+text)
}

func (l *lines) Progress(t api.Transfer, rate float64) {
	percent := Percent(t.Bytes, t.Size)
	if percent/10 <= l.tenths && !l.verbose {
		return
	}
	l.tenths = percent / 10
	l.say(t, strings.TrimSpace(fmt.Sprintf("%d %% of %s %s", percent, Size(t.Size), Rate(rate))))
}

func (l *lines) Done(api.Transfer, float64) {}
func (l *lines) Drop()                      {}

// NewLines writes plain lines to w.
func NewLines(w io.Writer, verbose bool) Reporter { return &lines{w: w, verbose: verbose} }
