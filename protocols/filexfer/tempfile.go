package filexfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tempFile is a file under its temporary name, locked, until it gets its own.
type tempFile struct {
	target Target
	root   *os.Root
	temp   *os.File
	mode   fs.FileMode
	name   string // final name, "" before finish
}

// open checks t, draws an ID where there is none, and opens the folder.
func (t Target) open() (Target, *os.Root, error) {
	if t.Name == "" || t.Name == "." || t.Name == ".." || strings.ContainsAny(t.Name, `/\`) || !filepath.IsLocal(t.Name) {
		return t, nil, fmt.Errorf("%q is no file name", t.Name)
	}
	if t.Size < 0 {
		return t, nil, fmt.Errorf("a file of %d bytes cannot be", t.Size)
	}
	if t.ID == "" {
		t.ID = newID()
	}
	if err := checkID(t.ID); err != nil {
		return t, nil, fmt.Errorf("Target.ID: %w", err)
	}
	dir, err := filepath.Abs(t.Dir)
	if err != nil {
		return t, nil, err
	}
	t.Dir = dir
	root, err := os.OpenRoot(dir)
	return t, root, err
}

// openTemp makes the temporary file of t, or opens the one that is there.
func openTemp(t Target) (*tempFile, error) {
	t, root, err := t.open()
	if err != nil {
		return nil, err
	}
	temp, err := openPart(root, t.partName())
	if err != nil {
		root.Close()
		return nil, err
	}
	return &tempFile{target: t, root: root, temp: temp}, nil
}

// check finds out what can be known to go wrong with the name.
func (f *tempFile) check() error {
	if err := f.newFileMode(); err != nil {
		return err
	}
	if _, err := f.root.Lstat(f.target.Name); err == nil && f.target.Exact {
		return fmt.Errorf("%w: %s", ErrExists, f.target.Name)
	}
	return nil
}

// newFileMode asks the system for the mode of a new file by making one: the
// umask cannot be read without changing it for the whole process.
func (f *tempFile) newFileMode() error {
	name := f.target.partName() + modeSuffix
	f.root.Remove(name) // left by a process that died
	probe, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	info, err := probe.Stat()
	if err == nil {
		f.mode = info.Mode().Perm()
	}
	return errors.Join(err, probe.Close(), f.root.Remove(name))
}

// finish makes the file durable and gives it its name. A folder that cannot be
// flushed undoes nothing: the bytes are safe, and only after a crash of the system
// the file might still have its temporary name.
func (f *tempFile) finish() error {
	if err := f.setMode(); err != nil {
		return err
	}
	if err := f.temp.Sync(); err != nil {
		return err
	}
	name, err := f.publish()
	if err != nil {
		return err
	}
	SyncFolder(f.root)
	f.name = name
	f.close() // flushed already: nothing is left to fail
	return nil
}

// setMode leaves file systems alone that have one mode for everything.
func (f *tempFile) setMode() error {
	info, err := f.temp.Stat()
	if err != nil || info.Mode().Perm() == f.mode {
		return err
	}
	return f.temp.Chmod(f.mode)
}

// publish renames the temporary file to the first name that is free.
func (f *tempFile) publish() (string, error) {
	for n := 1; n <= maxNumber; n++ {
		name := numbered(f.target.Name, n)
		err := renameNew(f.root, f.target.partName(), name)
		if !errors.Is(err, fs.ErrExist) {
			return name, err
		}
		if f.target.Exact {
			break
		}
	}
	return "", fmt.Errorf("%w: %s", ErrExists, f.target.Name)
}

// path is where the file lies after finish; "" before.
func (f *tempFile) path() string {
	if f.name == "" {
		return ""
	}
	return filepath.Join(f.target.Dir, f.name)
}

// remove removes the temporary file, and closes.
func (f *tempFile) remove() error {
	return errors.Join(removeIfThere(f.root, f.target.partName()), f.close())
}

// close leaves the temporary file as it is.
func (f *tempFile) close() error { return errors.Join(f.temp.Close(), f.root.Close()) }

func removeIfThere(root *os.Root, name string) error { return ignoreMissing(root.Remove(name)) }

// SyncFolderAt is SyncFolder of the folder at a path.
func SyncFolderAt(path string) error {
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	return errors.Join(SyncFolder(root), root.Close())
}
