package directory_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passeur-p2p/passeur/node/directory"
)

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
			if age := time.Since(d.Published(directory.AccountRecordKey(account))); age > 70*time.Minute {
				t.Fatalf("put %v ago", age)
			}
			time.Sleep(day)
			synctest.Wait()
		}
		if n := c.countPuts(); n > 2*(10*24+10) {
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
