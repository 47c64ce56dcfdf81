package directory_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"

	"github.com/passeur-p2p/passeur/node/directory"
)

const day = 24 * time.Hour

// clockDHT does what a DHT with our validator does to one of its users, in the
// clock of a synctest bubble: it checks, keeps the newest, and forgets after 48
// hours. The real DHT runs in dht_test.go; it cannot run in a bubble.
type clockDHT struct {
	mu      sync.Mutex
	records map[string]stored
	puts    []time.Time
	down    bool          // fails at once
	hang    chan struct{} // not nil: does not answer until closed
	nobody  bool          // there are no peers, which only the events tell
}

type stored struct {
	raw []byte
	at  time.Time
}

func newClockDHT() *clockDHT { return &clockDHT{records: map[string]stored{}} }

func (c *clockDHT) set(f func(*clockDHT)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

func (c *clockDHT) wait(ctx context.Context) error {
	c.mu.Lock()
	hang, down := c.hang, c.down
	c.mu.Unlock()
	if down {
		return errors.New("the network is down")
	}
	if hang == nil {
		return nil
	}
	select {
	case <-hang:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *clockDHT) PutValue(ctx context.Context, key string, raw []byte, _ ...routing.Option) error {
	c.set(func(c *clockDHT) { c.puts = append(c.puts, time.Now()) })
	if err := c.wait(ctx); err != nil {
		return err
	}
	routing.PublishQueryEvent(ctx, &routing.QueryEvent{Type: routing.SendingQuery})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nobody {
		return nil
	}
	routing.PublishQueryEvent(ctx, &routing.QueryEvent{Type: routing.Value})
	if err := directory.Validator().Validate(key, raw); err != nil {
		return err
	}
	if old := c.liveLocked(key); old != nil {
		if i, err := directory.Validator().Select(key, [][]byte{raw, old}); err != nil || i != 0 {
			return errors.Join(errors.New("can't replace a newer value"), err)
		}
	}
	c.records[key] = stored{bytes.Clone(raw), time.Now()}
	return nil
}

func (c *clockDHT) GetValue(ctx context.Context, key string, _ ...routing.Option) ([]byte, error) {
	if err := c.wait(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if raw := c.liveLocked(key); raw != nil {
		return raw, nil
	}
	return nil, routing.ErrNotFound
}

func (c *clockDHT) SearchValue(ctx context.Context, key string, opts ...routing.Option) (<-chan []byte, error) {
	found := make(chan []byte)
	go func() {
		defer close(found)
		if raw, err := c.GetValue(ctx, key, opts...); err == nil {
			found <- raw
		}
	}()
	return found, nil
}

func (c *clockDHT) liveLocked(key string) []byte {
	if s, found := c.records[key]; found && time.Since(s.at) < 48*time.Hour {
		return s.raw
	}
	return nil
}

func (c *clockDHT) live(key string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.liveLocked(key)
}

func (c *clockDHT) countPuts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.puts)
}

// home is what a device has on its disk.
type home struct {
	key    crypto.PrivKey
	memory *mapMemory

	mu    sync.Mutex
	ring  []byte
	fail  error // of saving the ring
	saves int
}

func (h *home) save(raw []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail == nil {
		h.ring, h.saves = bytes.Clone(raw), h.saves+1
	}
	return h.fail
}

func (h *home) refuseToSave(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail = err
}

func newHome(t *testing.T) *home { return &home{key: newDeviceKey(t), memory: newMapMemory()} }

func (h *home) device() peer.ID {
	id, err := peer.IDFromPrivateKey(h.key)
	if err != nil {
		panic(err)
	}
	return id
}

func (h *home) start(t *testing.T, c *clockDHT) *directory.Directory {
	t.Helper()
	ring := &directory.KeyRing{Save: h.save}
	if h.ring != nil {
		if err := ring.UnmarshalBinary(h.ring); err != nil {
			t.Fatal(err)
		}
	}
	d, err := directory.New(directory.Config{
		Store: c, Memory: h.memory, Keys: ring, Key: h.key, Capabilities: []string{"ice"},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func (c *clockDHT) deviceRecord(t *testing.T, id peer.ID) *directory.DeviceRecord {
	t.Helper()
	r, err := directory.ParseDeviceRecord(c.live(directory.DeviceRecordKey(id)))
	if err != nil {
		t.Fatalf("%s: %v", time.Now(), err)
	}
	return r
}
