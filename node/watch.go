package node

import (
	"context"
	"sync"
)

// maxBacklog is how many events a watcher may fall behind before it is dropped.
// Progress is coalesced per transfer, so only phases and state changes count.
const maxBacklog = 4096

// hub hands every event to every watcher. A slow watcher loses progress, never
// a phase or a change of state; one that does not read at all is dropped.
type hub struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{}
	done     chan struct{} // closed by close
	running  sync.WaitGroup
}

type watcher struct {
	wake  chan struct{} // one slot: something was queued
	queue []Event       // guarded by hub.mu
	lost  bool          // guarded by hub.mu: too far behind
}

func newHub() *hub {
	return &hub{watchers: map[*watcher]struct{}{}, done: make(chan struct{})}
}

// publish never blocks.
func (h *hub) publish(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.addLocked(e)
	}
}

func (w *watcher) addLocked(e Event) {
	if i := w.supersededLocked(e); i >= 0 {
		w.queue[i] = e
		return
	}
	if len(w.queue) >= maxBacklog {
		w.lost = true
	} else {
		w.queue = append(w.queue, e)
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// supersededLocked finds the queued event that e replaces: the last one of the
// same transfer, when both are mere progress.
func (w *watcher) supersededLocked(e Event) int {
	if e.Transfer == nil || e.Phase != "" {
		return -1
	}
	for i := len(w.queue) - 1; i >= 0; i-- {
		queued := w.queue[i]
		if queued.Transfer == nil || queued.Transfer.ID != e.Transfer.ID {
			continue
		}
		if queued.Phase == "" && e.Transfer.mereProgress(*queued.Transfer) {
			return i
		}
		return -1
	}
	return -1
}

// watch registers a watcher whose channel closes when ctx ends, the hub closes
// or the watcher falls too far behind.
func (h *hub) watch(ctx context.Context) <-chan Event {
	out := make(chan Event)
	w := &watcher{wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.done:
		close(out)
		return out
	default:
	}
	h.watchers[w] = struct{}{}
	h.running.Add(1)
	go h.feed(ctx, w, out)
	return out
}

// feed owns out and closes it.
func (h *hub) feed(ctx context.Context, w *watcher, out chan<- Event) {
	defer h.running.Done()
	defer close(out)
	defer h.forget(w)
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.done:
			return
		case <-w.wake:
		}
		if !h.drain(ctx, w, out) {
			return
		}
	}
}

// drain hands over what is queued; false means that the watcher is to end.
func (h *hub) drain(ctx context.Context, w *watcher, out chan<- Event) bool {
	for {
		e, found, lost := h.next(w)
		if !found {
			return !lost
		}
		select {
		case out <- e:
		case <-ctx.Done():
			return false
		case <-h.done:
			return false
		}
	}
}

func (h *hub) next(w *watcher) (e Event, found, lost bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(w.queue) == 0 {
		return Event{}, false, w.lost
	}
	e = w.queue[0]
	w.queue = w.queue[1:]
	return e, true, false
}

func (h *hub) forget(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

// close ends every watcher and waits for it. It is called once.
func (h *hub) close() {
	h.mu.Lock()
	close(h.done)
	h.mu.Unlock()
	h.running.Wait()
}
