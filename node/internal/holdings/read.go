package holdings

import (
	"context"
	"fmt"
	"sync"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// maxReading is how many files are read at once; others wait.
const maxReading = 2

// readings are the files that are being read, each once. A reading has a goroutine
// of its own, which goes on when those who asked have left: what it finds is kept,
// so that also a file that takes longer than anybody's patience is read once.
type readings struct {
	ctx   context.Context
	stop  context.CancelCauseFunc
	slots chan struct{}

	mu      sync.Mutex
	wg      sync.WaitGroup // grows under mu, and only before stop
	running map[entryOf]*answer
}

type entryOf struct{ conversation, entry conversation.ID }

// question is whether the bytes of a file with this stamp are those of its entry.
type question struct {
	of    entryOf
	path  string
	stamp store.Stamp
}

type answer struct {
	question
	done chan struct{} // closed by who reads; the rest is set then
	same bool
	err  error
}

func newReadings() *readings {
	r := &readings{slots: make(chan struct{}, maxReading), running: map[entryOf]*answer{}}
	r.ctx, r.stop = context.WithCancelCause(context.Background())
	return r
}

func (r *readings) close() {
	r.mu.Lock()
	r.stop(ErrClosed)
	r.mu.Unlock()
	r.wg.Wait()
}

// ask gives the answer that find finds, for all who ask the same meanwhile. Who
// asks something else about the entry waits until that is answered.
func (r *readings) ask(ctx context.Context, q question, find func() (bool, error)) (bool, error) {
	for {
		a := r.begin(q, find)
		select {
		case <-a.done:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
		if a.question == q {
			return a.same, a.err
		}
	}
}

// begin gives the answer that somebody is finding, or else begins to find this one.
func (r *readings) begin(q question, find func() (bool, error)) *answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.running[q.of]; a != nil {
		return a
	}
	a := &answer{question: q, done: make(chan struct{})}
	if r.ctx.Err() != nil {
		a.err = ErrClosed
		close(a.done)
		return a
	}
	r.running[q.of] = a
	r.wg.Go(func() { r.answer(a, find) })
	return a
}

func (r *readings) answer(a *answer, find func() (bool, error)) {
	select {
	case r.slots <- struct{}{}:
		if a.err = context.Cause(r.ctx); a.err == nil {
			a.same, a.err = find()
		}
		<-r.slots
	case <-r.ctx.Done():
		a.err = ErrClosed
	}
	r.mu.Lock()
	delete(r.running, a.of)
	r.mu.Unlock()
	close(a.done)
}

// compare reads the file unless it is known by now, and keeps what it found unless
// the file changed meanwhile.
func (b *Book) compare(q question, f filexfer.File) (bool, error) {
	row, err := b.find(q.of.conversation, q.of.entry)
	if err != nil || knows(row, q) {
		return row.Look.Same, err
	}
	began := b.now()
	same, err := b.matches(row, f)
	seen := row
	seen.Path = q.path
	if _, now, lost := b.lookAt(b.readings.ctx, seen, nil); lost != nil {
		return false, lost
	} else if now != q.stamp {
		return false, fmt.Errorf("%w: %s is just being written", ErrChanged, q.path)
	}
	if err != nil {
		return false, err
	}
	if !same && row.Look.Same {
		b.log.Info("a file is not held any more: it was changed", "path", q.path, "entry", q.of.entry)
	}
	l := store.Look{Stamp: q.stamp, Same: same, Settled: settled(q.stamp, grainOf(q.path, q.stamp), began, b.now())}
	return same, b.store.LookedAt(q.of.conversation, q.of.entry, q.path, l)
}

// matches reads f. The tree is the quicker one of the sums.
func (b *Book) matches(row store.Held, f filexfer.File) (bool, error) {
	if row.Tree == "" {
		sum, err := filexfer.SumFile(b.readings.ctx, f, b.progress)
		return sum == row.Sum, err
	}
	tree, err := filexfer.SumTree(b.readings.ctx, f, b.progress)
	return tree.Root.String() == row.Tree, err
}

// knows tells whether the row answers the question without a reading.
func knows(row store.Held, q question) bool {
	return row.Path == q.path && row.Look.Stamp == q.stamp && row.Look.Settled
}
