package api

import (
	"context"
	"sync"
	"time"
)

// restartTime is how long a request waits for a node that starts anew.
const restartTime = 30 * time.Second

// gate hands out the node of the moment. Requests wait while there is none.
type gate struct {
	mu    sync.Mutex
	now   *house        // nil while there is none
	there chan struct{} // closed when now is set, or shut
	shut  bool          // there will be none any more
}

// house is a node and what is kept as long as it runs.
type house struct {
	Backend
	feed  *feed
	there <-chan struct{} // the gate's while this node, and none after it, is the one of the moment
}

func newGate() *gate { return &gate{there: make(chan struct{})} }

func (g *gate) use(h *house) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.shut:
		return
	case h == nil && g.now != nil:
		g.there = make(chan struct{})
	case h != nil && g.now == nil:
		close(g.there)
	}
	if g.now = h; h != nil {
		h.there = g.there
	}
}

// close lets no request in any more: CodeClosing.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut && g.now == nil {
		close(g.there)
	}
	g.now, g.shut = nil, true
}

// left tells whether h is closed, or about to be, and gives what its requests hear then.
func (g *gate) left(h *house) *Problem {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.shut:
		return problem(CodeClosing, "the node is stopping")
	case g.there != h.there:
		return problem(CodeRestarting, "the node is starting anew")
	}
	return nil
}

// blame gives the error of a request that h answered. What fails in ways of its own
// because h is being closed under it is put down to that.
func (g *gate) blame(h *house, err error) error {
	if err == nil || problemOf(err).Code != CodeInternal {
		return err
	}
	if left := g.left(h); left != nil {
		left.Detail += ": " + err.Error()
		return left
	}
	return err
}

// house gives the node of the moment, nil if there is none, and what is closed when
// there is one.
func (g *gate) house() (*house, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now, g.there
}

// await gives the node, or the next one. After restartTime it gives up: CodeRestarting.
// Once the gate is shut there is none: CodeClosing.
func (g *gate) await(ctx context.Context) (*house, error) {
	h, there := g.house()
	if h != nil {
		return h, nil
	}
	limit := time.NewTimer(restartTime)
	defer limit.Stop()
	select {
	case <-there:
	case <-limit.C:
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.shut:
		return nil, problem(CodeClosing, "the node is stopping")
	case g.now == nil:
		return nil, problem(CodeRestarting, "the node is starting anew")
	}
	return g.now, nil
}
