package api

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// restartTime is how long a request waits for a node that starts anew.
const restartTime = 30 * time.Second

// gate hands requests to the node of the moment. They wait while there is none.
type gate struct {
	logger *slog.Logger

	mu    sync.Mutex
	now   http.Handler  // nil while there is none
	there chan struct{} // closed when now is set
}

func newGate(logger *slog.Logger) *gate {
	return &gate{logger: logger, there: make(chan struct{})}
}

func (g *gate) use(h http.Handler) {
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

func (g *gate) handler() (http.Handler, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now, g.there
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, there := g.handler()
	if h == nil {
		h = g.await(r, there)
	}
	if h == nil {
		writeProblem(w, problem(http.StatusServiceUnavailable, CodeRestarting, "the node is starting anew"))
		return
	}
	h.ServeHTTP(w, r)
}

// await gives the next node's handler, or nil if the time is up.
func (g *gate) await(r *http.Request, there <-chan struct{}) http.Handler {
	limit := time.NewTimer(restartTime)
	defer limit.Stop()
	select {
	case <-there:
	case <-limit.C:
	case <-r.Context().Done():
	}
	h, _ := g.handler()
	return h
}
