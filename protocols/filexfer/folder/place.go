package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// Accept says how a folder is taken.
type Accept struct {
	// Manifest is how many bytes the manifest has: Offer.Manifest.
	Manifest int64
	// Only chooses what is wanted, as [Place.Choose] does; none: everything.
	Only []string
	// Ask takes nothing but the manifest until Choose is called; Only is not
	// looked at.
	Ask bool
	// Limits bound what a sender may make of this machine.
	Limits Limits
}

// Open is [OpenPlace] for [filexfer.Target].Place.
func (a Accept) Open(ctx context.Context, t filexfer.Target) (filexfer.Place, error) {
	p, err := OpenPlace(ctx, t, a)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Place spreads the bytes of a virtual file over the files of a folder. They lie in
// a hidden folder ".passeur-<id>.part" of mode 0700 in the target's:
//
//	tree      what becomes the folder
//	manifest  the manifest; there once it was whole and understood
//	only      a pattern a line, quoted; there once it was said what is wanted
//	raw       as far as they came, the bytes that are in no file of the tree, each
//	          where the virtual file has it: the units of the manifest until it is
//	          whole, and what shares a unit with the end of a wanted file
//
// It is opened again after a crash as it was. Only a manifest that was not whole yet
// is forgotten. Nothing outside of the hidden folder is written until Finish, and
// nothing in it through a link, nor is a link made before all files are complete.
type Place struct {
	target filexfer.Target
	accept Accept
	fresh  bool
	parent *os.Root // of Target.Dir
	part   *os.Root
	tree   *os.Root
	raw    *os.File

	mu     sync.RWMutex // held to read while bytes are written to files
	came   []bool       // units of the manifest, in this life
	m      *Manifest    // nil until then
	wanted []bool       // of each entry; nil until it is chosen
	spans  []filexfer.Span
	ended  bool
}

var _ filexfer.Place = (*Place)(nil)

const (
	treeName     = "tree"
	manifestName = "manifest"
	onlyName     = "only"
	rawName      = "raw"
	newSuffix    = ".new"
)

// OpenPlace makes the hidden folder in t.Dir, or continues the one of t.ID. t.Name is
// the wanted name of the folder, t.Size that of the virtual file. It fails with
// [filexfer.ErrNoSpace], [filexfer.ErrExists] or [filexfer.ErrNotWritable], and with
// what Choose fails with.
func OpenPlace(ctx context.Context, t filexfer.Target, a Accept) (*Place, error) {
	a.Limits = a.Limits.orDefaults()
	switch {
	case a.Manifest < int64(len(magic))+1 || a.Manifest > t.Size:
		return nil, fmt.Errorf("%w: %d bytes of manifest in a folder of %d", ErrManifest, a.Manifest, t.Size)
	case a.Manifest > a.Limits.Manifest || t.Size > a.Limits.Size:
		return nil, fmt.Errorf("%w: %d bytes, and %d of manifest", ErrLimit, t.Size, a.Manifest)
	case !partName.MatchString(partNameOf(t.ID)):
		return nil, fmt.Errorf("%q is no ID of a transfer", t.ID)
	case t.Name != filexfer.SafeName(t.Name):
		return nil, fmt.Errorf("%q is no safe name of a folder", t.Name)
	}
	p := &Place{target: t, accept: a, came: make([]bool, sha3tree.Units(a.Manifest))}
	if err := p.open(ctx); err != nil {
		p.Close()
		return nil, placeError(err)
	}
	return p, nil
}

func (p *Place) open(ctx context.Context) (err error) {
	if p.target.Dir, err = filepath.Abs(p.target.Dir); err != nil {
		return err
	}
	if p.parent, err = os.OpenRoot(p.target.Dir); err != nil {
		return err
	}
	if err = p.nameIsFree(); err != nil {
		return err
	}
	if err = p.openPart(); err != nil {
		return err
	}
	if p.raw, err = openPlain(p.part, rawName, os.O_RDWR|os.O_CREATE); err != nil {
		return err
	}
	if p.m == nil {
		return context.Cause(ctx)
	}
	return p.chooseAgain()
}

// nameIsFree looks whether an exact name is.
func (p *Place) nameIsFree() error {
	if _, err := p.parent.Lstat(p.target.Name); err == nil && p.target.Exact {
		return fmt.Errorf("%w: %s", filexfer.ErrExists, p.target.Name)
	}
	return nil
}

func partNameOf(id string) string { return ".passeur-" + id + ".part" }

// openPart opens the hidden folder and reads its manifest. One without a manifest is
// emptied.
func (p *Place) openPart() error {
	name := partNameOf(p.target.ID)
	part, err := openDir(p.parent, name)
	if err == nil {
		if p.part = part; p.readManifest() == nil {
			return nil
		}
		part.Close()
		err = p.parent.RemoveAll(name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	p.fresh, p.part = true, nil
	if err = p.parent.Mkdir(name, 0o700); err == nil {
		p.part, err = openDir(p.parent, name)
	}
	if err != nil {
		return err
	}
	if err = p.part.Mkdir(treeName, 0o777); err == nil {
		p.tree, err = openDir(p.part, treeName)
	}
	return err
}

// readManifest finds what an earlier life left.
func (p *Place) readManifest() error {
	tree, err := openDir(p.part, treeName)
	if err != nil {
		return err
	}
	file, err := openPlain(p.part, manifestName, os.O_RDONLY)
	if err == nil {
		defer file.Close()
		err = p.understand(file)
	}
	if err != nil {
		tree.Close()
		return err
	}
	p.tree = tree
	return nil
}

// understand reads the manifest and holds it against what was announced.
func (p *Place) understand(r io.Reader) error {
	m, err := Read(r, p.accept.Manifest, p.accept.Limits)
	if err == nil && m.size != p.target.Size {
		err = broken("its folder has %d bytes, %d are announced", m.size, p.target.Size)
	}
	if err == nil {
		p.m = m
	}
	return err
}

// Size is the number of bytes of the virtual file.
func (p *Place) Size() int64 { return p.target.Size }

// Fresh tells that nothing that an earlier life wrote is there.
func (p *Place) Fresh() bool { return p.fresh }

// Manifest tells what is in the folder; nil until that is known.
func (p *Place) Manifest() *Manifest {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.m
}

// Wanted are the units of the manifest, and once that came those that have a byte
// of a wanted file.
func (p *Place) Wanted() []filexfer.Span {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.wanted == nil {
		return []filexfer.Span{p.head()}
	}
	return p.spans
}

// head is the units that have a byte of the manifest.
func (p *Place) head() filexfer.Span {
	return filexfer.Span{End: min(roundUp(p.accept.Manifest), p.target.Size)}
}

func roundUp(n int64) int64 { return sha3tree.Units(n) * sha3tree.UnitSize }

// Close keeps what is there.
func (p *Place) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closeLocked()
}

func (p *Place) closeLocked() error {
	if p.ended {
		return nil
	}
	p.ended = true
	var err error
	if p.raw != nil {
		err = p.raw.Close()
	}
	for _, dir := range []*os.Root{p.tree, p.part, p.parent} {
		if dir != nil {
			err = errors.Join(err, dir.Close())
		}
	}
	return err
}

// Remove removes the hidden folder, and closes.
func (p *Place) Remove() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return fs.ErrClosed
	}
	err := p.parent.RemoveAll(partNameOf(p.target.ID))
	return placeError(errors.Join(err, p.closeLocked()))
}

// openPlain opens a regular file that is no link, in a folder. With O_CREATE it may
// be new.
func openPlain(dir *os.Root, name string, flag int) (*os.File, error) {
	if flag&os.O_CREATE != 0 {
		file, err := dir.OpenFile(name, flag|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
		flag &^= os.O_CREATE
	}
	named, err := dir.Lstat(name)
	if err == nil && !named.Mode().IsRegular() {
		err = fmt.Errorf("%s in %s is no regular file", name, dir.Name())
	}
	if err != nil {
		return nil, err
	}
	file, err := dir.OpenFile(name, flag|waitForNobody, 0)
	if err != nil {
		return nil, err
	}
	if opened, err := file.Stat(); err != nil || !os.SameFile(named, opened) {
		file.Close()
		return nil, fmt.Errorf("%s in %s was exchanged", name, dir.Name())
	}
	return file, nil
}

// keep writes a small file of the hidden folder so that it is there wholly or not
// at all, also after a crash of the system.
func (p *Place) keep(name, content string) error {
	file, err := openPlain(p.part, name+newSuffix, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(0); err != nil {
		return err
	}
	if _, err := io.Copy(file, strings.NewReader(content)); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return p.part.Rename(name+newSuffix, name)
}
