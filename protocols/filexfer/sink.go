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
	// Root is the root in hex of the whole file's tree, for a [Part]; "" when it
	// is not known yet.
	Root string
	// Place opens where the bytes of a [Part] lie, when no other Part of this ID
	// can; nil: in the temporary file. A [FileSink] knows nothing of it.
	Place func(ctx context.Context, t Target) (Place, error)
	// Reserve tells how many bytes of the disk are to stay free; nil: none. A file
	// that would leave less fails with ErrNoSpace when it is opened, and while it is
	// written if others fill the disk meanwhile.
	Reserve func() int64
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
	*tempFile
	have    int64     // bytes that were there
	size    int64     // bytes that are there
	sum     hash.Hash // of the size bytes
	summing bool      // Write feeds sum; else who called Hash does
	spoiled bool      // not the beginning of the file that is wanted
	disk    guard
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
		s.end(t.Sum != "" && s.size > 0)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, sinkError(err)
	}
	return s, nil
}

func openSink(t Target) (*FileSink, error) {
	if t.Sum != "" && !isSum(t.Sum) {
		return nil, fmt.Errorf("%q is no sum", t.Sum)
	}
	temp, err := openTemp(t)
	if err != nil {
		return nil, err
	}
	if err := removeIfThere(temp.root, t.unitsName()); err != nil { // of a Part, which knows nothing of this sink
		temp.close()
		return nil, err
	}
	return &FileSink{tempFile: temp}, nil
}

// prepare finds out what can be known to go wrong before a byte is sent.
func (s *FileSink) prepare(ctx context.Context) error {
	if err := s.measure(); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
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

// claim takes the space for what is missing, after giving back what a process
// that died had claimed for it.
func (s *FileSink) claim() error {
	if err := s.temp.Truncate(s.size); err != nil {
		return err
	}
	missing := s.target.Size - s.size
	if err := s.target.HasSpace(s.temp, missing); err != nil {
		return err
	}
	return allocate(s.temp, s.size, missing)
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
	if err == nil {
		err = s.disk.wrote(s.target, s.temp, n)
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
	return sinkError(s.finish())
}

// Abort removes the temporary file, unless it can be continued.
func (s *FileSink) Abort() error { return s.end(s.canContinue()) }

// end keeps the temporary file, without the space that was claimed for the rest,
// or removes it.
func (s *FileSink) end(keep bool) error {
	if keep {
		return errors.Join(s.temp.Truncate(s.size), s.close())
	}
	return s.remove()
}

func (s *FileSink) canContinue() bool {
	if s.target.Sum == "" || s.spoiled || s.size == 0 || s.size > s.target.Size {
		return false
	}
	return s.size < s.target.Size || s.isRight()
}

// Path is where the file lies after Commit; "" before.
func (s *FileSink) Path() string { return s.path() }

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
