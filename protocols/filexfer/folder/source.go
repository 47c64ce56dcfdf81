package folder

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Folder is a folder, or a set of files, as it was when it was looked at. What
// changes afterwards is an [filexfer.ErrSource] for whoever reads it. All methods
// may be called from several goroutines.
type Folder struct {
	// Name is announced to the receiver.
	Name string
	// Dir is where all of it lies; "" for a set of files from several folders.
	Dir string
	// Skipped tells what is in the folder and is not sent: the first thousand.
	Skipped []Skipped
	// Stamp tells whether it has changed since.
	Stamp Stamp

	manifest *Manifest
	looks    []look // of every entry
	tops     map[int32]string
	saved    bool // the files have the names of Entry.Saved
	sum      summing
}

// Skipped is something that a folder contains and its manifest does not.
type Skipped struct {
	Path   string // below the folder, or as it was given
	Reason string
}

// look is what tells a file from what it was.
type look struct {
	modified int64 // nanoseconds since 1970
	inode    uint64
}

func lookOf(info fs.FileInfo) look {
	_, inode := changeAndInode(info)
	return look{info.ModTime().UnixNano(), inode}
}

// Manifest tells what is in the folder. The sums in it are zero before [Folder.Sum]
// has read all files; its lengths are right all the time.
func (f *Folder) Manifest() *Manifest {
	select {
	case <-f.sum.done:
		return f.sum.whole
	default:
		return f.manifest
	}
}

// name is what entry i is called on the disk, in its folder.
func (f *Folder) name(i int32) string {
	if path, isTop := f.tops[i]; isTop {
		return filepath.Base(path)
	}
	if f.saved {
		return f.manifest.savedName(i)
	}
	return f.manifest.name(i)
}

// walk is for who opens files, with a function that closes all folders.
func (f *Folder) walk() (w *walker, done func()) {
	roots := map[string]*os.Root{}
	root := func(i int32) (*os.Root, error) {
		dir := f.Dir
		if path, isTop := f.tops[i]; isTop {
			dir = filepath.Dir(path)
		}
		if roots[dir] != nil {
			return roots[dir], nil
		}
		opened, err := os.OpenRoot(dir)
		if err == nil {
			roots[dir] = opened
		}
		return opened, err
	}
	w = &walker{m: f.manifest, name: f.name, root: root}
	return w, func() {
		w.leave(0)
		for _, r := range roots {
			r.Close()
		}
	}
}

// readFile fills p with the bytes of entry i from off on.
func (f *Folder) readFile(w *walker, i int32, p []byte, off int64) error {
	dir, err := w.folderOf(i)
	if err != nil {
		return err
	}
	file, err := dir.OpenFile(f.name(i), os.O_RDONLY|waitForNobody, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	n, err := file.ReadAt(p, off)
	if ignoreEOF(err) != nil {
		return err
	}
	info, err := file.Stat() // afterwards, so that it tells of all that was read
	if err == nil && (n < len(p) || !f.isStill(i, info)) {
		err = fmt.Errorf("%s changed since it was looked at", filexfer.Visible(file.Name()))
	}
	return err
}

func (f *Folder) isStill(i int32, info fs.FileInfo) bool {
	return info.Mode().IsRegular() && info.Size() == f.manifest.entries[i].size && lookOf(info) == f.looks[i]
}
