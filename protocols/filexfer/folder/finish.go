package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

const maxNumber = 10000 // names tried before giving up

// Finish makes what has no bytes, sets times, flushes, and gives the folder the
// first name that is free: "photos", "photos (2)". Then the hidden folder is removed,
// and the Place closed. It fails with [ErrManifestFirst] or [ErrUnchosen] if it is too early, and with
// [ErrIncomplete] if a file is missing or not as long as it should be.
func (p *Place) Finish() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ended:
		return "", fs.ErrClosed
	case p.m == nil:
		return "", ErrManifestFirst
	case p.wanted == nil:
		return "", ErrUnchosen
	}
	for _, step := range []func() error{p.completeFiles, p.makeLinks, p.dateDirs, func() error { return flush(p.tree) }} {
		if err := step(); err != nil {
			return "", placeError(err)
		}
	}
	name, err := p.publish()
	if err != nil {
		return "", placeError(err)
	}
	// What is left of the hidden folder is swept some day, should this fail.
	p.parent.RemoveAll(partNameOf(p.target.ID))
	p.closeLocked() // nothing is left to fail
	return filepath.Join(p.target.Dir, name), nil
}

// wantedEntries calls do for each wanted entry, with its folder, until an error.
func (p *Place) wantedEntries(do func(dir *os.Root, e *entry, name string) error) error {
	w := p.walk(true)
	defer w.leave(0)
	for i := range p.m.entries {
		if !p.wanted[i] {
			continue
		}
		dir, err := w.folderOf(int32(i))
		if err == nil {
			err = do(dir, &p.m.entries[i], p.m.savedName(int32(i)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// completeFiles makes empty folders and files, and looks at the others.
func (p *Place) completeFiles() error {
	return p.wantedEntries(func(dir *os.Root, e *entry, name string) error {
		switch {
		case e.kind == Link:
			return nil
		case e.kind == Dir:
			err := dir.Mkdir(name, 0o777)
			if errors.Is(err, fs.ErrExist) {
				err = nil
			}
			return err
		case e.size == 0:
			return makeEmpty(dir, e, name)
		default:
			return completeFile(dir, e, name)
		}
	})
}

func makeEmpty(dir *os.Root, e *entry, name string) error {
	file, err := makeFile(dir, e, name)
	if err == nil {
		err = file.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return completeFile(dir, e, name)
}

// completeFile fails unless the file is as long as it should be, and dates it.
func completeFile(dir *os.Root, e *entry, name string) error {
	info, err := dir.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s is not there", ErrIncomplete, name)
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Size() != e.size:
		return fmt.Errorf("%w: %s has %d bytes, not %d", ErrIncomplete, name, info.Size(), e.size)
	}
	return date(dir, e, name)
}

// date sets the time of modification. A file system that does not take this one
// keeps its own.
func date(dir *os.Root, e *entry, name string) error {
	modified := time.Unix(0, e.modified)
	err := dir.Chtimes(name, modified, modified)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// makeLinks makes the symbolic links, where there are such.
func (p *Place) makeLinks() error {
	return p.wantedEntries(func(dir *os.Root, e *entry, name string) error {
		if e.kind != Link {
			return nil
		}
		err := dir.Symlink(filepath.FromSlash(savedTarget(e.target)), name)
		if errors.Is(err, fs.ErrExist) || err != nil && !hasLinks(dir) {
			return nil
		}
		return err
	})
}

// hasLinks tells whether the file system has symbolic links.
func hasLinks(dir *os.Root) bool {
	const probe = ".passeur-link"
	if runtime.GOOS == "windows" {
		return false // it may, but mostly one is not allowed to make them
	}
	err := dir.Symlink(probe, probe)
	dir.Remove(probe)
	return err == nil
}

// dateDirs dates the folders, inner ones first: what is made in one changes it.
func (p *Place) dateDirs() error {
	w := p.walk(false)
	defer w.leave(0)
	for i := len(p.m.entries) - 1; i >= 0; i-- {
		e := &p.m.entries[i]
		if e.kind != Dir || !p.wanted[i] {
			continue
		}
		dir, err := w.folderOf(int32(i))
		if err == nil {
			err = date(dir, e, p.m.savedName(int32(i)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// publish moves the tree to its final name and flushes the folder around it.
func (p *Place) publish() (string, error) {
	name, err := p.moveOut()
	if err != nil {
		return "", err
	}
	if err := filexfer.SyncFolder(p.parent); err != nil {
		return "", errors.Join(err, moveDir(p.parent, name, p.part, treeName))
	}
	return name, nil
}

func (p *Place) moveOut() (string, error) {
	for n := 1; n <= maxNumber; n++ {
		name := numbered(p.target.Name, n, false)
		err := moveDir(p.part, treeName, p.parent, name)
		if !errors.Is(err, fs.ErrExist) {
			return name, err
		}
		if p.target.Exact {
			break
		}
	}
	return "", fmt.Errorf("%w: %s", filexfer.ErrExists, p.target.Name)
}
