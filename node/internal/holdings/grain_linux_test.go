package holdings

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node/internal/store"
)

// A file that was written a moment before it is sent is not read again for whoever asks
// for it next, on a disk whose stamps tell the moment.
func TestAFileThatWasJustWrittenIsSettled(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "passeur-holdings-")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "a")
	check(t, os.WriteFile(path, []byte(text), 0o600))
	_, stamp, err := look(path)
	check(t, err)
	written := time.Unix(0, stamp.Changed)
	for after, want := range map[time.Duration]bool{
		-time.Second: false, 0: false, tick: false, tick + 1: true, time.Second: true,
	} {
		if got := settled(stamp, grainOf(path, stamp), written.Add(after), written.Add(time.Minute)); got != want {
			t.Errorf("read %v after it was written: settled is %v, want %v", after, got, want)
		}
	}
}

// Where the stamps are of another machine's clock, or of whole milliseconds, or of many
// files, two seconds must lie between.
func TestCoarseClocks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a")
	check(t, os.WriteFile(file, nil, 0o600))
	const fine, whole = 1_000_000_001, 1_000_000_000
	for name, c := range map[string]struct {
		path    string
		changed int64
	}{
		"whole seconds":       {file, whole},
		"a folder":            {filepath.Dir(file), fine},
		"nothing there":       {file + "2", fine},
		"another file system": {"/proc/self/status", fine},
	} {
		if got := grainOf(c.path, store.Stamp{Changed: c.changed}); got != coarse {
			t.Errorf("%s: %v, want %v", name, got, coarse)
		}
	}
}
