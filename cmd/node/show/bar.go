package show

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

const (
	barRefresh   = 100 * time.Millisecond
	barNameWidth = 28
	// Below narrow columns the name and what is told beside the bar are shorter.
	narrow          = 80
	narrowNameWidth = 12
)

// bar draws one line that changes: name, bar, bytes, rate, time left, path.
// Before the bytes flow it tells which step is being made.
type bar struct {
	w        io.Writer
	narrow   bool
	verbose  bool // a line above the bar for each step
	progress *mpb.Progress
	bar      *mpb.Bar

	mu    sync.Mutex // guards facts, which mpb's goroutine draws
	facts string
}

func newBar(f *os.File, verbose bool) *bar {
	columns, _, err := term.GetSize(int(f.Fd()))
	return &bar{w: f, narrow: err == nil && columns < narrow, verbose: verbose}
}

func (b *bar) Offer(t api.Transfer) {
	b.set("offering to " + With(t))
	if t.Direction == node.Incoming || byCode(t) {
		b.set("connecting")
	}
	if Wanted(t) {
		b.set("asking for it")
	}
	b.progress = mpb.New(mpb.WithOutput(b.w), mpb.WithRefreshRate(barRefresh), mpb.WithAutoRefresh())
	width := barNameWidth
	if b.narrow {
		width = narrowNameWidth
	}
	style := mpb.BarStyle().Lbound("").Rbound("").Filler("━").Tip("━").Padding("─")
	b.bar = b.progress.New(max(t.Size, 1), style,
		mpb.PrependDecorators(decor.Name(Clip(t.Name, width)+" ")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + b.get() })))
}

func (b *bar) Phase(t api.Transfer, phase node.Phase, detail string) {
	if b.verbose {
		b.above(Step(t, phase, detail))
	}
	switch phase {
	case node.PhaseVerified:
	case node.PhaseAsk:
		b.set(Step(t, phase, detail))
	default:
		b.set(Step(t, phase, ""))
	}
}

func (b *bar) Waiting(t api.Transfer) {
	switch WaitOf(t) {
	case WaitHolder:
		b.above(waiting(t))
		b.set("asking for it")
	case WaitOthers:
		b.above(waiting(t))
	default:
		b.set(waiting(t))
	}
}

// Part says what has become of one of several devices in a line of its own.
func (b *bar) Part(t api.Transfer, p api.Part) {
	if text := PartStep(t, p); text != "" && len(t.Parts) > 1 {
		b.above(text)
	}
}

// above writes a line above the bar.
func (b *bar) above(text string) { fmt.Fprintln(b.progress, text) }

func (b *bar) Path(t api.Transfer) {
	if b.verbose {
		b.above("path: " + PathWhole(t))
	}
}

func (b *bar) Progress(t api.Transfer, rate float64) {
	b.bar.SetCurrent(min(t.Bytes, t.Size))
	b.set(b.factsOf(t, rate))
}

func (b *bar) factsOf(t api.Transfer, rate float64) string {
	facts := []string{Size(t.Bytes) + " / " + Size(t.Size)}
	if b.narrow {
		facts[0] = fmt.Sprintf("%d %%", Percent(t.Bytes, t.Size))
	}
	if rate > 0 {
		left := time.Duration(float64(t.Size-t.Bytes) / rate * float64(time.Second))
		facts = append(facts, Rate(rate), Left(left)+" left")
	}
	if path := Path(t); path != "" {
		facts = append(facts, path)
	}
	return strings.Join(facts, "  ")
}

func (b *bar) Done(t api.Transfer, rate float64) {
	if t.State == filexfer.Finished {
		b.set(strings.TrimSpace(Size(t.Size) + "  " + Rate(rate) + "  " + Path(t)))
		b.bar.SetCurrent(max(t.Size, 1))
	}
	b.Drop()
}

// Drop leaves the line as it stands. A bar that is short of its total would
// keep Wait waiting for ever, so it is always aborted.
func (b *bar) Drop() {
	if b.bar == nil {
		return
	}
	b.bar.Abort(false)
	b.progress.Wait()
	b.bar = nil
}

func (b *bar) set(facts string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.facts = facts
}

func (b *bar) get() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.facts
}
