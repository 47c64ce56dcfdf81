package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/throttle"
)

// ErrBadLimit: a limit is below what keeps a transfer alive.
var ErrBadLimit = fmt.Errorf("a limit is at least %d bytes a second, or 0 for none", MinLimit)

// Limit is how many bytes a second files may take, those of all transfers together,
// on whatever network. 0 is no limit.
type Limit struct {
	// Contact is the alias of whom the limit is for, Account the account; both are
	// empty for the whole node. Transfers with a contact are under both limits.
	Contact  string
	Account  conversation.Account
	Up, Down int64
}

// limitsBlob is where the store keeps the limits.
const limitsBlob = "limits"

// keptLimits is the form in the store, JSON.
type keptLimits struct {
	Node     keptLimit                          `json:"node"`
	Contacts map[conversation.Account]keptLimit `json:"contacts,omitempty"`
}

type keptLimit struct {
	Up   int64 `json:"up"`
	Down int64 `json:"down"`
}

// limits are the buckets that transfers draw on.
type limits struct {
	all lane

	mu   sync.Mutex                     // orders changes
	kept keptLimits                     // guarded by mu
	of   map[conversation.Account]*lane // guarded by mu; of those with whom there was a transfer, or who have a limit
}

// lane is a bucket for each direction.
type lane struct{ up, down throttle.Bucket }

func (l *lane) set(k keptLimit) {
	l.up.SetRate(k.Up)
	l.down.SetRate(k.Down)
}

// openLimits reads what was set before.
func (n *Node) openLimits() error {
	raw, err := n.store.Blob(limitsBlob)
	if err != nil {
		return err
	}
	l := &n.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	if raw != nil {
		if err := json.Unmarshal(raw, &l.kept); err != nil {
			return fmt.Errorf("read the limits: %w", err)
		}
	}
	l.all.set(l.kept.Node)
	for a, k := range l.kept.Contacts {
		l.laneLocked(a).set(k)
	}
	return nil
}

func (l *limits) laneLocked(a conversation.Account) *lane {
	if l.of == nil {
		l.of = map[conversation.Account]*lane{}
	}
	if l.of[a] == nil {
		l.of[a] = new(lane)
	}
	return l.of[a]
}

// throttle lets a stream of filexfer's transfer id draw on the node's buckets, on those
// of whose device it is with, and on that of its transfer. Between devices of the own
// account only the node's and the transfer's count.
func (n *Node) throttle(s network.Stream, id string) network.Stream {
	up, down := []*throttle.Bucket{&n.limits.all.up}, []*throttle.Bucket{&n.limits.all.down}
	if a, known := n.accountOf(s.Conn().RemotePeer()); known && a != n.keys.account {
		n.limits.mu.Lock()
		theirs := n.limits.laneLocked(a)
		n.limits.mu.Unlock()
		up, down = append(up, &theirs.up), append(down, &theirs.down)
	}
	return throttle.Wrap(counted{s, n.tally}, up, down, func() *throttle.Bucket { return n.transfers.bucket(id) })
}

// LimitTransfer bounds how many bytes a second a transfer takes, those of all its
// streams together: to all devices that it goes to, or from all that bring it. It counts
// at once, beside the limits of the node and the contact, until the transfer ends or this
// node stops. 0 is no limit. Errors wrap ErrUnknownTransfer, ErrNotRunning or ErrBadLimit.
func (n *Node) LimitTransfer(_ context.Context, id string, perSecond int64) (Transfer, error) {
	if err := checkRate(perSecond); err != nil {
		return Transfer{}, err
	}
	return n.transfers.limit(id, perSecond)
}

func (b *transferBook) limit(id string, perSecond int64) (Transfer, error) {
	b.change(id, func(e *entry) {
		if e.bucket == nil {
			e.bucket = new(throttle.Bucket)
			b.limited.Store(true)
		}
		e.bucket.SetRate(perSecond)
		e.Limit = perSecond
	})
	t, found := b.get(id)
	switch {
	case !found:
		return t, fmt.Errorf("%w: %q", ErrUnknownTransfer, id)
	case t.Ended:
		return t, fmt.Errorf("%w: %s is %s", ErrNotRunning, id, t.State)
	}
	return t, nil
}

// bucket gives what the streams of filexfer's transfer id share; nil: the transfer has
// no limit.
func (b *transferBook) bucket(id string) *throttle.Bucket {
	if !b.limited.Load() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	id, _ = b.bringsLocked(id)
	if e := b.byID[id]; e != nil {
		return e.bucket
	}
	return nil
}

// Limits lists what is set: the node's first, whether there is a limit or not, then
// those of contacts by name.
func (n *Node) Limits() []Limit {
	l := &n.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	list := []Limit{{Up: l.kept.Node.Up, Down: l.kept.Node.Down}}
	for _, c := range n.contacts.all() {
		if k, has := l.kept.Contacts[c.Account]; has {
			list = append(list, Limit{c.Name, c.Account, k.Up, k.Down})
		}
	}
	return list
}

// SetLimits changes the limits of the node ("") or of a contact (alias or account),
// for transfers that run and for those to come, and keeps them over restarts. Nil
// leaves a direction as it is, 0 is no limit. It gives both as they are then. Errors wrap ErrUnknownContact or
// ErrBadLimit.
func (n *Node) SetLimits(_ context.Context, who string, up, down *int64) (Limit, error) {
	var of Limit
	if who != "" {
		c, err := n.contacts.find(who)
		if err != nil {
			return Limit{}, err
		}
		of.Contact, of.Account = c.Name, c.Account
	}
	l := &n.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.keptLocked(of.Account)
	if err := errors.Join(replace(&k.Up, up), replace(&k.Down, down)); err != nil {
		return Limit{}, err
	}
	if k != l.keptLocked(of.Account) {
		if err := n.keepLimitLocked(of.Account, k); err != nil {
			return Limit{}, err
		}
	}
	of.Up, of.Down = k.Up, k.Down
	return of, nil
}

func (l *limits) keptLocked(a conversation.Account) keptLimit {
	if a.IsZero() {
		return l.kept.Node
	}
	return l.kept.Contacts[a]
}

func checkRate(perSecond int64) error {
	if perSecond < 0 || perSecond > 0 && perSecond < MinLimit {
		return fmt.Errorf("%w: not %d", ErrBadLimit, perSecond)
	}
	return nil
}

func replace(rate, with *int64) error {
	if with == nil {
		return nil
	}
	*rate = *with
	return checkRate(*with)
}

// keepLimitLocked stores a limit, of the node if a is zero, and makes it count. What
// was kept for somebody who is no contact any more is dropped.
func (n *Node) keepLimitLocked(a conversation.Account, k keptLimit) error {
	l := &n.limits
	next := keptLimits{Node: l.kept.Node, Contacts: map[conversation.Account]keptLimit{}}
	for other, its := range l.kept.Contacts {
		if _, known := n.contacts.get(other); known {
			next.Contacts[other] = its
		}
	}
	changes := &l.all
	if a.IsZero() {
		next.Node = k
	} else {
		changes = l.laneLocked(a)
		next.Contacts[a] = k
	}
	if k == (keptLimit{}) {
		delete(next.Contacts, a)
	}
	raw, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := n.store.PutBlob(limitsBlob, raw); err != nil {
		return err
	}
	l.kept = next
	changes.set(k)
	return nil
}
