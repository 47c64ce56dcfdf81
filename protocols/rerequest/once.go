package rerequest

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	onceFor     = time.Hour // then a refusal is told again
	maxOnce     = 64        // different refusals of one device are told in that time
	maxOncePeer = 1024      // devices that are remembered; beyond, any one is forgotten
)

// once remembers which refusals were told of, so that nobody fills a log by
// asking. The zero value is ready.
type once struct {
	mu    sync.Mutex
	peers map[peer.ID]*refused // guarded by mu
}

// refused is what was told of one device.
type refused struct {
	since time.Time
	told  map[refusal]struct{}
}

type refusal struct {
	word string
	key  key
}

// first tells whether this refusal is to be told of.
func (o *once) first(id peer.ID, word string, k key) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.peerLocked(id)
	_, isTold := r.told[refusal{word, k}]
	if isTold || len(r.told) >= maxOnce {
		return false
	}
	r.told[refusal{word, k}] = struct{}{}
	return true
}

func (o *once) peerLocked(id peer.ID) *refused {
	now := time.Now()
	if r := o.peers[id]; r != nil && now.Sub(r.since) < onceFor {
		return r
	}
	if o.peers == nil {
		o.peers = make(map[peer.ID]*refused)
	}
	for other := range o.peers {
		if len(o.peers) < maxOncePeer {
			break
		}
		delete(o.peers, other)
	}
	o.peers[id] = &refused{since: now, told: make(map[refusal]struct{})}
	return o.peers[id]
}
