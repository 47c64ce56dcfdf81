package api

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/passeur-p2p/passeur/node"
)

const (
	// ringEvents and ringBytes bound what a feed keeps for readers that come back or
	// are slow.
	ringEvents = 4096
	ringBytes  = 8 << 20
)

// feed keeps the last events of one node. Readers take from it at their own speed:
// none of them can hold up the node or another reader.
//
// An event's id is "START-N": START is new for each node, N counts. Progress of a
// transfer replaces the progress that it said before, so that a reader who was away
// gets the newest only.
type feed struct {
	start string

	mu     sync.Mutex
	ring   []told // by number, not without gaps
	bytes  int    // of data in the ring
	last   uint64 // number of the newest event
	lost   uint64 // number of the newest event that was thrown away for want of room
	closed bool
	more   chan struct{} // closed, and replaced, when something is added

	running map[string]*Transfer // as last told, without how much has crossed
}

// told is one event as readers get it.
type told struct {
	number   uint64
	kind     string
	transfer string // its id, "" if the event is about something else
	progress bool   // nothing else is new
	data     []byte // JSON
}

func newFeed() *feed {
	return &feed{start: rand.Text()[:12], more: make(chan struct{}), running: map[string]*Transfer{}}
}

// take adds what happens until the channel is closed.
func (f *feed) take(happened <-chan node.Event) {
	for e := range happened {
		f.add(eventOf(e))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	close(f.more)
}

func (f *feed) add(e Event) {
	data, err := json.Marshal(e)
	if err != nil { // it cannot: an Event holds no more than texts and numbers
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	t := told{number: f.last, kind: e.kind(), data: data}
	if e.Transfer != nil {
		t.transfer, t.progress = e.Transfer.ID, f.isProgressLocked(e)
	}
	if t.progress {
		f.replaceLocked(t.transfer)
	}
	f.ring = append(f.ring, t)
	f.bytes += len(data)
	for len(f.ring) > ringEvents || f.bytes > ringBytes && len(f.ring) > 1 {
		f.lost = f.ring[0].number
		f.bytes -= len(f.ring[0].data)
		f.ring = slices.Delete(f.ring, 0, 1)
	}
	close(f.more)
	f.more = make(chan struct{})
}

// isProgressLocked tells whether an event says no more of its transfer than how much
// has crossed.
func (f *feed) isProgressLocked(e Event) bool {
	still := withoutProgress(*e.Transfer)
	before := f.running[still.ID]
	f.running[still.ID] = &still
	if e.Transfer.Ended {
		delete(f.running, still.ID)
	}
	return e.Phase == "" && before != nil && reflect.DeepEqual(*before, still)
}

// withoutProgress is a transfer without what changes all the time.
func withoutProgress(t Transfer) Transfer {
	t.Bytes, t.Updated, t.PathDetails = 0, time.Time{}, nil
	t.Parts = slices.Clone(t.Parts)
	for i := range t.Parts {
		t.Parts[i].Bytes, t.Parts[i].PathDetails = 0, nil
	}
	return t
}

// replaceLocked drops the progress that a transfer said before.
func (f *feed) replaceLocked(transfer string) {
	i := slices.IndexFunc(f.ring, func(t told) bool { return t.progress && t.transfer == transfer })
	if i >= 0 {
		f.bytes -= len(f.ring[i].data)
		f.ring = slices.Delete(f.ring, i, i+1)
	}
}

// newest is where a reader begins who wants only what is to come.
func (f *feed) newest() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// after gives what came after a number. missed: some of that is lost. Nothing and a
// nil channel: the node has closed; nothing and a channel: wait for that.
func (f *feed) after(number uint64) (events []told, missed bool, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if number < f.lost {
		return nil, true, f.more
	}
	i, _ := slices.BinarySearchFunc(f.ring, number+1, func(t told, n uint64) int {
		if t.number < n {
			return -1
		}
		return 1
	})
	if i == len(f.ring) && f.closed {
		return nil, false, nil
	}
	return slices.Clone(f.ring[i:]), false, f.more
}

// id is how readers name an event.
func (f *feed) id(number uint64) string { return fmt.Sprintf("%s-%d", f.start, number) }

// resume finds where a reader stopped who names the last event he read: known is
// false if that is none of this node's, or not yet told.
func (f *feed) resume(id string) (number uint64, known bool) {
	start, digits, found := strings.Cut(id, "-")
	number, err := strconv.ParseUint(digits, 10, 64)
	if !found || err != nil || start != f.start {
		return 0, false
	}
	return number, number <= f.newest()
}
