package folder

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Times before, after and beyond what a disk can keep do no harm: the files are there,
// and nobody but the umask says who may do what with them.
func TestHostileTimes(t *testing.T) {
	var entries []entry
	for i, ns := range []int64{math.MinInt64, -1, 0, 1, 1 << 62, math.MaxInt64} { // 1677, 1969, 1970, 2116, 2262
		name := string(rune('a' + i))
		entries = append(entries, entry{kind: File, parent: top, name: name, size: 1, modified: ns},
			entry{kind: Dir, parent: top, name: name + "d", modified: ns})
	}
	entries = append(entries, entry{kind: Executable, parent: top, name: "x", size: 1, modified: math.MaxInt64})
	data := forged(entries...)
	dir := t.TempDir()
	p := place(t, dir, data, Accept{})
	fill(t, p, data, random(1))
	path := finish(t, p)
	found := 0
	check(t, filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		found++
		info, err := d.Info()
		if err == nil && info.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky|0o022) != 0 {
			t.Errorf("%s has mode %v", at, info.Mode())
		}
		return err
	}))
	if found != len(entries)+1 {
		t.Errorf("%d are there, want %d and their folder", found, len(entries))
	}
}

// A sender's modes do not travel but for x: setuid, setgid, sticky and 0777 are as if
// they were not there, and a file that nobody may read is an error at the sender's.
func TestHostileModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sent")
	tree{"u": "f1", "g": "f2", "s": "d", "w": "f3"}.make(t, dir)
	check(t, os.Chmod(filepath.Join(dir, "u"), 0o777|fs.ModeSetuid), os.Chmod(filepath.Join(dir, "g"), 0o666|fs.ModeSetgid),
		os.Chmod(filepath.Join(dir, "s"), 0o777|fs.ModeSticky), os.Chmod(filepath.Join(dir, "w"), 0o666))
	f, err := Scan(t.Context(), Config{}, dir)
	check(t, err)
	p := place(t, t.TempDir(), bytesOf(t, f), Accept{})
	fill(t, p, bytesOf(t, f), random(1))
	path := finish(t, p)
	for name, executable := range map[string]bool{"u": true, "g": false, "s": true, "w": false} {
		info, err := os.Lstat(filepath.Join(path, name))
		check(t, err)
		if odd := info.Mode() & (fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky | 0o022); odd != 0 || info.Mode()&0o100 != 0 != executable {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

// lines is the text of a manifest with n links, in the order of their names.
func lines(n int) string {
	const letters = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
	b := []byte("passeur folder 1\n")
	for i := range n {
		b = append(b, 'l', 4, letters[i>>18&63], letters[i>>12&63], letters[i>>6&63], letters[i&63], 1, 'x')
	}
	return string(append(b, '.'))
}

// A million entries are read in the memory that the documentation says; one more is
// refused, and so is a tower of a hundred thousand folders.
func TestAMillionEntries(t *testing.T) {
	const most = 1_000_000
	text := lines(most)
	m, err := Parse(text, Limits{})
	check(t, err)
	if m.Len() != most {
		t.Errorf("%d entries", m.Len())
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(m)
	m = nil
	runtime.GC()
	runtime.ReadMemStats(&before)
	if took := int64(after.HeapAlloc) - int64(before.HeapAlloc); took > 200<<20 {
		t.Errorf("a manifest of %d MiB takes %d", len(text)>>20, took>>20)
	}
	for what, text := range map[string]string{
		"a million and one":  lines(most + 1),
		"a tower of folders": "passeur folder 1\n" + strings.Repeat("d\x01a\x00\x00\x00\x00\x00\x00\x00\x00", 100_000) + strings.Repeat(".", 100_001),
	} {
		if _, err := Parse(text, Limits{}); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Somebody with access to the disk exchanges a folder of the hidden folder for a link
// outside and back, as fast as he can, while it is filled. Nothing outside is written.
func TestLinksSwappedWhileItIsFilled(t *testing.T) {
	tr := tree{}
	for i := range 40 {
		tr["dir/"+string(rune('A'+i))] = "f" + noise(200_000, uint64(i))
	}
	data := bytesOf(t, scanned(t, tr))
	dir, outside := t.TempDir(), t.TempDir()
	check(t, os.WriteFile(filepath.Join(outside, "A"), []byte("precious"), 0o600))
	p := place(t, dir, data, Accept{})
	at := filepath.Join(dir, partNameOf(testID), "tree", "dir")
	stop := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				os.Rename(at, at+"2")
				os.Symlink(outside, at)
				os.Remove(at)
				os.Rename(at+"2", at)
			}
		}
	})
	for range 3 {
		for at := 0; at < len(data); at += 1 << 20 {
			p.WriteAt(data[at:min(at+1<<20, len(data))], int64(at)) // which may fail
		}
	}
	close(stop)
	swapping.Wait()
	p.Finish() // which may fail, too
	check(t, p.Close())
	wantNames(t, outside, "A")
	content, err := os.ReadFile(filepath.Join(outside, "A"))
	check(t, err)
	if string(content) != "precious" {
		t.Errorf("the file outside was written: %.20q", content)
	}
}
