package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// walker goes from folder to folder of a tree. The folders around the one where it
// is are open, and no others: entries follow each other as in a walk through the
// tree, so the next is mostly near. Each step opens one element of a path that is a
// folder and no link; nobody who moves folders meanwhile leads it out.
type walker struct {
	m    *Manifest
	name func(i int32) string
	// root opens the folder in which entry i, one at the top, lies. The walker does
	// not close it.
	root func(i int32) (*os.Root, error)
	// make creates the folders that are not there.
	make bool

	chain []step
}

type step struct {
	index int32
	*os.Root
}

// folderOf opens the folder in which entry i lies. It is valid until the next call.
func (w *walker) folderOf(i int32) (*os.Root, error) {
	parent := w.m.entries[i].parent
	if err := w.enter(parent); err != nil {
		return nil, err
	}
	if parent == top {
		return w.root(i)
	}
	return w.chain[len(w.chain)-1].Root, nil
}

// enter makes dir the last of the chain.
func (w *walker) enter(dir int32) error {
	if dir == top {
		w.leave(0)
		return nil
	}
	for n := len(w.chain); n > 0; n-- {
		if w.chain[n-1].index == dir {
			w.leave(n)
			return nil
		}
	}
	around, err := w.folderOf(dir)
	if err != nil {
		return err
	}
	opened, err := w.open(around, w.name(dir))
	if err == nil {
		w.chain = append(w.chain, step{dir, opened})
	}
	return err
}

func (w *walker) open(from *os.Root, name string) (*os.Root, error) {
	dir, err := openDir(from, name)
	if !w.make || !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	if err := from.Mkdir(name, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return openDir(from, name)
}

// leave closes all but the first n of the chain.
func (w *walker) leave(n int) {
	for _, s := range w.chain[n:] {
		s.Close()
	}
	w.chain = w.chain[:n]
}

// openDir opens a folder in a folder, and no link to one.
func openDir(from *os.Root, name string) (*os.Root, error) {
	info, err := from.Lstat(name)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s in %s is no folder any more", name, from.Name())
	}
	if err != nil {
		return nil, err
	}
	return from.OpenRoot(name)
}
