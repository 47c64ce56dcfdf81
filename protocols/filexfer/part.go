package filexfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// The temporary file of a transfer. Whoever writes it holds a lock on it, for
// as long as it is open; one without a lock was left by a process that died, or
// waits to be continued. That of a [Part] has a sidecar beside it, and may be a
// folder; then only the sidecar is locked.

const (
	partPrefix  = ".passeur-"
	partSuffix  = ".part"
	unitsSuffix = ".units" // of the sidecar of a Part
	modeSuffix  = "-mode"  // of the file that shows the mode of new files
)

var partPattern = regexp.MustCompile(`^\.passeur-([0-9a-fA-F]{16})\.(part|units|part-mode)$`)

func (t Target) partName() string  { return partPrefix + t.ID + partSuffix }
func (t Target) unitsName() string { return partPrefix + t.ID + unitsSuffix }

// PartSize is how many bytes of the file are there already: what Have of a
// [FileSink] will be, if they are the right ones, or that of a [Part]. 0 when there
// are none, or, for a FileSink, when t has no Sum.
func PartSize(t Target) int64 {
	root, err := os.OpenRoot(t.Dir)
	if err != nil {
		return 0
	}
	defer root.Close()
	info, err := root.Lstat(t.partName())
	if err != nil {
		return 0
	}
	if have, is := savedSize(root, t); is {
		return have
	}
	if t.Sum == "" || !info.Mode().IsRegular() || info.Size() > t.Size {
		return 0
	}
	return info.Size()
}

// RemovePart forgets what is there of a file that is no longer wanted. It fails
// with [ErrInUse] while a sink or a Part is open for it; there being nothing is
// fine.
func RemovePart(t Target) error {
	root, err := os.OpenRoot(t.Dir)
	if err == nil {
		defer root.Close()
		err = errors.Join(
			ignoreMissing(removePart(root, t.partName())),
			ignoreMissing(removePart(root, t.unitsName())))
	}
	return ignoreMissing(err)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// SweepParts removes the temporary files and folders that transfers left in dir
// when their process died, and returns how many, sidecars included. Those of
// running transfers, of this process or another, stay, and those for which keep
// (nil: for none) holds: its argument is Target.ID.
func SweepParts(dir string, keep func(id string) bool) (removed int, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	for _, entry := range entries {
		if !isLeft(entry, keep) {
			continue
		}
		switch gone := removePart(root, entry.Name()); {
		case gone == nil:
			removed++
		case !errors.Is(gone, ErrInUse) && !errors.Is(gone, fs.ErrNotExist):
			err = errors.Join(err, gone)
		}
	}
	return removed, err
}

// isLeft tells whether an entry is a temporary one that nobody keeps.
func isLeft(entry fs.DirEntry, keep func(id string) bool) bool {
	match := partPattern.FindStringSubmatch(entry.Name())
	if match == nil {
		return false
	}
	id, suffix := match[1], "."+match[2]
	if !entry.Type().IsRegular() && !(entry.IsDir() && suffix == partSuffix) {
		return false
	}
	return suffix == partSuffix+modeSuffix || keep == nil || !keep(id)
}

// openPart makes the temporary file, or opens the one that is there, and locks
// it. No link is followed.
func openPart(root *os.Root, name string) (*os.File, error) {
	file, err := newPart(root, name)
	if errors.Is(err, fs.ErrExist) {
		file, err = oldPart(root, name)
	}
	if err != nil {
		return nil, err
	}
	if err := tryLock(file); isLocked(err) { // where locks do not work nothing is locked
		file.Close()
		return nil, fmt.Errorf("%w: %s", ErrInUse, name)
	}
	if err := isStill(root, name, file); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func newPart(root *os.Root, name string) (*os.File, error) {
	return root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// oldPart opens the temporary file that is there. One that has got its final
// name too, when a process died in renameAnywhere, is the user's by now: it only
// loses the temporary name.
func oldPart(root *os.Root, name string) (*os.File, error) {
	file, err := openExisting(root, name)
	if err != nil || !hasOtherName(file) {
		return file, err
	}
	if err := errors.Join(file.Close(), root.Remove(name)); err != nil {
		return nil, err
	}
	return newPart(root, name)
}

// isStill fails unless file is the regular file of that name: until it was
// locked, another could have given it its final name.
func isStill(root *os.Root, name string, file *os.File) error {
	opened, err := file.Stat()
	if err != nil {
		return err
	}
	named, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s", ErrInUse, name)
	case err != nil:
		return err
	case !named.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", name)
	case !os.SameFile(opened, named):
		return fmt.Errorf("%w: %s", ErrInUse, name)
	}
	return nil
}

// removePart removes a temporary file that nobody writes, or a temporary folder.
// Where locks do not work nobody knows, and it stays.
func removePart(root *os.Root, name string) error {
	if info, err := root.Lstat(name); err == nil && info.IsDir() {
		return removeFolder(root, name)
	}
	file, err := openExisting(root, name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := tryLock(file); err != nil {
		return fmt.Errorf("%w: %s (%w)", ErrInUse, name, err)
	}
	if err := isStill(root, name, file); err != nil { // another may have the name by now
		return err
	}
	return root.Remove(name)
}

// removeFolder removes a temporary folder with its sidecar, which is made if it is
// not there, for its lock.
func removeFolder(root *os.Root, name string) error {
	sidecar := strings.TrimSuffix(name, partSuffix) + unitsSuffix
	lock, err := openPart(root, sidecar)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := root.RemoveAll(name); err != nil {
		return err
	}
	return root.Remove(sidecar)
}
