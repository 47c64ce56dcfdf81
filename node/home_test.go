package node

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestIdentityIsMadeOnceAndKept(t *testing.T) {
	home := filepath.Join(t.TempDir(), "deep", "home")
	first, err := LoadIdentity(home, "phone")
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadIdentity(home, "")
	if err != nil || again.Account != first.Account || again.Device != first.Device || again.Name != "phone" {
		t.Errorf("second time: %+v, %v", again, err)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, deviceKeyFile: 0o600, accountKeyFile: 0o600} {
		info, err := os.Stat(filepath.Join(home, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, want mode %o (%v)", name, info.Mode(), want, err)
		}
	}
}

// Two processes may start on a new home at the same moment.
func TestIdentityIsMadeByOneOfMany(t *testing.T) {
	home := t.TempDir()
	var many sync.WaitGroup
	found := make([]Identity, 16)
	for i := range found {
		many.Go(func() {
			var err error
			if found[i], err = LoadIdentity(home, ""); err != nil {
				t.Error(err)
			}
		})
	}
	many.Wait()
	for _, id := range found {
		if id.Account != found[0].Account || id.Device != found[0].Device {
			t.Fatalf("two identities in one home: %v and %v", id, found[0])
		}
	}
	left, err := filepath.Glob(filepath.Join(home, ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBrokenKeysAreNamed(t *testing.T) {
	for _, file := range []string{deviceKeyFile, accountKeyFile} {
		home := t.TempDir()
		if err := os.WriteFile(filepath.Join(home, file), []byte("not a key"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadIdentity(home, ""); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error is %v", file, err)
		}
		kept, err := os.ReadFile(filepath.Join(home, file))
		if err != nil || !bytes.Equal(kept, []byte("not a key")) {
			t.Errorf("%s was overwritten: %q, %v", file, kept, err)
		}
	}
	if _, err := LoadIdentity(t.TempDir(), strings.Repeat("x", maxName+1)); err == nil {
		t.Error("a name that is too long was taken")
	}
}

func TestLockIsGivenBack(t *testing.T) {
	home := t.TempDir()
	release, err := lockHome(home)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockHome(home); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), home) {
		t.Errorf("second lock: %v", err)
	}
	release()
	if release, err = lockHome(home); err != nil {
		t.Fatal(err)
	}
	release()
}
