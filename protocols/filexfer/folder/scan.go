package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Config says how a folder is looked at. The zero value will do.
type Config struct {
	// Name is announced to the receiver; "": the folder's own, or for a set of files
	// that of the first, with how many others there are.
	Name string
	// Limits bound it; what is beyond them is not sent at all.
	Limits Limits
}

// Scan looks at what lies at the paths, without reading it. One path to a folder
// gives that folder; anything else a set, in which each path is an entry at the top
// by its last element. The paths themselves may be or contain symbolic links. Inside
// folders a link is kept if it is sure to stay inside (see the package comment);
// other links, and what is neither file nor folder, are skipped and told. It fails
// with [filexfer.ErrSource] where something cannot be looked at, with [ErrLimit], or
// with the cause of ctx.
func Scan(ctx context.Context, c Config, paths ...string) (*Folder, error) {
	s := &scan{
		ctx: ctx, limits: c.Limits.orDefaults(), stamp: newStamping(),
		f: &Folder{Name: c.Name, manifest: new(Manifest), tops: map[int32]string{}, sum: newSumming()},
	}
	if err := s.run(paths); err != nil {
		return nil, err
	}
	if s.f.Name == "" {
		s.f.Name = nameOf(paths)
	}
	return s.f, nil
}

func nameOf(paths []string) string {
	name := "folder"
	if abs, err := filepath.Abs(paths[0]); err == nil && filepath.Base(abs) != string(filepath.Separator) {
		name = filepath.Base(abs)
	}
	if len(paths) > 1 {
		name = fmt.Sprintf("%s and %d more", name, len(paths)-1)
	}
	return name
}

// scan fills a Folder.
type scan struct {
	ctx    context.Context
	limits Limits
	f      *Folder
	stamp  *stamping
	length int64 // of the manifest so far
	size   int64 // of all files so far
}

// partName is what unfinished transfers are called.
var partName = regexp.MustCompile(`^\.passeur-[0-9a-fA-F]{16}\.`)

const maxSkipped = 1000 // that are told one by one

func (s *scan) run(paths []string) error {
	tops, err := topsOf(paths)
	if err != nil {
		return sourceError(err)
	}
	s.length = int64(len(magic))
	if len(tops) == 1 && tops[0].info.IsDir() {
		err = s.wholeFolder(tops[0].path)
	} else {
		err = s.set(tops)
	}
	if err != nil {
		return err
	}
	s.f.manifest.seal(s.length + 1)
	s.f.Stamp = s.stamp.end(s.f.manifest.size)
	return nil
}

// topPath is a path that was given.
type topPath struct {
	name, path string // its last element; where that lies, without links
	info       fs.FileInfo
}

func topsOf(paths []string) ([]topPath, error) {
	var tops []topPath
	for _, path := range paths {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		real, err := filepath.EvalSymlinks(abs)
		if err != nil {
			return nil, err
		}
		info, err := os.Lstat(real)
		if err != nil {
			return nil, err
		}
		tops = append(tops, topPath{filepath.Base(abs), real, info})
	}
	if len(tops) == 0 {
		return nil, errors.New("no path is given")
	}
	return tops, nil
}

func (s *scan) wholeFolder(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return sourceError(err)
	}
	defer root.Close()
	s.f.Dir = dir
	return s.contents(root, level{index: top})
}

// set scans the paths as what one folder contains.
func (s *scan) set(tops []topPath) error {
	slices.SortFunc(tops, func(a, b topPath) int { return strings.Compare(a.name, b.name) })
	s.f.Dir = filepath.Dir(tops[0].path)
	for i, t := range tops {
		if i > 0 && tops[i-1].name == t.name {
			return sourceError(fmt.Errorf("two of the paths end with %s", t.name))
		}
		if filepath.Dir(t.path) != s.f.Dir || filepath.Base(t.path) != t.name {
			s.f.Dir = ""
		}
	}
	for _, t := range tops {
		s.f.tops[int32(len(s.f.manifest.entries))] = t.path
		root, err := os.OpenRoot(filepath.Dir(t.path))
		if err != nil {
			return sourceError(err)
		}
		err = s.entry(root, filepath.Base(t.path), t.name, level{index: top})
		root.Close()
		if err != nil {
			return err
		}
	}
	if s.f.Dir != "" {
		clear(s.f.tops)
	}
	return nil
}

