package signalling

import (
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

// keptTag marks, for the connection manager, whom this server pushes messages to.
const keptTag = "passeur/inbox/subscriber"

// kept is what keeps the connection manager from closing the connections of subscribers,
// which lie idle until there is a message. Anybody can subscribe, so they are kept up to
// a bound: the connections of those who have listened longest, and of one address an
// eighth. The others' are closed when there are too many, like anybody's.
type kept struct {
	host host.Host
	most int // connections, however many peers they are to

	mu          sync.Mutex
	subscribers []*keeping // longest first
}

// keeping is a peer and how many inboxes it listens to here.
type keeping struct {
	peer    peer.ID
	source  string
	inboxes int
}

// add notes a subscription, and gives what ends it.
func (k *kept) add(p peer.ID, source string) (end func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.subscribers, func(x *keeping) bool { return x.peer == p })
	if i < 0 {
		i = len(k.subscribers)
		k.subscribers = append(k.subscribers, &keeping{peer: p, source: source})
	}
	x := k.subscribers[i]
	x.inboxes++
	return func() { k.end(x) }
}

func (k *kept) end(x *keeping) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if x.inboxes--; x.inboxes == 0 {
		k.subscribers = slices.DeleteFunc(k.subscribers, func(other *keeping) bool { return other == x })
		k.host.ConnManager().Unprotect(x.peer, keptTag)
	}
}

// level tells the connection manager whose connections stay: peers come, go, and open
// more of them.
func (k *kept) level() {
	k.mu.Lock()
	defer k.mu.Unlock()
	left, of := k.most, map[string]int{}
	for _, x := range k.subscribers {
		n := len(k.host.Network().ConnsToPeer(x.peer))
		if n == 0 || n > left || of[x.source]+n > max(1, k.most/8) {
			k.host.ConnManager().Unprotect(x.peer, keptTag)
			continue
		}
		left -= n
		of[x.source] += n
		k.host.ConnManager().Protect(x.peer, keptTag)
	}
}
