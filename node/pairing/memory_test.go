package pairing

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/conversation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is inboxes in memory. It sees what a keeper of them sees, and may drop, hold
// and forge.
type world struct {
	mu      sync.Mutex
	boxes   map[inboxKey][]lying
	changed chan struct{} // closed at the next message
	seen    [][]byte      // every message, once
	// pass tells whether a message may be seen by others; nil: all may.
	pass func(to inboxKey, raw []byte) bool
}

type lying struct {
	raw   []byte
	until time.Time
}

func newWorld() *world {
	return &world{boxes: make(map[inboxKey][]lying), changed: make(chan struct{})}
}

func (w *world) Leave(ctx context.Context, owner ed25519.PublicKey, message []byte) error {
	w.mu.Lock()
	pass := w.pass
	w.mu.Unlock()
	until, limited := ctx.Deadline()
	if !limited {
		return errors.New("left without a limit")
	}
	if pass == nil || pass(inboxKey(owner), message) {
		w.lay(inboxKey(owner), lying{message, until})
	}
	return nil
}

// deliver lays a message down past pass.
func (w *world) deliver(to inboxKey, message []byte) {
	w.lay(to, lying{message, time.Now().Add(2 * time.Minute)})
}

func (w *world) lay(to inboxKey, m lying) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(w.boxes[to], func(other lying) bool { return bytes.Equal(other.raw, m.raw) }) {
		return
	}
	w.boxes[to] = append(w.boxes[to], m)
	w.seen = append(w.seen, m.raw)
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) intercept(pass func(to inboxKey, raw []byte) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pass = pass
}

func (w *world) Listen(ctx context.Context, owner ed25519.PrivateKey) (<-chan []byte, error) {
	at := inboxKey(owner.Public().(ed25519.PublicKey))
	out := make(chan []byte)
	go func() {
		defer close(out)
		for n := 0; ; n++ {
			m, more := w.message(ctx, at, n)
			if !more {
				return
			}
			if !time.Now().Before(m.until) {
				continue
			}
			select {
			case out <- m.raw:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// message awaits the nth message of an inbox; none when ctx ends.
func (w *world) message(ctx context.Context, at inboxKey, n int) (m lying, more bool) {
	for {
		w.mu.Lock()
		box, changed := w.boxes[at], w.changed
		w.mu.Unlock()
		if n < len(box) {
			return box[n], true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return lying{}, false
		}
	}
}

// blobs is a disk.
type blobs struct {
	mu sync.Mutex
	m  map[string][]byte
}

func newBlobs() *blobs { return &blobs{m: make(map[string][]byte)} }

func (b *blobs) Blob(name string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.m[name]), nil
}

func (b *blobs) PutBlob(name string, raw []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.m[name] = bytes.Clone(raw)
	return nil
}

// device is one with its pairing service.
type device struct {
	*Service
	t      testing.TB
	party  Party
	disk   *blobs
	cfg    Config
	mu     sync.Mutex
	events []Phase
	last   Purpose // of the last event
}

func newParty(t testing.TB, name string) Party {
	var device, account [32]byte
	rand.Read(device[:])
	rand.Read(account[:])
	p := partyOf(t, device[:], account[:])
	p.Name = name
	return p
}

// fixedParty is made from two seeds.
func fixedParty(t testing.TB, n byte) Party {
	return partyOf(t, bytes.Repeat([]byte{n}, 32), bytes.Repeat([]byte{n + 100}, 32))
}

func partyOf(t testing.TB, deviceSeed, accountSeed []byte) Party {
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(deviceSeed))
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	account, err := conversation.AccountKeyFromSeed(accountSeed)
	if err != nil {
		t.Fatal(err)
	}
	return Party{
		Device: id, Account: account.Account(), Name: "Zoë's phone",
		Addrs: []ma.Multiaddr{ma.StringCast("/ip4/192.0.2.7/tcp/4001"), ma.StringCast("/ip6/2001:db8::7/udp/4001/quic-v1")},
	}
}

func newDevice(t testing.TB, name string, inboxes Inboxes) *device {
	d := &device{t: t, party: newParty(t, name), disk: newBlobs()}
	d.cfg = Config{Inboxes: inboxes, Memory: NewLedger(d.disk), Observe: d.observe}
	d.start()
	t.Cleanup(func() { d.Close() })
	return d
}

// start makes the service anew, as after a restart.
func (d *device) start() {
	var err error
	if d.Service, err = New(d.cfg); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) restart() {
	d.Close()
	d.start()
}

func (d *device) observe(e Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events, d.last = append(d.events, e.Phase), e.Purpose
}

func (d *device) lastPurpose() Purpose {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

func (d *device) observed() []Phase {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.events)
}

// outcome is how one side of a pairing ended.
type outcome struct {
	Result
	err error
}

func (d *device) show(ctx context.Context, c Code) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		r, err := d.Show(ctx, c, d.party)
		done <- outcome{r, err}
	}()
	return done
}

func (d *device) enter(ctx context.Context, c Code) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		r, err := d.Enter(ctx, c, d.party)
		done <- outcome{r, err}
	}()
	return done
}

// count tells how many messages of a kind were left, each counted once.
func (w *world) count(k kind) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, raw := range w.seen {
		if len(raw) > 1 && kind(raw[1]) == k {
			n++
		}
	}
	return n
}

// first gives the first message of a kind in an inbox.
func (w *world) first(k kind, in inboxKey) message {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, lies := range w.boxes[in] {
		if m, err := parseMessage(lies.raw); err == nil && kind(lies.raw[1]) == k {
			return m
		}
	}
	return nil
}