// contents scans what the folder dir contains. around describes it.
func (s *scan) contents(dir *os.Root, around level) error {
	names, err := s.namesIn(dir)
	for _, name := range names {
		if err == nil {
			err = s.entry(dir, name, name, around)
		}
	}
	return err
}

// namesIn lists a folder, but not more than can be sent.
func (s *scan) namesIn(dir *os.Root) ([]string, error) {
	opened, err := dir.Open(".")
	if err != nil {
		return nil, sourceError(err)
	}
	defer opened.Close()
	var names []string
	for err == nil && len(names) <= s.limits.Entries {
		var some []string
		some, err = opened.Readdirnames(4096)
		names = append(names, some...)
	}
	slices.Sort(names)
	return names, sourceError(ignoreEOF(err))
}

// entry scans what lies in dir under that name, to be sent under another.
func (s *scan) entry(dir *os.Root, name, as string, around level) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	info, err := dir.Lstat(name)
	if err != nil {
		return sourceError(err)
	}
	if partName.MatchString(name) {
		s.skip(around, name, "an unfinished transfer")
		return nil
	}
	e := entry{name: as, parent: around.index, modified: info.ModTime().UnixNano()}
	switch mode := info.Mode(); {
	case mode.IsDir():
		e.kind = Dir
		return s.folder(dir, name, e, info, around)
	case mode.IsRegular():
		e.kind, e.size = File, info.Size()
		if mode&0o100 != 0 {
			e.kind = Executable
		}
		return s.add(e, info, around)
	case mode&fs.ModeSymlink != 0:
		return s.link(dir, name, e, info, around)
	default:
		s.skip(around, name, "it is neither a file nor a folder: "+mode.Type().String())
		return nil
	}
}

func (s *scan) folder(dir *os.Root, name string, e entry, info fs.FileInfo, around level) error {
	if err := s.add(e, info, around); err != nil {
		return err
	}
	opened, err := openDir(dir, name)
	if err != nil {
		return sourceError(err)
	}
	defer opened.Close()
	s.length++ // the end of its contents
	return s.contents(opened, around.inside(e.name, len(s.f.manifest.entries)-1))
}

func (s *scan) link(dir *os.Root, name string, e entry, info fs.FileInfo, around level) error {
	target, err := dir.Readlink(name)
	if err != nil {
		return sourceError(err)
	}
	e.kind, e.modified, e.target = Link, 0, filepath.ToSlash(target)
	if !staysInside(e.target, around.depth) {
		s.skip(around, name, "a link that may lead out of the folder: "+e.target)
		return nil
	}
	return s.add(e, info, around)
}

// add appends an entry unless there are too many.
func (s *scan) add(e entry, info fs.FileInfo, around level) error {
	path := around.path + len(e.name)
	s.length += int64(len(e.append(nil)))
	s.size += e.size
	switch {
	case len(s.f.manifest.entries) >= s.limits.Entries:
		return fmt.Errorf("%w: more than %d entries", ErrLimit, s.limits.Entries)
	case s.length+1 > s.limits.Manifest:
		return fmt.Errorf("%w: its manifest has more than %d bytes", ErrLimit, s.limits.Manifest)
	case s.size+s.length < 0 || s.size+s.length > s.limits.Size-1:
		return fmt.Errorf("%w: more than %d bytes", ErrLimit, s.limits.Size)
	case around.depth >= s.limits.Depth || path > maxPath:
		return fmt.Errorf("%w: a path is too deep or too long: %s in it", ErrLimit, filexfer.Visible(e.name))
	}
	s.f.manifest.entries = append(s.f.manifest.entries, e)
	s.f.looks = append(s.f.looks, lookOf(info))
	s.stamp.add(e.name, e.kind, info)
	return nil
}

func (s *scan) skip(around level, name, reason string) {
	if len(s.f.Skipped) >= maxSkipped {
		return
	}
	path := name
	if around.index != top {
		path = s.f.manifest.path(around.index, s.f.manifest.name) + "/" + name
	}
	s.f.Skipped = append(s.f.Skipped, Skipped{Path: path, Reason: reason})
}
