package directory_test

import (
	"bytes"
	"context"
	"crypto/hpke"
	"crypto/rand"
	"slices"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// anythingValidator is a hostile DHT node's: it takes whatever it gets, and
// prefers what pick says.
type anythingValidator struct{ pick func(values [][]byte) int }

func (anythingValidator) Validate(string, []byte) error { return nil }

func (v anythingValidator) Select(_ string, values [][]byte) (int, error) {
	return v.pick(values), nil
}

func anything() anythingValidator { return anythingValidator{func([][]byte) int { return 0 }} }

func oldestWins() anythingValidator {
	return anythingValidator{func(values [][]byte) int {
		oldest := 0
		for i, raw := range values {
			r, err := directory.ParseRecord(raw)
			o, err2 := directory.ParseRecord(values[oldest])
			if err == nil && err2 == nil && r.Seq < o.Seq {
				oldest = i
			}
		}
		return oldest
	}}
}

// countingStore counts the questions that reach a real DHT.
type countingStore struct {
	routing.ValueStore
	mu   sync.Mutex
	gets map[string]int
}

func (c *countingStore) SearchValue(ctx context.Context, key string, opts ...routing.Option) (<-chan []byte, error) {
	c.mu.Lock()
	if c.gets == nil {
		c.gets = map[string]int{}
	}
	c.gets[key]++
	c.mu.Unlock()
	return c.ValueStore.SearchValue(ctx, key, opts...)
}

func (c *countingStore) asked(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gets[key]
}

// mapMemory is a Memory that outlives directories; fail makes it refuse to
// save, and lost to load.
type mapMemory struct {
	mu         sync.Mutex
	records    map[string][]byte
	fail, lost error
}

func (m *mapMemory) set(fail, lost error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail, m.lost = fail, lost
}

func newMapMemory() *mapMemory { return &mapMemory{records: map[string][]byte{}} }

func (m *mapMemory) LoadRecord(key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.records[key], m.lost
}

func (m *mapMemory) SaveRecord(key string, raw []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		m.records[key] = raw
	}
	return m.fail
}

func (m *mapMemory) DeleteRecord(key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.records, key)
	return m.fail
}

func newAccount(t testing.TB) conversation.AccountKey {
	t.Helper()
	key, err := conversation.NewAccountKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newDeviceID(t testing.TB) peer.ID {
	t.Helper()
	id, err := peer.IDFromPrivateKey(newDeviceKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func devices(ids ...peer.ID) (list []directory.Device) {
	for _, id := range ids {
		list = append(list, directory.Device{ID: id, Name: "device"})
	}
	return list
}

func sign(t testing.TB, k conversation.AccountKey, r directory.Record) []byte {
	t.Helper()
	raw, err := directory.SignRecord(k, r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// signAccount gives a new account with these devices, and its record.
func signAccount(t testing.TB, ids ...peer.ID) (conversation.Account, []byte) {
	t.Helper()
	k := newAccount(t)
	return k.Account(), sign(t, k, directory.Record{Seq: 1, Devices: devices(ids...)})
}

func flip(raw []byte, at int) []byte {
	wrong := bytes.Clone(raw)
	wrong[at] ^= 1
	return wrong
}

// assertOpens checks that what is sealed to key can be read by d's owner.
func assertOpens(t *testing.T, d *directory.Directory, key hpke.PublicKey) {
	t.Helper()
	if !opens(t, d, key) {
		t.Error("none of the device's keys opens what was sealed to its published key")
	}
}

func opens(t *testing.T, d *directory.Directory, key hpke.PublicKey) bool {
	t.Helper()
	sealed, err := hpke.Seal(key, hpke.HKDFSHA256(), hpke.AES256GCM(), nil, []byte("offer"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(d.OpenKeys(), func(k hpke.PrivateKey) bool {
		plain, err := hpke.Open(k, hpke.HKDFSHA256(), hpke.AES256GCM(), nil, sealed)
		return err == nil && string(plain) == "offer"
	})
}
