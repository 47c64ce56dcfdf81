package rerequest

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Requests that are listened to at a time, for one device and in all; a file
// that is being sent keeps its own. More are reset unread.
const (
	maxListeningPerPeer = 16
	maxListening        = 256
)

// desk counts what is going on with those who ask.
type desk struct {
	max, maxPerPeer int // files being served

	mu        sync.Mutex
	listening map[peer.ID]int              // guarded by mu
	listeners int                          // guarded by mu: the sum of listening
	serving   map[peer.ID]map[key]struct{} // guarded by mu
	sends     int                          // guarded by mu: all of serving
}

func newDesk(max, maxPerPeer int) *desk {
	return &desk{
		max:        max,
		maxPerPeer: maxPerPeer,
		listening:  make(map[peer.ID]int),
		serving:    make(map[peer.ID]map[key]struct{}),
	}
}

// listen admits a stream; every true needs a leave.
func (d *desk) listen(id peer.ID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listeners >= maxListening+d.max || d.listening[id] >= maxListeningPerPeer+d.maxPerPeer {
		return false
	}
	d.listeners++
	d.listening[id]++
	return true
}

func (d *desk) leave(id peer.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listeners--
	if d.listening[id]--; d.listening[id] == 0 {
		delete(d.listening, id)
	}
}

// serve takes the place of a file that a device is given; it fails with
// ErrSending or ErrBusy. Every nil needs a served.
func (d *desk) serve(id peer.ID, k key) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, isServed := d.serving[id][k]; isServed {
		return ErrSending
	}
	if d.sends >= d.max || len(d.serving[id]) >= d.maxPerPeer {
		return ErrBusy
	}
	if d.serving[id] == nil {
		d.serving[id] = make(map[key]struct{})
	}
	d.serving[id][k] = struct{}{}
	d.sends++
	return nil
}

func (d *desk) served(id peer.ID, k key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sends--
	if delete(d.serving[id], k); len(d.serving[id]) == 0 {
		delete(d.serving, id)
	}
}
