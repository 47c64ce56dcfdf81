package directory_test

import (
	"bytes"
	"crypto/hpke"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passeur-p2p/passeur/node/directory"
)

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
