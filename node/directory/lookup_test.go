package directory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"

	"github.com/passeur-p2p/passeur/node/directory"
)

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

// slowDHT answers a lookup with these records at these times, and then waits for nodes
// that do not answer.
type slowDHT struct {
	*clockDHT
	at      []time.Duration
	records [][]byte
}

func (s slowDHT) SearchValue(ctx context.Context, _ string, _ ...routing.Option) (<-chan []byte, error) {
	out := make(chan []byte)
	go func() {
		defer close(out)
		for i, began := 0, time.Now(); i < len(s.at); i++ {
			time.Sleep(s.at[i] - time.Since(began))
			if i > 0 || s.at[0] > 0 { // at once there is what this node keeps itself
				routing.PublishQueryEvent(ctx, &routing.QueryEvent{Type: routing.PeerResponse})
			}
			out <- s.records[i]
		}
		<-ctx.Done()
	}()
	return out, nil
}

func TestLookupDoesNotWaitForThoseThatHaveGone(t *testing.T) {
	k := newAccount(t)
	key := directory.AccountRecordKey(k.Account())
	for name, c := range map[string]struct {
		at   []time.Duration
		seq  uint64        // of what is given
		took time.Duration // until then
	}{
		"one answers":            {[]time.Duration{200 * time.Millisecond}, 1, 1200 * time.Millisecond},
		"another knows better":   {[]time.Duration{200 * time.Millisecond, 900 * time.Millisecond}, 2, 1200 * time.Millisecond},
		"another is late":        {[]time.Duration{200 * time.Millisecond, 3 * time.Second}, 1, 1200 * time.Millisecond},
		"the line is slow":       {[]time.Duration{3 * time.Second, 5 * time.Second}, 2, 6 * time.Second},
		"the first is this node": {[]time.Duration{0, 2500 * time.Millisecond}, 2, 3 * time.Second},
		"nobody else ever comes": {[]time.Duration{0}, 1, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dht := slowDHT{newClockDHT(), c.at, nil}
				for i := range c.at {
					dht.records = append(dht.records, sign(t, k, directory.Record{Seq: uint64(i + 1)}))
				}
				d := newDirectory(t, directory.Config{Store: dht, Key: newDeviceKey(t)})
				start := time.Now()
				r, err := d.Lookup(t.Context(), k.Account())
				if err != nil || r.Seq != c.seq || time.Since(start) != c.took {
					t.Errorf("%+v, %v after %v; want seq %d after %v", r, err, time.Since(start), c.seq, c.took)
				}
				time.Sleep(10 * time.Second)
				if r, found := d.Remembered(k.Account()); !found || r.Seq != uint64(len(c.at)) {
					t.Errorf("%s: what came late was not learned: %+v", key, r)
				}
				d.Close()
			})
		})
	}
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

// Who is refreshed now and then is checked without a wait, however long that goes on,
// and yet is known to be revoked after five minutes.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newClockDHT(), newHome(t)
		d := h.start(t, c)
		k, device := newAccount(t), newDeviceID(t)
		put := func(r directory.Record) {
			t.Helper()
			if err := c.PutValue(t.Context(), directory.AccountRecordKey(k.Account()), sign(t, k, r)); err != nil {
				t.Fatal(err)
			}
		}
		put(directory.Record{Seq: 1, Devices: devices(device)})
		now, cancel := context.WithCancel(t.Context())
		if err := d.Check(now, k.Account(), device); err != nil {
			t.Fatal(err)
		}
		cancel() // from here on Check fails where it would have to wait
		for range 100 {
			time.Sleep(time.Minute)
			d.Refresh(k.Account())
			synctest.Wait()
			if err := d.Check(now, k.Account(), device); err != nil {
				t.Fatal(err)
			}
		}
		put(directory.Record{Seq: 2, Revoked: []peer.ID{device}, Devices: devices(newDeviceID(t))})
		for range 6 {
			time.Sleep(time.Minute)
			d.Refresh(k.Account())
			synctest.Wait()
		}
		if err := d.Check(t.Context(), k.Account(), device); !errors.Is(err, directory.ErrNotListed) {
			t.Errorf("revoked six minutes ago: %v", err)
		}
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
