package filexfer

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/crypto/sha3"
)

// Target says where a received file goes.
type Target struct {
	// Dir is an existing folder. It is opened once: what happens to its name
	// afterwards does not lead the file elsewhere.
	Dir string
	// Name is the wanted name, one element of a path; Offer.Name is fine.
	Name string
	// Size is the number of bytes of the whole file; the space is claimed
	// beforehand.
	Size int64
	// Sum is the SHA3-512 in hex of the whole file, if it is known beforehand:
	// then what is there of it is continued, and kept when the transfer fails.
	Sum string
	// ID names the temporary file, 16 hex digits; "" draws one. It is what a file
	// is continued by.
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
//
// With a Target.Sum the temporary file outlives the sink, and the process: the
// next sink of the same ID continues it. What is there is hashed once more when
// it is opened; what cannot be the beginning of the file, being longer, or as
// long with another sum, is emptied.
type FileSink struct {
	target Target
	root   *os.Root
	temp   *os.File
	mode   fs.FileMode
	name   string // final name, "" before Commit

	have    int64     // bytes that were there
	size    int64     // bytes that are there
	sum     hash.Hash // of the size bytes
	summing bool      // Write feeds sum; else who called Hash does
	spoiled bool      // not the beginning of the file that is wanted
}

var (
	_ PartSink = (*FileSink)(nil)
	_ pathed   = (*FileSink)(nil)
)

const maxNumber = 10000 // names tried before giving up

// NewFileSink is OpenFileSink for who does not want to interrupt it.
func NewFileSink(t Target) (*FileSink, error) { return OpenFileSink(context.Background(), t) }

// OpenFileSink makes the temporary file, or opens and hashes the one to be
// continued (a second for some 170 MB; the end of ctx ends it, and its cause is
// returned), and claims the space for the rest. It fails with ErrInUse while
// another sink has this temporary file, with ErrNoSpace when the file cannot
// fit, with ErrExists when t.Exact and the name is taken, and with
// ErrNotWritable otherwise.
func OpenFileSink(ctx context.Context, t Target) (*FileSink, error) {
	return openFileSink(ctx, t, sha3.New512())
}

func openFileSink(ctx context.Context, t Target, sum hash.Hash) (*FileSink, error) {
	s, err := openSink(t)
	if err != nil {
		return nil, sinkError(err)
	}
	s.sum, s.summing = sum, t.Sum != ""
	if err := s.prepare(ctx); err != nil {
		s.close(t.Sum != "" && s.size > 0)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, sinkError(err)
	}
	return s, nil
}

func openSink(t Target) (*FileSink, error) {
	if t.Name == "" || t.Name == "." || t.Name == ".." || strings.ContainsAny(t.Name, `/\`) || !filepath.IsLocal(t.Name) {
		return nil, fmt.Errorf("%q is no file name", t.Name)
	}
	if t.Size < 0 || t.Sum != "" && !isSum(t.Sum) {
		return nil, fmt.Errorf("a file of %d bytes and of the sum %q cannot be", t.Size, t.Sum)
	}
	if t.ID == "" {
		t.ID = newID()
	}
	if err := checkID(t.ID); err != nil {
		return nil, fmt.Errorf("Target.ID: %w", err)
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
	temp, err := openPart(root, t.partName())
	if err != nil {
		root.Close()
		return nil, err
	}
	return &FileSink{target: t, root: root, temp: temp}, nil
}

// prepare finds out what can be known to go wrong before a byte is sent.
func (s *FileSink) prepare(ctx context.Context) error {
	if err := s.measure(); err != nil {
		return err
	}
	if err := s.newFileMode(); err != nil {
		return err
	}
	if _, err := s.root.Lstat(s.target.Name); err == nil && s.target.Exact {
		return fmt.Errorf("%w: %s", ErrExists, s.target.Name)
	}
	if err := s.rehash(ctx); err != nil {
		return err
	}
	return s.claim()
}

// measure finds how much is there. What cannot be continued is emptied.
func (s *FileSink) measure() error {
	info, err := s.temp.Stat()
	if err != nil {
		return err
	}
	s.have, s.size = info.Size(), info.Size()
	if s.size > s.target.Size || s.target.Sum == "" {
		return s.empty()
	}
	return nil
}

// rehash feeds the sum with what is there, and goes to its end.
func (s *FileSink) rehash(ctx context.Context) error {
	there := io.NewSectionReader(s.temp, 0, s.size)
	flow := &pump{src: there, dst: io.Discard, size: s.size, hash: s.sum, interrupt: func() {}}
	if err := flow.run(ctx); err != nil {
		return fmt.Errorf("read what is there of the file: %w", err)
	}
	if s.size > 0 && s.size == s.target.Size && !s.isRight() {
		return s.empty()
	}
	_, err := s.temp.Seek(s.size, io.SeekStart)
	return err
}

// empty begins anew.
func (s *FileSink) empty() error {
	s.have, s.size = 0, 0
	s.sum.Reset()
	return s.temp.Truncate(0)
}

// claim takes the space for what is missing.
func (s *FileSink) claim() error {
	missing := s.target.Size - s.size
	if free, err := freeSpace(s.temp); err == nil && missing > 0 && free < uint64(missing) {
		return fmt.Errorf("%w: %d bytes are free, %d needed", ErrNoSpace, free, missing)
	}
	return allocate(s.temp, s.size, missing)
}

// newFileMode asks the system for the mode of a new file by making one: the
// umask cannot be read without changing it for the whole process.
func (s *FileSink) newFileMode() error {
	name := s.target.partName() + modeSuffix
	s.root.Remove(name) // left by a process that died
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

// Have is how many bytes were there when the sink was opened: of the right file,
// as far as its size and, if all are there, its sum can tell. When it is Size,
// nothing is missing, and Commit can follow at once.
func (s *FileSink) Have() int64 { return s.have }

// Size is Target.Size.
func (s *FileSink) Size() int64 { return s.target.Size }

// Hash gives the running sum away, see [PartSink]. Without it Write feeds it.
func (s *FileSink) Hash() hash.Hash {
	s.summing = false
	return s.sum
}

// Write appends to the temporary file.
func (s *FileSink) Write(p []byte) (int, error) {
	n, err := s.temp.Write(p)
	s.size += int64(n)
	if s.summing {
		s.sum.Write(p[:n])
	}
	return n, sinkError(err)
}

// isRight tells whether what is there is the file that Target.Sum names.
func (s *FileSink) isRight() bool {
	return s.size == s.target.Size && hex.EncodeToString(s.sum.Sum(nil)) == s.target.Sum
}

// Commit makes the file durable and gives it its name. With a Target.Sum it
// fails with ErrBadSum when the file has another size or sum; nothing of it is
// continued then.
func (s *FileSink) Commit() error {
	if s.target.Sum != "" && !s.isRight() {
		s.spoiled = true
		return fmt.Errorf("%w: %d bytes came of %d", ErrBadSum, s.size, s.target.Size)
	}
	return sinkError(s.commit())
}

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
		err := renameNew(s.root, s.target.partName(), name)
		if !errors.Is(err, fs.ErrExist) {
			return name, err
		}
		if s.target.Exact {
			break
		}
	}
	return "", fmt.Errorf("%w: %s", ErrExists, s.target.Name)
}

// Abort removes the temporary file, unless it can be continued.
func (s *FileSink) Abort() error { return s.close(s.canContinue()) }

// close keeps the temporary file, without the space that was claimed for the
// rest, or removes it.
func (s *FileSink) close(keep bool) error {
	var err error
	if keep {
		err = s.temp.Truncate(s.size)
	} else if err = s.root.Remove(s.target.partName()); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, s.temp.Close(), s.root.Close())
}

func (s *FileSink) canContinue() bool {
	if s.target.Sum == "" || s.spoiled || s.size == 0 || s.size > s.target.Size {
		return false
	}
	return s.size < s.target.Size || s.isRight()
}

// Path is where the file lies after Commit; "" before.
func (s *FileSink) Path() string {
	if s.name == "" {
		return ""
	}
	return filepath.Join(s.target.Dir, s.name)
}

// sinkError gives an error of the file system one of our names.
func sinkError(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrNoSpace), errors.Is(err, ErrExists), errors.Is(err, ErrInUse):
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
