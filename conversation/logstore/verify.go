package logstore

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/passeur-p2p/passeur/conversation"
)

// decode reads a batch on all cores. It gives the entries before the first bad
// one, and what is wrong with that.
func decode(batch []conversation.Raw) ([]*conversation.Entry, error) {
	entries, errs := make([]*conversation.Entry, len(batch)), make([]error, len(batch))
	spread(len(batch), func(i int) { entries[i], errs[i] = conversation.Decode(batch[i]) })
	for i, err := range errs {
		if err != nil {
			return entries[:i], errors.Join(ErrInvalid, err)
		}
	}
	return entries, nil
}

// spread runs f(0) … f(n-1) on all cores and waits for them.
func spread(n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// verification checks signatures in the background, in order.
type verification struct {
	results []chan error
	stopped atomic.Bool
	done    chan struct{}
}

func startVerify(entries []*conversation.Entry) *verification {
	v := &verification{results: make([]chan error, len(entries)), done: make(chan struct{})}
	for i := range v.results {
		v.results[i] = make(chan error, 1)
	}
	go func() {
		defer close(v.done)
		spread(len(entries), func(i int) {
			if !v.stopped.Load() {
				v.results[i] <- entries[i].Verify()
			}
		})
	}()
	return v
}

// wait gives what became of the i-th entry. It is asked for once.
func (v *verification) wait(ctx context.Context, i int) error {
	select {
	case err := <-v.results[i]:
		if err != nil {
			return errors.Join(ErrInvalid, err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop ends what has not begun and waits for the rest.
func (v *verification) stop() {
	v.stopped.Store(true)
	<-v.done
}
