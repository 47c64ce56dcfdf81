package filexfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/libp2p/go-libp2p/core/network"
)

// File is what [Service.Send] sends. Name, Size and Open are needed.
type File struct {
	// ID names the transfer here, 16 hex digits; "" draws one. The transfers of
	// one file to several devices may share it.
	ID string
	// Name is announced to the receiver; at most 255 bytes of it are.
	Name string
	// Size is the number of bytes: exactly so many are sent.
	Size int64
	// Open gives the Size bytes from Offset on. What it returns is read by one
	// goroutine and closed once, maybe while a Read waits. If it has a Stat method
	// as *os.File has, size and time of modification must stay the same while it
	// is sent.
	Open func() (io.ReadCloser, error)
	// Offset is where in the file the bytes begin; mostly 0. With another no sum
	// is announced and nothing is hashed: the receiver has the beginning, and
	// knows the sum of the whole.
	Offset int64
	// Sum is the SHA3-512 in hex of exactly these bytes, when it is known: it is
	// announced, and nothing is hashed here. "" hashes while sending.
	Sum string
	// Conversation and Interaction tell the receiver what the file belongs to: any
	// text that fits in a header together with Name, see [MaxHeader].
	Conversation, Interaction string
	// Total is the size of the whole file in bytes; 0: Offset+Size.
	Total int64
	// Tree gives the sums of the whole file's units, and may wait until they are
	// known; it must return when ctx ends. It is called once at most, and only if
	// the receiver wants them. Nil offers no tree. A range that does not begin and
	// end with a unit (or the file) is offered without one.
	Tree func(ctx context.Context) (Tree, error)
	// Root is the root in hex of the whole file's tree, if it is known beforehand:
	// it is announced. "" with a Tree announces that it follows.
	Root string
	// Manifest is how many bytes of the beginning of a folder that is sent as a
	// file are its manifest; 0: an ordinary file.
	Manifest int64
	// Conn is the connection to the device that carries the file; nil: any.
	Conn network.Conn
}

// FileFromPath describes the regular file at path (symbolic links are
// followed); it fails with [ErrSource] where there is none. Its Open fails with [ErrSource] when the file is another one by
// then, or has another size or time of modification.
func FileFromPath(path string) (File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return File{}, fmt.Errorf("%w: %w", ErrSource, err)
	}
	if !info.Mode().IsRegular() {
		return File{}, fmt.Errorf("%w: %s is no regular file", ErrSource, path)
	}
	open := func() (io.ReadCloser, error) { return openSame(path, info) }
	return File{Name: filepath.Base(path), Size: info.Size(), Open: open}, nil
}

// Range is the part of f from byte start to the one before end, both counted
// from the beginning of the whole file, as Offset is. What f.Open gives must be
// an io.Seeker unless start is f.Offset. A part has no Sum. Range fails with
// [ErrRange] when f has no such bytes.
func (f File) Range(start, end int64) (File, error) {
	if start < f.Offset || end < start || end > f.Offset+f.Size {
		return File{}, fmt.Errorf("%w: %d to %d of %d to %d", ErrRange, start, end, f.Offset, f.Offset+f.Size)
	}
	part := f
	part.Offset, part.Size, part.Total = start, end-start, f.total()
	if start != f.Offset {
		part.Open = func() (io.ReadCloser, error) { return openAt(f, start-f.Offset) }
	}
	if part.Size != f.Size {
		part.Sum = ""
	}
	return part, nil
}

// openAt opens f without its first skip bytes.
func openAt(f File, skip int64) (io.ReadCloser, error) {
	reader, err := f.Open()
	if err != nil {
		return nil, err
	}
	seeker, ok := reader.(io.Seeker)
	if !ok {
		reader.Close()
		return nil, fmt.Errorf("%s cannot be read from its middle", f.Name)
	}
	if _, err := seeker.Seek(skip, io.SeekCurrent); err != nil {
		reader.Close()
		return nil, err
	}
	return reader, nil
}

// openSame opens the file at path if it still is what info says. It does not
// wait for a writer when a FIFO has taken the file's place.
func openSame(path string, info fs.FileInfo) (io.ReadCloser, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	now, err := file.Stat()
	switch {
	case err != nil:
	case !os.SameFile(info, now) || !sameVersion(info, now):
		err = fmt.Errorf("%s changed since it was chosen", path)
	case info.Size() == 0:
		err = provesEmpty(file)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// provesEmpty unmasks files as those of /proc, which say 0 and mean "some".
func provesEmpty(file *os.File) error {
	n, err := file.Read(make([]byte, 1))
	if n != 0 {
		return fmt.Errorf("%s has no size that can be announced", file.Name())
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func sameVersion(a, b fs.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// source is an opened File.
type source struct {
	io.ReadCloser
	closing sync.Once
	opened  fs.FileInfo // nil when the reader has no Stat
}

// Close closes once.
func (s *source) Close() (err error) {
	s.closing.Do(func() { err = s.ReadCloser.Close() })
	return err
}

type statter interface{ Stat() (fs.FileInfo, error) }

func (f File) open() (*source, error) {
	if f.Open == nil {
		return nil, fmt.Errorf("%w: File.Open is nil", ErrSource)
	}
	reader, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	s := &source{ReadCloser: reader}
	if file, ok := reader.(statter); ok {
		if s.opened, err = file.Stat(); err != nil {
			reader.Close()
			return nil, fmt.Errorf("%w: %w", ErrSource, err)
		}
	}
	return s, nil
}

// unchanged fails with ErrSource when the file is not what it was when opened.
func (s *source) unchanged() error {
	if s.opened == nil {
		return nil
	}
	now, err := s.ReadCloser.(statter).Stat()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	if !sameVersion(s.opened, now) {
		return fmt.Errorf("%w: it was %d bytes of %v, now %d of %v", ErrSource,
			s.opened.Size(), s.opened.ModTime(), now.Size(), now.ModTime())
	}
	return nil
}
