package folder

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// Reopen looks at a folder whose manifest is known, so that it can be sent again. It
// lies at dir: where [Scan] found it ([Folder.Dir]), or, if received, where a Place
// has put it ([Entry.Saved]). What is there beside is not looked at. list has the
// sums of the units, from wherever they are kept. It fails with [filexfer.ErrSource]
// if a file is gone or has another size; whether it is the same otherwise tells
// [Folder.Stamp], or who verifies what is sent.
func Reopen(ctx context.Context, manifest []byte, list sha3tree.List, dir string, received bool) (*Folder, error) {
	m, err := Parse(string(manifest), Limits{})
	if err != nil {
		return nil, err
	}
	if list.Size != m.size || int64(len(list.Sums)) != sha3tree.Units(m.size)*sha3tree.Size {
		return nil, fmt.Errorf("the sums are those of a file of %d bytes, the folder has %d", list.Size, m.size)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, sourceError(err)
	}
	f := &Folder{Name: filepath.Base(dir), Dir: real, manifest: m, saved: received, sum: newSumming()}
	f.sum.whole, f.sum.head, f.sum.list = m, manifest, list
	close(f.sum.done)
	if err := f.lookAgain(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, sourceError(err)
	}
	return f, nil
}

// lookAgain looks at all entries.
func (f *Folder) lookAgain(ctx context.Context) error {
	w, done := f.walk()
	defer done()
	stamp := newStamping()
	for i := range f.manifest.entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		e := &f.manifest.entries[i]
		if e.kind == Link && f.saved {
			f.looks = append(f.looks, look{}) // not every system has them
			continue
		}
		dir, err := w.folderOf(int32(i))
		if err != nil {
			return err
		}
		info, err := dir.Lstat(f.name(int32(i)))
		if err != nil {
			return err
		}
		if info.IsDir() != (e.kind == Dir) || e.kind.IsFile() && (!info.Mode().IsRegular() || info.Size() != e.size) {
			return fmt.Errorf("%s in %s is not what it was", filexfer.Visible(e.name), dir.Name())
		}
		f.looks = append(f.looks, lookOf(info))
		stamp.add(e.name, e.kind, info)
	}
	f.Stamp = stamp.end(f.manifest.size)
	return nil
}
