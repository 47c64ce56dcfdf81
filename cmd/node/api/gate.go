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
	there chan struct{} // closed when now is set
}

// house is a node and what is kept as long as it runs.
type house struct {
	Backend
	feed *feed
}

func newGate() *gate { return &gate{there: make(chan struct{})} }

func (g *gate) use(h *house) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case h == nil && g.now != nil:
		g.there = make(chan struct{})
	case h != nil && g.now == nil:
		close(g.there)
	}
	g.now = h
}

// house gives the node of the moment, nil if there is none, and what is closed when
// there is one.
func (g *gate) house() (*house, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now, g.there
}

// await gives the node, or the next one. After restartTime it gives up: CodeRestarting.
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
	if h, _ = g.house(); h == nil {
		return nil, problem(CodeRestarting, "the node is starting anew")
	}
	return h, nil
}
