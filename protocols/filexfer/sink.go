package filexfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// Target says where a received file goes.
type Target struct {
	// Dir is an existing folder. It is opened once: what happens to its name
	// afterwards does not lead the file elsewhere.
	Dir string
	// Name is the wanted name, one element of a path; Offer.Name is fine.
	Name string
	// Size is the number of bytes to come; the space is claimed beforehand.
	Size int64
	// ID names the temporary file, 16 hex digits; "" draws one.
	ID string
	// Exact fails with ErrExists where Name is taken. False counts on:
	// "photo (2).jpg".
	Exact bool
}

// FileSink is a Sink that keeps a file. The bytes go to a hidden temporary file
// in the target folder, ".passeur-<id>.part" of mode 0600; Commit flushes it,
// gives it the mode of a new file (0644 without the umask) and the name, and
// flushes the folder. Nothing that exists is ever overwritten, no symbolic link
// is followed, and nothing unfinished stands under the final name.
type FileSink struct {
	target Target
	root   *os.Root
	temp   *os.File
	mode   fs.FileMode
	name   string // final name, "" before Commit
}

var _ pathed = (*FileSink)(nil)

const (
	partPrefix = ".passeur-"
	partSuffix = ".part"
	maxNumber  = 10000 // names tried before giving up
)

// NewFileSink claims the space and makes the temporary file. It fails with
// ErrNoSpace when the file cannot fit, with ErrExists when t.Exact and the name
// is taken, and with ErrNotWritable otherwise.
func NewFileSink(t Target) (*FileSink, error) {
	s, err := openSink(t)
	if err != nil {
		return nil, sinkError(err)
	}
	if err := s.claim(); err != nil {
		s.Abort()
		return nil, sinkError(err)
	}
	return s, nil
}

func openSink(t Target) (*FileSink, error) {
	if t.Name == "" || t.Name == "." || t.Name == ".." || strings.ContainsAny(t.Name, `/\`) || !filepath.IsLocal(t.Name) {
		return nil, fmt.Errorf("%q is no file name", t.Name)
	}
	if t.ID == "" {
		t.ID = newID()
	}
	dir, err := filepath.Abs(t.Dir)
	if err != nil {
		return nil, err
	}
	t.Dir = dir
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &FileSink{target: t, root: root}
	if s.temp, err = root.OpenFile(s.partName(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		root.Close()
		return nil, err
	}
	return s, nil
}

// claim finds out what can be known to go wrong before a byte is sent.
func (s *FileSink) claim() error {
	markAlive(s.temp)
	if err := s.newFileMode(); err != nil {
		return err
	}
	if _, err := s.root.Lstat(s.target.Name); err == nil && s.target.Exact {
		return fmt.Errorf("%w: %s", ErrExists, s.target.Name)
	}
	if free, err := freeSpace(s.temp); err == nil && s.target.Size > 0 && free < uint64(s.target.Size) {
		return fmt.Errorf("%w: %d bytes are free, %d needed", ErrNoSpace, free, s.target.Size)
	}
	return allocate(s.temp, s.target.Size)
}

// newFileMode asks the system for the mode of a new file by making one: the
// umask cannot be read without changing it for the whole process.
func (s *FileSink) newFileMode() error {
	name := s.partName() + "-mode"
	probe, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	info, err := probe.Stat()
	if err == nil {
		s.mode = info.Mode().Perm()
	}
	return errors.Join(err, probe.Close(), s.root.Remove(name))
}

// Write appends to the temporary file.
func (s *FileSink) Write(p []byte) (int, error) {
	n, err := s.temp.Write(p)
	return n, sinkError(err)
}

// Commit makes the file durable and gives it its name.
func (s *FileSink) Commit() error { return sinkError(s.commit()) }

func (s *FileSink) commit() error {
	if err := s.setMode(); err != nil {
		return err
	}
	if err := s.temp.Sync(); err != nil {
		return err
	}
	name, err := s.publish()
	if err != nil {
		return err
	}
	if err := syncFolder(s.root); err != nil {
		return errors.Join(err, s.root.Remove(name))
	}
	s.name = name
	s.temp.Close() // flushed already: nothing is left to fail
	s.root.Close()
	return nil
}

// setMode leaves file systems alone that have one mode for everything.
func (s *FileSink) setMode() error {
	info, err := s.temp.Stat()
	if err != nil || info.Mode().Perm() == s.mode {
		return err
	}
	return s.temp.Chmod(s.mode)
}

// publish renames the temporary file to the first name that is free.
func (s *FileSink) publish() (string, error) {
	for n := 1; n <= maxNumber; n++ {
		name := numbered(s.target.Name, n)
		err := renameNew(s.root, s.partName(), name)
		if !errors.Is(err, fs.ErrExist) {
			return name, err
		}
		if s.target.Exact {
			break
		}
	}
	return "", fmt.Errorf("%w: %s", ErrExists, s.target.Name)
}

// Abort removes the temporary file.
func (s *FileSink) Abort() error {
	err := s.root.Remove(s.partName())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, s.temp.Close(), s.root.Close())
}

// Path is where the file lies after Commit; "" before.
func (s *FileSink) Path() string {
	if s.name == "" {
		return ""
	}
	return filepath.Join(s.target.Dir, s.name)
}

func (s *FileSink) partName() string { return partPrefix + s.target.ID + partSuffix }

// sinkError gives an error of the file system one of our names.
func sinkError(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrNoSpace), errors.Is(err, ErrExists):
		return err
	case isFull(err):
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	default:
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
}

// isFull tells errors that mean "no room" apart from the others.
func isFull(err error) bool {
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) {
			return true
		}
	}
	return false
}

var partPattern = regexp.MustCompile(`^\.passeur-[0-9a-fA-F]{16}\.part(-mode)?$`)

// SweepParts removes the temporary files that transfers left in dir when their
// process died, and returns how many. Those of running transfers, of this
// process or another, stay.
func SweepParts(dir string) (removed int, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !partPattern.MatchString(entry.Name()) || isAlive(root, entry.Name()) {
			continue
		}
		if gone := root.Remove(entry.Name()); gone != nil {
			err = errors.Join(err, gone)
			continue
		}
		removed++
	}
	return removed, err
}

// renameAnywhere is renameNew with nothing but what every system has: a hard
// link fails where the name is taken; file systems without links get an empty
// file first, which claims the name, and then the rename over it.
func renameAnywhere(root *os.Root, from, to string) error {
	err := root.Link(from, to)
	if err == nil {
		if err = root.Remove(from); err != nil {
			return errors.Join(err, root.Remove(to))
		}
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	claim, err := root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := claim.Close(); err != nil {
		return err
	}
	if err := root.Rename(from, to); err != nil {
		return errors.Join(err, root.Remove(to))
	}
	return nil
}
