package holdings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What only the time of change and the inode tell.
func TestWhatOnlyTheInodeTells(t *testing.T) {
	for name, c := range map[string]struct {
		do    func(path string, was fs.FileInfo) error
		err   error
		state State // then
		reads int
	}{
		"other bytes, the same length and time": {func(p string, was fs.FileInfo) error {
			return errors.Join(os.WriteFile(p, []byte(strings.ToUpper(text)), 0o600), os.Chtimes(p, was.ModTime(), was.ModTime()))
		}, ErrChanged, Changed, 1},
		"replaced by other bytes of the same length and time": {func(p string, was fs.FileInfo) error {
			return errors.Join(os.WriteFile(p+"2", []byte(strings.ToUpper(text)), 0o600),
				os.Chtimes(p+"2", was.ModTime(), was.ModTime()), os.Rename(p+"2", p))
		}, ErrChanged, Changed, 1},
		"replaced by a copy": {func(p string, was fs.FileInfo) error {
			return errors.Join(os.WriteFile(p+"2", []byte(text), 0o600),
				os.Chtimes(p+"2", was.ModTime(), was.ModTime()), os.Rename(p+"2", p))
		}, nil, Here, 1},
		"another mode":   {func(p string, _ fs.FileInfo) error { return os.Chmod(p, 0o640) }, nil, Here, 1},
		"moved and back": {func(p string, _ fs.FileInfo) error { return errors.Join(os.Rename(p, p+"2"), os.Rename(p+"2", p)) }, nil, Here, 1},
		"moved, and a link to it": {func(p string, _ fs.FileInfo) error {
			return errors.Join(os.Rename(p, p+"2"), os.Symlink(p+"2", p))
		}, nil, Here, 1},
		"a link to other bytes": {func(p string, _ fs.FileInfo) error {
			return errors.Join(os.Remove(p), os.WriteFile(p+"2", []byte(strings.ToUpper(text)), 0o600), os.Symlink(p+"2", p))
		}, ErrChanged, Changed, 1},
		"a link to nothing": {func(p string, _ fs.FileInfo) error { return errors.Join(os.Remove(p), os.Symlink(p+"2", p)) }, ErrGone, Gone, 0},
		"a link to a folder": {func(p string, _ fs.FileInfo) error {
			return errors.Join(os.Remove(p), os.Symlink(filepath.Dir(p), p))
		}, ErrGone, Gone, 0},
		"a FIFO": {func(p string, _ fs.FileInfo) error { return errors.Join(os.Remove(p), syscall.Mkfifo(p, 0o600)) }, ErrGone, Gone, 0},
		"a copy on another volume": {func(p string, _ fs.FileInfo) error {
			other := elsewhere(p)
			return errors.Join(os.Remove(p), os.WriteFile(other, []byte(text), 0o600), os.Symlink(other, p))
		}, nil, Here, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, true)
			path := s.write(1, "a", text)
			touch(t, path)
			s.put(1, path, text)
			was, err := os.Stat(path)
			check(t, err, nextTick(path), c.do(path, was))
			t.Cleanup(func() { os.Remove(elsewhere(path)) })
			for range 2 {
				if c.err == nil {
					s.wantServed(1, text, c.reads)
				} else {
					s.wantRefused(1, c.err, c.state, c.reads)
				}
			}
		})
	}
}

// elsewhere is a name on a file system in memory.
func elsewhere(path string) string {
	return filepath.Join("/dev/shm", "passeur-holdings-"+filepath.Base(filepath.Dir(filepath.Dir(path))))
}

// nextTick returns when the file system's clock has moved on since path changed.
func nextTick(path string) error {
	was, err := os.Stat(path)
	for err == nil {
		var now fs.FileInfo
		probe := path + "-tick"
		if err = os.WriteFile(probe, nil, 0o600); err != nil {
			break
		}
		now, err = os.Stat(probe)
		if err == nil && stampOf(now).Changed != stampOf(was).Changed {
			return os.Remove(probe)
		}
	}
	return err
}

// A disk that fails says nothing about the file: it is neither changed nor
// forgotten. /proc/self/mem is a regular file of no bytes that cannot be read.
func TestAnErrorOfTheDiskIsNoChange(t *testing.T) {
	s := newShelf(t, true)
	path := s.write(1, "a", "")
	check(t, os.Rename(path, path+"2"), os.Symlink("/proc/self/mem", path))
	for range 2 {
		if _, err := s.file(1); !errors.Is(err, syscall.EIO) || errors.Is(err, ErrChanged) || errors.Is(err, ErrGone) {
			t.Errorf("%v, want an I/O error", err)
		}
		if state := s.state(1); state != Unchecked {
			t.Errorf("the state is %s", state)
		}
	}
	check(t, os.Rename(path+"2", path))
	s.wantServed(1, "", 0)
}

func TestAPathThatTheSystemRefusesToFollow(t *testing.T) {
	s := newShelf(t, true)
	path := s.write(1, "a", text)
	check(t, os.Rename(path, path+"2"), os.Symlink(path, path)) // a link to itself
	s.wantRefused(1, syscall.ELOOP, Unreadable, 0)
	check(t, os.Rename(path+"2", path))
	s.wantServed(1, text, 1)
}

func TestAPathThatIsNoUTF8(t *testing.T) {
	s := newShelf(t, true)
	path := s.write(1, "\xff\xfe\n'", text)
	check(t, s.Close())
	s.open()
	s.wantServed(1, text, 0)
	if list, err := s.List(t.Context()); err != nil || list[0].Path != path {
		t.Errorf("%+v, %v", list, err)
	}
}
