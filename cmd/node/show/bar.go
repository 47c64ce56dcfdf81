package show

import (
	"io"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

const (
	barRefresh   = 100 * time.Millisecond
	barNameWidth = 28
)

// bar draws one line that changes: name, bar, bytes, rate, time left, path.
// Before the bytes flow it tells which step is being made.
type bar struct {
	w        io.Writer
	progress *mpb.Progress
	bar      *mpb.Bar

	mu    sync.Mutex // guards facts, which mpb's goroutine draws
	facts string
}

func newBar(w io.Writer) *bar { return &bar{w: w} }

func (b *bar) Offer(t api.Transfer) {
	b.set("offering to " + Text(t.Contact))
	b.progress = mpb.New(mpb.WithOutput(b.w), mpb.WithRefreshRate(barRefresh), mpb.WithAutoRefresh())
	style := mpb.BarStyle().Lbound("").Rbound("").Filler("━").Tip("━").Padding("─")
	b.bar = b.progress.New(max(t.Size, 1), style,
		mpb.PrependDecorators(decor.Name(Clip(t.Name, barNameWidth)+" ")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + b.get() })))
}

func (b *bar) Phase(t api.Transfer, phase node.Phase, detail string) {
	if phase != node.PhaseVerified {
		b.set(Step(t, phase, ""))
	}
}

func (b *bar) Waiting(t api.Transfer) { b.set(waiting(t)) }

func (b *bar) Path(api.Transfer) {}

func (b *bar) Progress(t api.Transfer, rate float64) {
	b.bar.SetCurrent(min(t.Bytes, t.Size))
	b.set(factsOf(t, rate))
}

func factsOf(t api.Transfer, rate float64) string {
	facts := []string{Size(t.Bytes) + " / " + Size(t.Size)}
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
