package signalling

import (
	"context"
	"sync"
)

// lifetime is what a service's goroutines live by: they are counted, their
// context ends when it closes, and close waits for them.
type lifetime struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

func newLifetime() *lifetime {
	ctx, cancel := context.WithCancel(context.Background())
	return &lifetime{ctx: ctx, cancel: cancel}
}

// enter counts the caller's goroutine in until it calls leave. It returns false,
// and then leave must not be called, when the lifetime is over.
func (l *lifetime) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.wg.Add(1)
	}
	return !l.closed
}

func (l *lifetime) leave() { l.wg.Done() }

// run starts f in a goroutine of its own, unless the lifetime is over.
func (l *lifetime) run(f func()) bool {
	if !l.enter() {
		return false
	}
	go func() {
		defer l.leave()
		f()
	}()
	return true
}

// close ends the context and waits for everyone who entered.
func (l *lifetime) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.wg.Wait()
}

// bound gives a context that ends with ctx or with the lifetime.
func (l *lifetime) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}
