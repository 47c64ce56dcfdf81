package directory_test

import (
	"bytes"
	"context"
	"crypto/hpke"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
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

func (c *clockDHT) SearchValue(context.Context, string, ...routing.Option) (<-chan []byte, error) {
	return nil, routing.ErrNotSupported
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

// For a month: the published key can always be used and opened; there are at
// most two keys; each is gone eight days and an hour after it was first seen.
func TestKeysTurnWeekly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		d := h.start(t, c)
		firstSeen := map[string]time.Time{}
		for range 30 * 6 {
			time.Sleep(4 * time.Hour)
			synctest.Wait()
			key, err := c.deviceRecord(t, h.device()).SealKey(time.Now())
			if err != nil || !opens(t, d, key) {
				t.Fatalf("%s: the published key cannot be used: %v", time.Now(), err)
			}
			if n := len(d.OpenKeys()); n > 2 {
				t.Fatalf("%d keys are held", n)
			}
			for _, k := range d.OpenKeys() {
				public := string(k.PublicKey().Bytes())
				if _, seen := firstSeen[public]; !seen {
					firstSeen[public] = time.Now()
				}
				if age := time.Since(firstSeen[public]); age > 8*day+time.Hour {
					t.Fatalf("a key is held for %v", age)
				}
			}
		}
		if n := len(firstSeen); n != 5 {
			t.Errorf("%d keys in 30 days, want 5", n)
		}
		if h.saves < 5 || h.saves > 10 {
			t.Errorf("the ring was saved %d times", h.saves)
		}
	})
}

func TestRecordsNeverGrowTooOldOnTheDHT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		d := h.start(t, c)
		account, raw := signAccount(t, h.device())
		if err := d.Publish(raw); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for range 10 {
			if c.live(directory.AccountRecordKey(account)) == nil || c.live(directory.DeviceRecordKey(h.device())) == nil {
				t.Fatal("a record is missing")
			}
			if age := time.Since(d.Published(directory.AccountRecordKey(account))); age > 7*time.Hour {
				t.Fatalf("put %v ago", age)
			}
			time.Sleep(day)
			synctest.Wait()
		}
		if n := c.countPuts(); n > 2*(10*4+10) {
			t.Errorf("%d puts in ten days", n)
		}
		d.Close()
		puts := c.countPuts()
		time.Sleep(3 * day)
		if c.countPuts() != puts || c.live(directory.AccountRecordKey(account)) != nil {
			t.Error("it was published after Close")
		}
	})
}

func TestPublishingBacksOffAndRecovers(t *testing.T) {
	for name, fail := range map[string]func(*clockDHT, bool){
		"errors":        func(c *clockDHT, on bool) { c.down = on },
		"nobody stores": func(c *clockDHT, on bool) { c.nobody = on },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, h := newClockDHT(), newHome(t)
				c.set(func(c *clockDHT) { fail(c, true) })
				d := h.start(t, c)
				key := directory.DeviceRecordKey(h.device())
				time.Sleep(time.Hour)
				synctest.Wait()
				if n := c.countPuts(); n < 50 || n > 75 || !d.Published(key).IsZero() {
					t.Errorf("%d attempts in an hour without success, published %v", n, d.Published(key))
				}
				c.set(func(c *clockDHT) { fail(c, false) })
				d.Announce()
				synctest.Wait()
				if c.live(key) == nil || d.Published(key).IsZero() {
					t.Error("Announce did not publish at once")
				}
			})
		})
	}
}

func TestKeyThatCannotBeSavedIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		d := h.start(t, c)
		synctest.Wait()
		before := c.deviceRecord(t, h.device()).Raw
		h.refuseToSave(errors.New("disk full"))
		time.Sleep(7*day + 12*time.Hour)
		synctest.Wait()
		if !bytes.Equal(c.deviceRecord(t, h.device()).Raw, before) || len(d.OpenKeys()) != 1 {
			t.Fatal("the record or the keys changed")
		}
		h.refuseToSave(nil)
		time.Sleep(12 * time.Minute)
		synctest.Wait()
		if bytes.Equal(c.deviceRecord(t, h.device()).Raw, before) || len(d.OpenKeys()) != 2 {
			t.Error("the key was not turned once it could be saved")
		}
	})
}

func TestFirstKeyMustBeSaved(t *testing.T) {
	full := errors.New("disk full")
	ring := &directory.KeyRing{Save: func([]byte) error { return full }}
	_, err := directory.New(directory.Config{Store: newClockDHT(), Key: newDeviceKey(t), Keys: ring})
	if !errors.Is(err, full) {
		t.Errorf("New = %v", err)
	}
}

func TestRestartPublishesTheSameRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		h.start(t, c).Close()
		d := h.start(t, c)
		synctest.Wait()
		first := c.deviceRecord(t, h.device())
		d.Close()
		time.Sleep(3 * day) // gone from the DHT
		d = h.start(t, c)
		synctest.Wait()
		if again := c.deviceRecord(t, h.device()); !bytes.Equal(again.Raw, first.Raw) {
			t.Errorf("another record: seq %d, then %d", first.Seq, again.Seq)
		}
		d.Close()
		time.Sleep(20 * day) // the key has expired meanwhile
		d = h.start(t, c)
		synctest.Wait()
		key, err := c.deviceRecord(t, h.device()).SealKey(time.Now())
		if err != nil || !opens(t, d, key) || len(d.OpenKeys()) != 1 {
			t.Errorf("after three weeks: %v, %d keys", err, len(d.OpenKeys()))
		}
	})
}

// A home restored from a backup knows less than the others do.
func TestRestoredBackupOutbidsItsForgottenRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		h.start(t, c).Close()
		backup := &home{key: h.key, memory: newMapMemory()}
		time.Sleep(day)
		d := h.start(t, c)
		time.Sleep(8 * day) // turns
		synctest.Wait()
		d.Close()
		later := c.deviceRecord(t, h.device()).Seq
		d = backup.start(t, c)
		synctest.Wait()
		r := c.deviceRecord(t, h.device())
		key, err := r.SealKey(time.Now())
		if err != nil || r.Seq <= later || !opens(t, d, key) {
			t.Errorf("seq %d after %d, %v", r.Seq, later, err)
		}
	})
}

// A key drawn while the clock was ten years ahead would live ten years too long.
func TestClockThatWasAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		synctest.Wait()
		ahead := futureRing(t, 3650*day)
		h.ring = ahead
		c := newClockDHT()
		d := h.start(t, c)
		synctest.Wait()
		r := c.deviceRecord(t, h.device())
		if left := time.Until(r.Keys[0].NotAfter); left > 8*day || !opens(t, d, mustSealKey(t, r)) {
			t.Errorf("the published key lives for %v", left)
		}
		if n := len(d.OpenKeys()); n != 2 {
			t.Errorf("%d keys, want the new one and the one from the future", n)
		}
		time.Sleep(day + 2*time.Hour)
		synctest.Wait()
		if n := len(d.OpenKeys()); n != 1 {
			t.Errorf("%d keys, the one from the future is still there", n)
		}
	})
}

// futureRing gives a ring's bytes as they are when the clock was that far ahead.
func futureRing(t *testing.T, ahead time.Duration) []byte {
	t.Helper()
	h := newHome(t)
	h.start(t, newClockDHT()).Close()
	binary.BigEndian.PutUint64(h.ring[4:], uint64(time.Now().Add(ahead).UnixMilli()))
	binary.BigEndian.PutUint64(h.ring[12:], uint64(time.Now().Add(ahead+8*day).UnixMilli()))
	return h.ring
}

func mustSealKey(t *testing.T, r *directory.DeviceRecord) hpke.PublicKey {
	t.Helper()
	key, err := r.SealKey(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Another keeper of the account has published a newer record: this node must
// not put the older one again, and not lose the newer.
func TestNewerRecordOfAnotherKeeperIsKeptAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		k := newAccount(t)
		older := sign(t, k, directory.Record{Seq: 1, Devices: devices(h.device())})
		newer := sign(t, k, directory.Record{Seq: 2, Devices: devices(h.device(), newDeviceID(t))})
		d := h.start(t, c)
		if err := d.Publish(older); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		key := directory.AccountRecordKey(k.Account())
		if err := c.PutValue(t.Context(), key, newer); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * day)
		synctest.Wait()
		if !bytes.Equal(c.live(key), newer) {
			t.Error("the newer record is gone")
		}
		if r, found := d.Remembered(k.Account()); !found || r.Seq != 2 {
			t.Errorf("remembered: %+v", r)
		}
	})
}

func TestPublishReplacesAndRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		d := h.start(t, c)
		k := newAccount(t)
		key := directory.AccountRecordKey(k.Account())
		for seq := range uint64(3) {
			raw := sign(t, k, directory.Record{Seq: seq + 1})
			if err := d.Publish(raw); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if !bytes.Equal(c.live(key), raw) {
				t.Fatalf("record %d was not published at once", seq+1)
			}
		}
		if err := d.Publish([]byte("garbage")); !errors.Is(err, directory.ErrMalformed) {
			t.Errorf("garbage: %v", err)
		}
		future := sign(t, k, directory.Record{Seq: 9, Issued: time.Now().Add(30 * time.Hour)})
		if err := d.Publish(future); !errors.Is(err, directory.ErrFuture) {
			t.Errorf("from the future: %v", err)
		}
	})
}

func TestLookupWhenTheDHTHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		d := h.start(t, c)
		known, raw := signAccount(t, h.device())
		if _, err := d.Learn(raw); err != nil {
			t.Fatal(err)
		}
		unknown := newAccount(t).Account()
		c.set(func(c *clockDHT) { c.hang = make(chan struct{}) })

		start := time.Now()
		if _, err := d.Lookup(t.Context(), unknown); !errors.Is(err, directory.ErrUnreachable) || time.Since(start) != 10*time.Second {
			t.Errorf("unknown: %v after %v", err, time.Since(start))
		}
		start = time.Now()
		if r, err := d.Lookup(t.Context(), known); err != nil || !r.Has(h.device()) || time.Since(start) != 3*time.Second {
			t.Errorf("known: %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, err := d.Lookup(ctx, unknown); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("caller in a hurry: %v after %v", err, time.Since(start))
		}
		if _, err := d.SealKey(ctx, newDeviceID(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("SealKey: %v", err)
		}
		start = time.Now()
		d.Close()
		if time.Since(start) != 0 {
			t.Errorf("Close took %v", time.Since(start))
		}
		if _, err := d.Lookup(t.Context(), known); !errors.Is(err, directory.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestWhatWasLookedUpIsFreshForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		d := h.start(t, c)
		k := newAccount(t)
		key := directory.AccountRecordKey(k.Account())
		lookup := func(want uint64) {
			t.Helper()
			r, err := d.Lookup(t.Context(), k.Account())
			if want == 0 && !errors.Is(err, directory.ErrNotFound) {
				t.Fatalf("%v, want ErrNotFound", err)
			}
			if want > 0 && (err != nil || r.Seq != want) {
				t.Fatalf("%+v, %v; want seq %d", r, err, want)
			}
		}
		put := func(seq uint64) {
			t.Helper()
			if err := c.PutValue(t.Context(), key, sign(t, k, directory.Record{Seq: seq})); err != nil {
				t.Fatal(err)
			}
		}
		lookup(0)
		put(1)
		lookup(0) // half a second has not passed
		time.Sleep(500 * time.Millisecond)
		lookup(1)
		put(2)
		lookup(1) // five seconds have not passed
		time.Sleep(5 * time.Second)
		lookup(2)
		c.set(func(c *clockDHT) { c.down = true })
		time.Sleep(5 * time.Second)
		lookup(2) // remembered
	})
}

func TestCheckNoticesARevocationWithinTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		d := h.start(t, c)
		k, device, stranger := newAccount(t), newDeviceID(t), newDeviceID(t)
		put := func(r directory.Record) {
			t.Helper()
			if err := c.PutValue(t.Context(), directory.AccountRecordKey(k.Account()), sign(t, k, r)); err != nil {
				t.Fatal(err)
			}
		}
		check := func(id peer.ID, want error) {
			t.Helper()
			if err := d.Check(t.Context(), k.Account(), id); !errors.Is(err, want) {
				t.Fatalf("Check = %v, want %v", err, want)
			}
		}
		check(device, directory.ErrNotFound)
		time.Sleep(time.Second)
		put(directory.Record{Seq: 1, Devices: devices(device)})
		check(device, nil)
		check(stranger, directory.ErrNotListed)
		put(directory.Record{Seq: 2, Devices: devices(device, stranger), Revoked: []peer.ID{device}})
		check(device, nil) // not noticed yet
		time.Sleep(10 * time.Minute)
		check(device, directory.ErrNotListed)
		check(stranger, nil)
	})
}

// A contact that was reinstalled has lost its keys: the first offer goes out to
// the old key at once, and the next ones to the new.
func TestSealKeyIsComparedBehindTheCallersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, alice, bob := newClockDHT(), newHome(t), newHome(t)
		d := alice.start(t, c)
		bob.start(t, c).Close()
		b := bob.start(t, c)
		synctest.Wait()
		seal := func() bool {
			t.Helper()
			key, err := d.SealKey(t.Context(), bob.device())
			if err != nil {
				t.Fatal(err)
			}
			return opens(t, b, key)
		}
		if !seal() {
			t.Fatal("the first key does not open")
		}
		b.Close()
		bob.ring, bob.memory = nil, newMapMemory()
		time.Sleep(time.Hour)
		b = bob.start(t, c)
		synctest.Wait()
		if seal() {
			t.Fatal("the new key was there without a lookup")
		}
		synctest.Wait()
		if !seal() {
			t.Error("the new key was not looked up")
		}
		if _, err := d.SealKey(t.Context(), newDeviceID(t)); !errors.Is(err, directory.ErrNoKey) {
			t.Errorf("an unknown device: %v, want ErrNoKey", err)
		}
		b.Close()
		time.Sleep(9 * day)
		if _, err := d.SealKey(t.Context(), bob.device()); !errors.Is(err, directory.ErrNoKey) {
			t.Errorf("a device away for nine days: %v, want ErrNoKey", err)
		}
	})
}

