package filexfer

import (
	"context"
	"io"
)

// Span is the bytes of a file from Start to the one before End.
type Span struct{ Start, End int64 }

// Len is the number of bytes.
func (s Span) Len() int64 { return s.End - s.Start }

// Place is where the bytes of a [Part] lie: a temporary file, or what is one for
// whoever reads and writes it. It needs no lock against other Parts: the Part
// has one on its sidecar, before the Place is opened and as long as it is open.
// Errors should be those of a [FileSink]: ErrNoSpace, ErrNotWritable, ErrExists.
type Place interface {
	// WriteAt takes whole verified units, in any order and from several goroutines
	// at a time; never the same bytes with another content.
	io.WriterAt
	// ReadAt gives back what was written, also in an earlier life. What is not
	// there reads as zeros, as in a sparse file.
	io.ReaderAt
	// Size is the number of bytes of the whole.
	Size() int64
	// Fresh tells that nothing of an earlier life was there: it was made now.
	Fresh() bool
	// Wanted is what shall come, aligned to units, sorted, merged. It may grow by a
	// WriteAt, and never shrinks. A file wants all of itself.
	Wanted() []Span
	// Finish makes what was written durable and gives it its final name. When it
	// fails, the Place can still be closed or removed.
	Finish() (path string, err error)
	// Close keeps what is there for the next Part of this ID.
	Close() error
	// Remove removes all of it, and closes.
	Remove() error
}

// filePlace is a temporary file of the whole size from the beginning. What is not
// there is a hole, or claimed.
type filePlace struct {
	*tempFile
	fresh  bool
	padded bool // was shorter than it should be: what is there is not as it was left
}

var (
	_ Place   = (*filePlace)(nil)
	_ claimer = (*filePlace)(nil)
)

func openFilePlace(_ context.Context, t Target) (Place, error) {
	temp, err := openTemp(t)
	if err != nil {
		return nil, err
	}
	f := &filePlace{tempFile: temp}
	if err := f.prepare(); err != nil {
		if f.fresh {
			f.remove()
		} else {
			f.close()
		}
		return nil, sinkError(err)
	}
	return f, nil
}

func (f *filePlace) prepare() error {
	info, err := f.temp.Stat()
	if err != nil {
		return err
	}
	f.fresh, f.padded = info.Size() == 0, info.Size() != f.target.Size
	if err := f.check(); err != nil {
		return err
	}
	return f.temp.Truncate(f.target.Size)
}

func (f *filePlace) WriteAt(p []byte, at int64) (int, error) { return f.temp.WriteAt(p, at) }
func (f *filePlace) ReadAt(p []byte, at int64) (int, error)  { return f.temp.ReadAt(p, at) }
func (f *filePlace) Size() int64                             { return f.target.Size }
func (f *filePlace) Fresh() bool                             { return f.fresh }
func (f *filePlace) Close() error                            { return f.close() }
func (f *filePlace) Remove() error                           { return f.remove() }

func (f *filePlace) Wanted() []Span {
	if f.target.Size == 0 {
		return nil
	}
	return []Span{{0, f.target.Size}}
}

func (f *filePlace) Finish() (string, error) {
	if err := f.finish(); err != nil {
		return "", err
	}
	return f.path(), nil
}

// claim gives back first what a process that died had claimed: it counts as used.
func (f *filePlace) claim(missing []Span) error {
	if !f.fresh {
		if err := f.unclaim(missing); err != nil {
			return err
		}
	}
	var needed int64
	for _, m := range missing {
		needed += m.Len()
	}
	if err := f.target.HasSpace(f.temp, needed); err != nil {
		return err
	}
	for _, m := range missing {
		if err := allocate(f.temp, m.Start, m.Len()); err != nil {
			return err
		}
	}
	return nil
}

func (f *filePlace) unclaim(missing []Span) error {
	for _, m := range missing {
		if err := punch(f.temp, m.Start, m.Len()); err != nil {
			return err
		}
	}
	return nil
}
