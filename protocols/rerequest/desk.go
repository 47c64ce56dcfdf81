package rerequest

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Requests that are listened to at a time, for one device and in all, until they
// are answered. More are reset unread.
const (
	maxListeningPerPeer = 16
	maxListening        = 256
)

// Ranges that are sent at a time: of one file to one device (over 4 connections,
// one that flows and the next each), and for each file that may be served.
const (
	maxRanges     = 8
	rangesPerFile = 4
)

// desk counts what is going on with those who ask.
type desk struct {
	max, maxPerPeer int // files being served

	mu        sync.Mutex
	listening map[peer.ID]int              // guarded by mu
	listeners int                          // guarded by mu: the sum of listening
	serving   map[peer.ID]map[key]*serving // guarded by mu
	files     int                          // guarded by mu: all of serving
	sends     int                          // guarded by mu: the ranges of all of them
}

// serving is a file that is being sent to a device.
type serving struct {
	ranges int
	isOne  bool // one range of it is sent, which no others may go beside
	isMany bool // ranges of it are sent that others may go beside
}

func newDesk(max, maxPerPeer int) *desk {
	return &desk{
		max:        max,
		maxPerPeer: maxPerPeer,
		listening:  make(map[peer.ID]int),
		serving:    make(map[peer.ID]map[key]*serving),
	}
}

// listen admits a stream; every true needs a leave.
func (d *desk) listen(id peer.ID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listeners >= maxListening || d.listening[id] >= maxListeningPerPeer {
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

// serve takes the place of a file, or of one more range, that a device is given;
// it fails with ErrSending or ErrBusy. Every nil needs a served.
func (d *desk) serve(id peer.ID, k key) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	mine := d.serving[id]
	f := mine[k]
	switch {
	case f != nil && (f.isOne || f.ranges >= maxRanges):
		return ErrSending
	case f == nil && (d.files >= d.max || len(mine) >= d.maxPerPeer):
		return ErrBusy
	case d.sends >= d.max*rangesPerFile || sends(mine) >= d.maxPerPeer*rangesPerFile:
		return ErrBusy
	}
	if mine == nil {
		mine = make(map[key]*serving)
		d.serving[id] = mine
	}
	if f == nil {
		f = new(serving)
		mine[k] = f
		d.files++
	}
	f.ranges++
	d.sends++
	return nil
}

// sends is how many ranges of all files go to a device.
func sends(files map[key]*serving) (n int) {
	for _, f := range files {
		n += f.ranges
	}
	return n
}

// share tells whether other ranges of a file may be sent besides, once that is known;
// ErrSending when it may not, and somebody sends it.
func (d *desk) share(id peer.ID, k key, isMany bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.serving[id][k]
	if f.isOne || f.isMany && !isMany {
		return ErrSending
	}
	f.isOne, f.isMany = !isMany, isMany
	return nil
}

func (d *desk) served(id peer.ID, k key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sends--
	f := d.serving[id][k]
	if f.ranges--; f.ranges > 0 {
		return
	}
	d.files--
	if delete(d.serving[id], k); len(d.serving[id]) == 0 {
		delete(d.serving, id)
	}
}
