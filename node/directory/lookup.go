package directory

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/routing"
)

const (
	// patience is how long a lookup delays one who could use what is remembered.
	patience = 3 * time.Second
	// others is how long those nodes have that have not answered when the first record
	// is there, at least; if it took longer to come, they have as long again.
	others = time.Second
	// lull is how long a failed lookup answers the next ones too: a record that
	// is published right now should be found soon.
	lull = 500 * time.Millisecond
	// maxFlights bounds the results of lookups that are kept for a while.
	maxFlights = 512
)

// flight is one question to the DHT, and for a while its answer.
type flight struct {
	done  chan struct{} // closed by the goroutine that asks
	found chan struct{} // closed by it before that, if a record is there and others had their time
	err   error         // set before done is closed; nil: the DHT's record is in the ledger
	ended time.Time     // set before done is closed
}

func (f *flight) over() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// fresh tells whether the answer still counts.
func (f *flight) fresh(age time.Duration) bool {
	if f.err != nil {
		age = min(age, lull)
	}
	return time.Since(f.ended) < age
}

// lookup gives the newest record under key after asking the DHT, or the reason
// why there is none.
func (d *Directory) lookup(ctx context.Context, key string) (*entry, error) {
	f, err := d.fly(key)
	if err != nil {
		return nil, err
	}
	remembered, err := d.seen.newest(key)
	if err != nil {
		return nil, err
	}
	answered, err := await(ctx, f, remembered != nil)
	if err != nil {
		return nil, err
	}
	if answered && errors.Is(f.err, errNotSaved) {
		return nil, f.err
	}
	newest, err := d.seen.newest(key)
	if err != nil || newest != nil {
		return newest, err
	}
	if answered && f.err != nil {
		return nil, f.err
	}
	return nil, ErrNotFound // forgotten meanwhile
}

// await waits for the flight; not for long if the caller has a substitute.
func await(ctx context.Context, f *flight, substitute bool) (answered bool, err error) {
	var enough <-chan time.Time
	if substitute {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case <-f.done:
		return true, nil
	case <-f.found:
		return false, nil
	case <-enough:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// fly joins the flight that is under way or has ended just now, or starts one.
func (d *Directory) fly(key string) (*flight, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, ErrClosed
	}
	if f := d.flights[key]; f != nil && (!f.over() || f.fresh(d.cfg.Fresh)) {
		return f, nil
	}
	d.sweepLocked()
	f := &flight{done: make(chan struct{}), found: make(chan struct{})}
	d.flights[key] = f
	d.wg.Go(func() {
		f.err = d.fetch(key, f.found)
		f.ended = time.Now()
		close(f.done)
	})
	return f, nil
}

// sweepLocked drops results, not questions under way.
func (d *Directory) sweepLocked() {
	for key, f := range d.flights {
		if len(d.flights) < maxFlights {
			return
		}
		if f.over() {
			delete(d.flights, key)
		}
	}
}

// compare asks the DHT in the background, unless that was done just now.
func (d *Directory) compare(key string) {
	if !d.compared(key, compareAge) {
		_, _ = d.fly(key) // after Close there is nothing to do
	}
}

// compareAge is how old an answer may be that spares a background lookup.
const compareAge = time.Minute

// compared tells whether a lookup within the last age found a record.
func (d *Directory) compared(key string, age time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.flights[key]
	return f != nil && f.over() && f.err == nil && time.Since(f.ended) < age
}

// fetch asks the DHT and puts what it has into the ledger. Nil means that there
// is a record, be it the one that was remembered. It closes found when there is one and
// the nodes that have not answered by then had their time to: most of those never will.
func (d *Directory) fetch(key string, found chan<- struct{}) error {
	ctx, cancel := context.WithTimeout(d.ctx, d.cfg.LookupTimeout)
	defer cancel()
	ctx, query := watchQuery(ctx)
	records, err := d.cfg.Store.SearchValue(ctx, key)
	var usable bool
	var unusable error
	if err == nil {
		usable, unusable = d.gather(key, records, query, found)
	}
	expired := ctx.Err() != nil
	query.end()
	switch {
	case usable:
		return nil
	case unusable != nil:
		return unusable
	}
	return query.classify(err, expired)
}

// gather puts records into the ledger as they come, until there are no more. It tells
// whether one was usable, and what is wrong with the last.
func (d *Directory) gather(key string, records <-chan []byte, q *query, found chan<- struct{}) (usable bool, err error) {
	began := time.Now()
	var enough <-chan time.Time // set while nodes that have not answered have their time
	for {
		select {
		case raw, more := <-records:
			if !more {
				return usable, err
			}
			if _, err = d.seen.offer(key, raw); err != nil {
				d.cfg.Logger.Warn("a record is not usable", "key", key, "error", err)
			} else if !usable {
				usable, enough = true, time.After(max(others, time.Since(began)))
			}
		case <-enough:
			if enough = nil; q.answered() {
				close(found)
			} else { // what there is was kept here
				enough = time.After(others)
			}
		}
	}
}

// query counts what a DHT reports of its own doing, through the events that
// go-libp2p's routing defines: kad-dht says "not found" as well when it had
// nobody to ask, and "stored" when nobody took it.
type query struct {
	cancel  context.CancelFunc
	drained chan struct{}

	responses atomic.Int64

	// Valid after end.
	events, puts int
}

// answered tells whether any node has answered yet.
func (q *query) answered() bool { return q.responses.Load() > 0 }

func watchQuery(ctx context.Context) (context.Context, *query) {
	ctx, cancel := context.WithCancel(ctx)
	ctx, events := routing.RegisterForQueryEvents(ctx)
	q := &query{cancel: cancel, drained: make(chan struct{})}
	go func() { // ends when events is closed, which cancel brings about
		defer close(q.drained)
		for e := range events {
			q.count(e)
		}
	}()
	return ctx, q
}

func (q *query) count(e *routing.QueryEvent) {
	q.events++
	switch e.Type {
	case routing.PeerResponse:
		q.responses.Add(1)
	case routing.Value:
		q.puts++
	}
}

func (q *query) end() {
	q.cancel()
	<-q.drained
}

// classify tells a DHT that has no record from one that cannot be asked. A
// routing that reports nothing is taken at its word.
func (q *query) classify(err error, expired bool) error {
	switch {
	case expired:
		return fmt.Errorf("%w: no answer in time (%d nodes answered)", ErrUnreachable, q.responses.Load())
	case err == nil, errors.Is(err, routing.ErrNotFound):
		if q.events > 0 && !q.answered() {
			return fmt.Errorf("%w: no node answered", ErrUnreachable)
		}
		return ErrNotFound
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}
