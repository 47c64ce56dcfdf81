package filexfer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// names lists a folder, hidden files included.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := names(t, dir); !slices.Equal(got, append([]string{}, want...)) {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

func open(t *testing.T, target Target) *FileSink {
	t.Helper()
	s, err := NewFileSink(target)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", path, got, err, want)
	}
}

func TestFileSinkCommit(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Target{Dir: dir, Name: "photo.jpg", Size: 10, ID: "0123456789abcdef"})
	for _, half := range []string{"hello", "world"} {
		if n, err := s.Write([]byte(half)); n != 5 || err != nil {
			t.Fatal(n, err)
		}
	}
	wantNames(t, dir, ".passeur-0123456789abcdef.part")
	if info, err := os.Stat(filepath.Join(dir, ".passeur-0123456789abcdef.part")); err != nil || info.Mode() != 0o600 || info.Size() != 10 {
		t.Errorf("the temporary file is %v of %d bytes (%v)", info.Mode(), info.Size(), err)
	}
	if s.Path() != "" {
		t.Errorf("path %q before Commit", s.Path())
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, "photo.jpg")
	wantContent(t, filepath.Join(dir, "photo.jpg"), "helloworld")
	if s.Path() != filepath.Join(dir, "photo.jpg") {
		t.Errorf("path %q", s.Path())
	}
	want, err := os.OpenFile(filepath.Join(t.TempDir(), "new"), os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	if got := mode(t, s.Path()); got != mode(t, want.Name()) {
		t.Errorf("mode %v, a new file has %v", got, mode(t, want.Name()))
	}
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

func TestFileSinkAbort(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Target{Dir: dir, Name: "x", Size: 5})
	s.Write([]byte("hel"))
	if err := s.Abort(); err != nil {
		t.Error(err)
	}
	wantNames(t, dir)
}

func TestFileSinkCountsOn(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"a.tar.gz", "a (2).tar.gz", "a (3).tar.gz"} {
		s := open(t, Target{Dir: dir, Name: "a.tar.gz"})
		if err := s.Commit(); err != nil || filepath.Base(s.Path()) != want {
			t.Errorf("%q, want %q (%v)", s.Path(), want, err)
		}
	}
}

func TestFileSinkExact(t *testing.T) {
	dir := t.TempDir()
	late := open(t, Target{Dir: dir, Name: "x", Exact: true})
	put(t, filepath.Join(dir, "x"), "mine")
	if err := late.Commit(); !errors.Is(err, ErrExists) {
		t.Errorf("the name was taken meanwhile: %v", err)
	}
	late.Abort()
	if _, err := NewFileSink(Target{Dir: dir, Name: "x", Exact: true}); !errors.Is(err, ErrExists) {
		t.Errorf("the name was taken before: %v", err)
	}
	wantNames(t, dir, "x")
	wantContent(t, filepath.Join(dir, "x"), "mine")
}

// What stands at the target is never followed and never lost.
func TestFileSinkAtALink(t *testing.T) {
	for name, pointsTo := range map[string]string{"to a file": "victim", "dangling": "nowhere", "to the folder above": ".."} {
		t.Run(name, func(t *testing.T) {
			outside, dir := t.TempDir(), t.TempDir()
			put(t, filepath.Join(outside, "victim"), "precious")
			if err := os.Symlink(filepath.Join(outside, pointsTo), filepath.Join(dir, "x")); err != nil {
				t.Fatal(err)
			}
			s := open(t, Target{Dir: dir, Name: "x"})
			s.Write([]byte("evil"))
			if err := s.Commit(); err != nil {
				t.Fatal(err)
			}
			wantNames(t, dir, "x", "x (2)")
			wantNames(t, outside, "victim")
			wantContent(t, filepath.Join(outside, "victim"), "precious")
		})
	}
}

// The folder is swapped for a link while the file is written: the file stays
// where it was begun.
func TestFileSinkFolderSwapped(t *testing.T) {
	base := t.TempDir()
	dir, moved, elsewhere := filepath.Join(base, "dir"), filepath.Join(base, "moved"), t.TempDir()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := open(t, Target{Dir: dir, Name: "x"})
	if err := errors.Join(os.Rename(dir, moved), os.Symlink(elsewhere, dir)); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	wantNames(t, moved, "x")
	wantNames(t, elsewhere)
}

func TestFileSinkFolderVanished(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := open(t, Target{Dir: dir, Name: "x"})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(); !errors.Is(err, ErrNotWritable) {
		t.Errorf("committed into nothing: %v", err)
	}
	if err := s.Abort(); err != nil {
		t.Error(err)
	}
}

func TestFileSinkBadTargets(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "file"), "x")
	for name, target := range map[string]Target{
		"no folder":           {Dir: filepath.Join(dir, "nowhere"), Name: "x"},
		"folder is a file":    {Dir: filepath.Join(dir, "file"), Name: "x"},
		"name is a path":      {Dir: dir, Name: "a/b"},
		"name with backslash": {Dir: dir, Name: `a\b`},
		"name leads out":      {Dir: dir, Name: ".."},
		"no name":             {Dir: dir},
		"kernel's folder":     {Dir: "/proc", Name: "x"},
	} {
		if _, err := NewFileSink(target); !errors.Is(err, ErrNotWritable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantNames(t, dir, "file")
}

func TestFileSinkTooLargeForTheDisk(t *testing.T) {
	dir := t.TempDir()
	if _, err := NewFileSink(Target{Dir: dir, Name: "x", Size: 1 << 60}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("an exabyte: %v", err)
	}
	wantNames(t, dir)
}

// The way of systems without renameat2 keeps the same promises.
func TestRenameAnywhere(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	put(t, filepath.Join(dir, "from"), "new")
	put(t, filepath.Join(dir, "taken"), "old")
	if err := renameAnywhere(root, "from", "taken"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over an existing file: %v", err)
	}
	if err := renameAnywhere(root, "from", "to"); err != nil {
		t.Error(err)
	}
	if err := renameAnywhere(root, "from", "elsewhere"); err == nil {
		t.Error("renamed what is gone")
	}
	wantNames(t, dir, "taken", "to")
	wantContent(t, filepath.Join(dir, "taken"), "old")
	wantContent(t, filepath.Join(dir, "to"), "new")
}

func TestSweepParts(t *testing.T) {
	dir := t.TempDir()
	alive := open(t, Target{Dir: dir, Name: "x", ID: "00000000000000aa"})
	defer alive.Abort()
	for _, stay := range []string{".passeur-notahexnumber00.part", "passeur-0123456789abcdef.part", ".bashrc", "x.part"} {
		put(t, filepath.Join(dir, stay), "mine")
	}
	if err := os.Symlink("x.part", filepath.Join(dir, ".passeur-00000000000000bb.part")); err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	put(t, filepath.Join(dir, ".passeur-0123456789abcdef.part"), "dead")
	put(t, filepath.Join(dir, ".passeur-0123456789abcdef.part-mode"), "")

	if removed, err := SweepParts(dir, nil); removed != 2 || err != nil {
		t.Errorf("%d removed (%v), want 2", removed, err)
	}
	wantNames(t, dir, before...)
	if _, err := SweepParts(filepath.Join(dir, "nowhere"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

func TestFileSinkLongName(t *testing.T) {
	dir, name := t.TempDir(), SafeName(strings.Repeat("é", 300)+".jpg")
	for range 2 {
		if err := open(t, Target{Dir: dir, Name: name}).Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("%q", got)
	}
}