// What cannot be remembered is not used: after a restart the older record could
// come back. Nor is the older one given out, as if there were nothing newer.
func TestRecordThatCannotBeSavedIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		d := h.start(t, c)
		k := newAccount(t)
		older, newer := sign(t, k, directory.Record{Seq: 1}), sign(t, k, directory.Record{Seq: 2})
		if _, err := d.Learn(older); err != nil {
			t.Fatal(err)
		}
		if err := c.PutValue(t.Context(), directory.AccountRecordKey(k.Account()), newer); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		full, broken := errors.New("disk full"), errors.New("disk broken")
		for _, set := range []struct{ fail, lost, want error }{{full, nil, full}, {nil, broken, broken}} {
			if set.lost != nil { // what is ready in memory would still be good
				h.memory.set(nil, nil)
				d = h.start(t, newClockDHT())
			}
			h.memory.set(set.fail, set.lost)
			if r, err := d.Lookup(t.Context(), k.Account()); !errors.Is(err, set.want) || r != nil {
				t.Errorf("Lookup = %v, %v; want %v", r, err, set.want)
			}
			if r, err := d.Learn(newer); !errors.Is(err, set.want) || r != nil {
				t.Errorf("Learn = %v, %v; want %v", r, err, set.want)
			}
		}
	})
}

// The clock was over a day ahead when the account's record was signed, and has
// been set right since: the node starts all the same.
func TestOwnRecordFromTheFutureCanBePublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		k := newAccount(t)
		key := directory.AccountRecordKey(k.Account())
		raw := sign(t, k, directory.Record{Seq: 1, Issued: time.Now().Add(27 * time.Hour)})
		h.memory.records[key] = raw
		d := h.start(t, c)
		if err := d.Publish(raw); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if c.live(key) == nil {
			t.Error("it was not published once its time had come near")
		}
	})
}

func TestDamagedMemoryCountsAsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		account, raw := signAccount(t, h.device())
		h.memory.records[directory.AccountRecordKey(account)] = flip(raw, 70)
		d := h.start(t, c)
		if r, found := d.Remembered(account); found {
			t.Errorf("remembered %+v", r)
		}
		if r, err := d.Learn(raw); err != nil || r.Account != account {
			t.Errorf("Learn = %v, %v", r, err)
		}
	})
}

func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		d := h.start(t, c)
		bob := newHome(t)
		bob.start(t, c).Close()
		bob.start(t, c)
		synctest.Wait()
		account, raw := signAccount(t, bob.device())
		if _, err := d.Learn(raw); err != nil {
			t.Fatal(err)
		}
		if _, err := d.SealKey(t.Context(), bob.device()); err != nil {
			t.Fatal(err)
		}
		if err := d.Forget(account); err != nil {
			t.Fatal(err)
		}
		if _, found := d.Remembered(account); found || len(h.memory.records) != 1 {
			t.Errorf("%d records are left, want this device's own", len(h.memory.records))
		}
	})
}

func TestKeyRingThatIsDamagedIsRefused(t *testing.T) {
	h := newHome(t)
	h.start(t, newClockDHT()).Close()
	for n := range h.ring {
		if n == 4 {
			continue // an empty ring
		}
		var ring directory.KeyRing
		if err := ring.UnmarshalBinary(h.ring[:n]); !errors.Is(err, directory.ErrMalformed) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	var ring directory.KeyRing
	if err := ring.UnmarshalBinary(append(bytes.Clone(h.ring), bytes.Repeat(h.ring[4:], 8)...)); !errors.Is(err, directory.ErrMalformed) {
		t.Errorf("nine keys: %v", err)
	}
	if err := ring.UnmarshalBinary(h.ring); err != nil {
		t.Error(err)
	}
	if raw, err := ring.MarshalBinary(); err != nil || !bytes.Equal(raw, h.ring) {
		t.Errorf("the ring changed: %v", err)
	}
}

func TestConfigWithLittleInItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClockDHT()
		d, err := directory.New(directory.Config{Store: c, Key: newDeviceKey(t)})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		synctest.Wait()
		account, raw := signAccount(t, newDeviceID(t))
		if _, err := d.Learn(raw); err != nil {
			t.Fatal(err)
		}
		if r, err := d.Lookup(t.Context(), account); err != nil || len(d.OpenKeys()) != 1 || r.Account != account {
			t.Error(err)
		}
		if err := d.Forget(account); err != nil || d.Check(t.Context(), account, "") == nil {
			t.Error(err)
		}
	})
}
