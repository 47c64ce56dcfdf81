package holdings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/folder"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// lookAt finds what is held at h.Path, be it a file or a folder, and what it is like.
// tree is what h.Tree stands for; nil: it is in the store.
func (b *Book) lookAt(ctx context.Context, h store.Held, tree *store.Tree) (filexfer.File, store.Stamp, error) {
	if info, err := os.Stat(h.Path); err != nil || !info.IsDir() || h.Tree == "" {
		return look(h.Path)
	}
	if tree == nil {
		stored, err := b.store.Tree(h.Tree)
		if err != nil {
			return filexfer.File{}, store.Stamp{}, err
		}
		tree = &stored
	}
	if len(tree.Manifest) == 0 {
		return look(h.Path)
	}
	f, err := folder.Reopen(ctx, tree.Manifest, sha3tree.List{Size: h.Size, Sums: tree.Units}, h.Path, !h.Source)
	if errors.Is(err, filexfer.ErrSource) {
		err = fmt.Errorf("%w: %w", ErrChanged, err)
	}
	if err != nil {
		return filexfer.File{}, store.Stamp{}, err
	}
	return f.File(), store.Stamp(f.Stamp), nil
}

// look finds the regular file at path (symbolic links are followed) and what it is
// like. The File opens as long as that stays so.
func look(path string) (filexfer.File, store.Stamp, error) {
	var f filexfer.File
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: what lies at %s is no regular file", ErrGone, path)
	}
	if err == nil {
		f, err = filexfer.FileFromPath(path)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		err = fmt.Errorf("%w: %s", ErrGone, path)
	}
	if err != nil {
		return filexfer.File{}, store.Stamp{}, err
	}
	stamp := stampOf(info)
	return onlyAs(stamp, f), stamp, nil
}

func stampOf(info fs.FileInfo) store.Stamp {
	return store.Stamp(folder.StampOf(info))
}

// onlyAs makes f's Open fail with ErrChanged when the file has another stamp.
func onlyAs(stamp store.Stamp, f filexfer.File) filexfer.File {
	open := f.Open
	f.Open = func() (io.ReadCloser, error) {
		file, err := open()
		if err != nil {
			return nil, err
		}
		if err := wantStamp(file, stamp); err != nil {
			file.Close()
			return nil, err
		}
		return file, nil
	}
	return f
}

func wantStamp(file io.ReadCloser, stamp store.Stamp) error {
	info, err := file.(interface{ Stat() (fs.FileInfo, error) }).Stat() // an *os.File, as FileFromPath has it
	if err == nil && stampOf(info) != stamp {
		err = fmt.Errorf("%w: it was touched a moment ago", ErrChanged)
	}
	return err
}

// coarse is the tick of the coarsest clock of a file system, FAT's: a file that changes
// twice within it may keep its stamp.
const coarse = 2 * time.Second

// settled tells whether a change of the file after its bytes began to be read shows
// in its stamp, where the file system's clock ticks every grain. It may not when the
// stamp is of that time or later; unless it lies in the future, for then a clock was
// wrong.
func settled(s store.Stamp, grain time.Duration, began, now time.Time) bool {
	changed := time.Unix(0, s.Changed)
	if s.Changed == 0 {
		changed = time.Unix(0, s.Modified)
	}
	return changed.Before(began.Add(-grain)) || changed.After(now.Add(coarse))
}

// stateOf looks at a file without reading it.
func (b *Book) stateOf(row store.Held) State {
	_, stamp, err := b.lookAt(context.Background(), row, nil)
	switch {
	case errors.Is(err, ErrGone):
		return Gone
	case errors.Is(err, ErrChanged):
		return Changed
	case err != nil:
		return Unreadable
	case stamp.Size != row.Size:
		return Changed
	case stamp != row.Look.Stamp:
		return Unchecked
	case !row.Look.Same:
		return Changed
	default:
		return Here
	}
}
