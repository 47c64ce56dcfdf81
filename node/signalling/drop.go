package signalling

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/sha3"
)

// A drop is an inbox that belongs to a key instead of a device: whoever knows the
// public half may leave a message, whoever has the private half may listen. Two
// devices that do not know each other can so meet at one whose key both make from the
// same word. Its name is
//
//	SHA3-256("drop/1/" ‖ owner, 32 bytes)
//
// and as DHT key, at its servers and to its senders it is an inbox like any other:
// same prefix, same limits, same frames. Only who listens sends claim in place of
// subscribe: the owner's key, and its signature over
//
//	"passeur/drop-claim/1\0" ‖ 1-byte length ‖ listener's peer ID ‖ 1-byte length ‖ server's peer ID
//
// both binary. The connection proves the listener's peer ID, so that the signature
// is of no use to anyone else, nor with another server.
const (
	dropLabel  = "drop/1/"
	claimLabel = "passeur/drop-claim/1\x00"
)

const (
	// maxDrops is how many drops are listened to at a time.
	maxDrops = 64
	// maxSeen is how many messages of a drop are known again when another server
	// brings them.
	maxSeen = 1024
)

// DropOf names the inbox that belongs to a key.
func DropOf(owner ed25519.PublicKey) Inbox {
	return sha3.Sum256(slices.Concat([]byte(dropLabel), owner))
}

func claimMessage(listener, server peer.ID) []byte {
	return slices.Concat([]byte(claimLabel), []byte{byte(len(listener))}, []byte(listener), []byte{byte(len(server))}, []byte(server))
}

// newClaim signs that listener may have the messages of owner's drop from server.
func newClaim(owner ed25519.PrivateKey, listener, server peer.ID) claim {
	return claim{
		owner:     [ed25519.PublicKeySize]byte(owner.Public().(ed25519.PublicKey)),
		signature: [ed25519.SignatureSize]byte(ed25519.Sign(owner, claimMessage(listener, server))),
	}
}

// allows tells whether the owner signed that listener may have the messages from
// server.
func (f claim) allows(listener, server peer.ID) bool {
	return ed25519.Verify(f.owner[:], claimMessage(listener, server), f.signature[:])
}

// dropMailbox is the one inbox of a drop.
type dropMailbox struct {
	owner    ed25519.PrivateKey
	inbox    Inbox
	listener peer.ID
}

func (m dropMailbox) inboxes(time.Time) []Inbox { return []Inbox{m.inbox} }

func (m dropMailbox) ask(server peer.ID, _ Inbox) frame { return newClaim(m.owner, m.listener, server) }

// Listen gives the messages of owner's drop, those that lie there and those to come,
// until ctx ends or the service closes; then it closes the channel. Servers may
// withhold messages, replay them and make up others: nothing tells who left one. A
// copy is given once, as long as it is among the latest 1024. Messages that are not
// received wait at the servers, for as long as those keep them.
//
// Whoever else listens to the same drop gets the messages too: at each server the
// newer subscription ends the older, which comes back after a pause of up to 10 s and
// is given what lies there.
func (s *Service) Listen(ctx context.Context, owner ed25519.PrivateKey) (<-chan []byte, error) {
	if len(owner) != ed25519.PrivateKeySize {
		return nil, errors.New("signalling: the drop's key is not an Ed25519 private key")
	}
	if err := s.beginDrop(); err != nil {
		return nil, fmt.Errorf("signalling: listen to a drop: %w", err)
	}
	d := &drop{out: make(chan []byte), life: newLifetime(), seen: make(map[[32]byte]struct{})}
	box := dropMailbox{owner, DropOf(owner.Public().(ed25519.PublicKey)), s.self}
	listener := newSubscriber(s.cfg.Host, box, s.closest, s.server, d.life, d.take, s.log)
	if err := listener.start(); err != nil {
		d.life.close()
		s.endDrop()
		return nil, fmt.Errorf("signalling: listen to a drop: %w", err)
	}
	go func() {
		defer s.endDrop()
		select {
		case <-ctx.Done():
		case <-s.life.ctx.Done():
		}
		d.life.close()
		if err := listener.close(); err != nil {
			s.log.Debug("end a drop's subscription to events", "err", err)
		}
		close(d.out)
	}()
	return d.out, nil
}

// beginDrop counts one more drop in, until endDrop.
func (s *Service) beginDrop() error {
	if !s.life.enter() {
		return ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drops >= maxDrops {
		s.life.leave()
		return ErrBusy
	}
	s.drops++
	return nil
}

func (s *Service) endDrop() {
	s.mu.Lock()
	s.drops--
	s.mu.Unlock()
	s.life.leave()
}

// Leave leaves a message of at most MaxMessage bytes in owner's drop, at its closest
// servers, for as long as ctx has left but MaxTTL at most. An error means that it was
// taken by none, or by this node alone, which is connected to nobody: it wraps
// ErrNoServer, and the reason. To
// leave the same message again pushes it again to who listens.
func (s *Service) Leave(ctx context.Context, owner ed25519.PublicKey, message []byte) error {
	switch {
	case len(owner) != ed25519.PublicKeySize:
		return errors.New("signalling: the drop's key is not an Ed25519 public key")
	case len(message) == 0:
		return errors.New("signalling: a message of nothing")
	case len(message) > MaxMessage:
		return fmt.Errorf("signalling: %w: a message of %d bytes exceeds %d", ErrTooLarge, len(message), MaxMessage)
	case !s.life.enter():
		return ErrClosed
	}
	defer s.life.leave()
	ctx, cancel := s.life.bound(ctx)
	defer cancel()
	inbox := DropOf(owner)
	servers, err := s.closest.servers(ctx, inbox)
	if err != nil {
		return fmt.Errorf("signalling: %w: %w", ErrNoServer, err)
	}
	taken, err := s.putAll(ctx, servers, put{inbox, timeLeft(ctx), slices.Clone(message)}, func(int) {})
	if taken == 0 {
		return fmt.Errorf("signalling: %w: %w", ErrNoServer, cmp.Or(err, context.Cause(ctx)))
	}
	return nil
}

func timeLeft(ctx context.Context) time.Duration {
	if deadline, limited := ctx.Deadline(); limited {
		return time.Until(deadline)
	}
	return MaxTTL
}

// drop hands on what the servers of one bring.
type drop struct {
	life *lifetime
	out  chan []byte

	mu   sync.Mutex
	seen map[[32]byte]struct{}
}

// take is called by each server's goroutine; it waits for the receiver, and so does
// the server then.
func (d *drop) take(message []byte) {
	if !d.isNew(sha3.Sum256(message)) {
		return
	}
	select {
	case d.out <- message:
	case <-d.life.ctx.Done():
	}
}

func (d *drop) isNew(sum [32]byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.seen[sum]; known {
		return false
	}
	if len(d.seen) >= maxSeen {
		clear(d.seen)
	}
	d.seen[sum] = struct{}{}
	return true
}
