package pairing

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// files is a disk of its own in a folder.
type files struct{ dir string }

func (f files) Blob(name string) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(f.dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return raw, err
}

func (f files) PutBlob(name string, raw []byte) error {
	return os.WriteFile(filepath.Join(f.dir, name), raw, 0o600)
}

func mustBurnt(t testing.TB, l *Ledger, sum [32]byte, want bool) {
	t.Helper()
	if got, err := l.Burnt(sum); got != want || err != nil {
		t.Errorf("%x is burnt: %v, %v", sum[:2], got, err)
	}
}

func TestLedgerRemembersOverARestartUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := files{t.TempDir()}
		l := NewLedger(disk)
		mustBurnt(t, l, [32]byte{1}, false)
		for n, d := range map[byte]time.Duration{1: time.Hour, 2: 2 * time.Hour} {
			if err := l.Burn([32]byte{n}, time.Now().Add(d)); err != nil {
				t.Fatal(err)
			}
		}
		again := NewLedger(disk)
		mustBurnt(t, again, [32]byte{1}, true)
		mustBurnt(t, again, [32]byte{2}, true)
		await(time.Hour)
		mustBurnt(t, again, [32]byte{1}, false)
		mustBurnt(t, again, [32]byte{2}, true)
		if err := again.Burn([32]byte{2}, time.Now().Add(4*time.Hour)); err != nil {
			t.Fatal(err)
		}
		await(2 * time.Hour)
		mustBurnt(t, NewLedger(disk), [32]byte{2}, true)
		if raw, err := disk.Blob(ledgerBlob); err != nil || len(raw) != ledgerEntry {
			t.Errorf("%d bytes are kept, %v", len(raw), err)
		}
	})
}

func TestLedgerIsBounded(t *testing.T) {
	disk := newBlobs()
	l := NewLedger(disk)
	for n := range maxBurnt + 2 {
		if err := l.Burn([32]byte{byte(n), byte(n >> 8), 1}, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if raw, _ := disk.Blob(ledgerBlob); len(raw) != maxBurnt*ledgerEntry {
		t.Errorf("%d bytes", len(raw))
	}
	mustBurnt(t, l, [32]byte{0, 0, 1}, false)
	mustBurnt(t, l, [32]byte{2, 0, 1}, true)
}

func TestLedgerTellsOfADamagedDisk(t *testing.T) {
	disk := newBlobs()
	if err := disk.PutBlob(ledgerBlob, make([]byte, ledgerEntry+1)); err != nil {
		t.Fatal(err)
	}
	l := NewLedger(disk)
	if _, err := l.Burnt([32]byte{}); err == nil {
		t.Error("a damaged blob is read")
	}
	if err := l.Burn([32]byte{}, time.Now()); err == nil {
		t.Error("a damaged blob is overwritten")
	}
	// Nothing is paired then: what was burnt is not known.
	d := newDevice(t, "a", newWorld())
	d.cfg.Memory = l
	d.restart()
	if o := <-d.show(t.Context(), NewCode(Link)); o.err == nil || errors.Is(o.err, ErrBurnt) {
		t.Errorf("shown: %v", o.err)
	}
}
