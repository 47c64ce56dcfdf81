package logstore_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(victimEnv); path != "" {
		beVictim(path) // see crash_test.go
	}
	goleak.VerifyTestMain(m)
}

// start is when the tests' clocks begin.
var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// clock is one that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: start} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

func (c *clock) add(d time.Duration) { c.set(c.Now().Add(d)) }

// seeded gives bytes for keys: the same ones for the same numbers.
func seeded(a, b uint64) *rand.ChaCha8 {
	var seed [32]byte
	for i := range 8 {
		seed[i], seed[8+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	return rand.NewChaCha8(seed)
}

// person is an account of a test, with devices.
type person struct {
	key     conversation.AccountKey
	devices []logstore.Author
}

// newPerson makes the same person for the same number.
func newPerson(t testing.TB, number uint64, devices int) *person {
	if t != nil { // a victim has none
		t.Helper()
	}
	key, err := conversation.NewAccountKey(seeded(number, 0))
	check(t, err)
	p := &person{key: key}
	for i := range devices {
		device, _, err := crypto.GenerateEd25519Key(seeded(number, uint64(i)+1))
		check(t, err)
		cert, err := key.Certify(idOf(t, device))
		check(t, err)
		p.devices = append(p.devices, logstore.Author{Device: device, Account: key.Account(), Certificate: cert})
	}
	return p
}

func idOf(t testing.TB, device crypto.PrivKey) peer.ID {
	id, err := peer.IDFromPrivateKey(device)
	check(t, err)
	return id
}

func (p *person) account() conversation.Account { return p.key.Account() }
func (p *person) author() logstore.Author       { return p.devices[0] }

// home is one person's store, and the device that writes with it.
type home struct {
	*logstore.Store
	*person
	t      testing.TB
	device int
	clock  *clock
}

func (p *person) open(t testing.TB, cfg logstore.Config) *home { return p.openAt(t, newPath(t), cfg) }

func (p *person) openAt(t testing.TB, path string, cfg logstore.Config) *home {
	t.Helper()
	h := &home{person: p, t: t, clock: newClock()}
	cfg.Self = p.account()
	if cfg.Now == nil {
		cfg.Now = h.clock.Now
	}
	s, err := logstore.Open(path, cfg)
	check(t, err)
	t.Cleanup(func() { s.Close() })
	h.Store = s
	return h
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "log.db") }

// group founds a group.
func (h *home) group(name string) conversation.ID {
	h.t.Helper()
	sum, err := h.Create(h.t.Context(), h.devices[h.device], conversation.Group, conversation.Account{}, name)
	check(h.t, err)
	return sum.ID
}

// write appends an entry, a millisecond after the one before.
func (h *home) write(id conversation.ID, mediaType string, content []byte) *conversation.Entry {
	h.t.Helper()
	h.clock.add(time.Millisecond)
	e, err := h.Append(h.t.Context(), id, h.devices[h.device], mediaType, content)
	check(h.t, err)
	return e
}

func (h *home) say(id conversation.ID, text string) *conversation.Entry {
	h.t.Helper()
	return h.write(id, conversation.TypeText, conversation.Text{Text: text}.Content())
}

func (h *home) act(id conversation.ID, a conversation.Action, target *person) *conversation.Entry {
	h.t.Helper()
	var account conversation.Account
	if target != nil {
		account = target.account()
	}
	return h.write(id, conversation.TypeMember, conversation.MemberContent(a, account))
}

// missing gives what the other store lacks of a conversation, all of it.
func (h *home) missing(id conversation.ID, other *home) []conversation.Raw {
	h.t.Helper()
	want, err := h.Heads(id)
	check(h.t, err)
	have, err := other.Heads(id)
	if err != nil && !errors.Is(err, logstore.ErrUnknownConversation) {
		h.t.Fatal(err)
	}
	locator, _ := other.Locator(id)
	var all []conversation.Raw
	_, err = h.Missing(h.t.Context(), id, want, append(have, locator...), conversation.ID{}, 1<<30, 1<<30,
		func(raw conversation.Raw) error { all = append(all, raw); return nil })
	check(h.t, err)
	return all
}

// give lets the other store have what it lacks.
func (h *home) give(id conversation.ID, other *home) (last logstore.Result) {
	h.t.Helper()
	all := h.missing(id, other)
	for len(all) > 0 {
		n := batchOf(all)
		r, err := other.Ingest(h.t.Context(), id, all[:n], h.source(other, n == len(all)))
		check(h.t, err)
		all, last = all[n:], r
	}
	return last
}

func (h *home) source(other *home, last bool) logstore.Source {
	return logstore.Source{Account: h.account(), Own: h.person == other.person, Last: last}
}

// batchOf is how many of raws fit into a batch.
func batchOf(raws []conversation.Raw) int {
	size := 0
	for i, raw := range raws {
		size += len(raw.Header) + len(raw.Signature) + len(raw.Body)
		if size > 1<<20 || i == logstore.MaxBatch {
			return i
		}
	}
	return len(raws)
}

// meet lets both have what the other has.
func meet(id conversation.ID, homes ...*home) {
	for range 2 {
		for _, a := range homes {
			for _, b := range homes {
				if a != b {
					a.give(id, b)
				}
			}
		}
	}
}

// join makes people members of a group that the first founded.
func join(id conversation.ID, founder *home, members ...*home) {
	for _, m := range members {
		founder.act(id, conversation.Invite, m.person)
	}
	for _, m := range members {
		founder.give(id, m)
		m.act(id, conversation.Join, nil)
		m.give(id, founder)
	}
	meet(id, append([]*home{founder}, members...)...)
}

func check(t testing.TB, errs ...error) {
	if err := errors.Join(errs...); err != nil {
		if t == nil { // in a victim
			panic(err)
		}
		t.Helper()
		t.Fatal(err)
	}
}

// sound wants a store whose derived columns are what a rebuild would give.
func sound(t testing.TB, s *logstore.Store, id conversation.ID) {
	t.Helper()
	findings, err := s.Check(t.Context(), id)
	check(t, err)
	for _, f := range findings {
		t.Error(f)
	}
}
