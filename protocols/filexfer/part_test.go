package filexfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/sha3"
)

// wanted is a file of which a part may be there already.
const wantedContent = "helloworld"

func wantedTarget(dir string) Target {
	return Target{Dir: dir, Name: "x", Size: int64(len(wantedContent)), Sum: sumOf(wantedContent), ID: "0123456789abcdef"}
}

const wantedPart = ".passeur-0123456789abcdef.part"

// writeTo writes without the service, so that the sink hashes by itself.
func writeTo(t *testing.T, s *FileSink, content string) {
	t.Helper()
	if n, err := s.Write([]byte(content)); n != len(content) || err != nil {
		t.Fatal(n, err)
	}
}

func TestFileSinkContinues(t *testing.T) {
	dir := t.TempDir()
	target := wantedTarget(dir)
	for i, piece := range []string{"hel", "lo", "", "worl"} {
		s := open(t, target)
		if want := int64(len(wantedContent[:[]int{0, 3, 5, 5}[i]])); s.Have() != want || s.Size() != 10 {
			t.Fatalf("%d bytes there of %d, want %d of 10", s.Have(), s.Size(), want)
		}
		writeTo(t, s, piece)
		if err := s.Abort(); err != nil {
			t.Fatal(err)
		}
	}
	if got := PartSize(target); got != 9 {
		t.Errorf("%d bytes are there, want 9", got)
	}
	wantContent(t, filepath.Join(dir, wantedPart), wantedContent[:9])
	s := open(t, target)
	writeTo(t, s, "d")
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, "x")
	wantContent(t, s.Path(), wantedContent)
	if got := PartSize(target); got != 0 {
		t.Errorf("%d bytes are there after Commit", got)
	}
}

// What may lie there when a sink is opened, and what becomes of it.
func TestFileSinkJudgesWhatIsThere(t *testing.T) {
	for name, c := range map[string]struct {
		there string
		have  int64
		rest  string
		err   error // of Commit
	}{
		"the beginning":           {"hello", 5, "world", nil},
		"all of it":               {wantedContent, 10, "", nil},
		"nothing":                 {"", 0, wantedContent, nil},
		"other bytes":             {"HELLO", 5, "world", ErrBadSum},
		"all of it, other bytes":  {"HELLOworld", 0, wantedContent, nil},
		"more than there can be":  {wantedContent + "!", 0, wantedContent, nil},
		"the beginning, too few":  {"hello", 5, "worl", ErrBadSum},
		"the beginning, too many": {"hello", 5, "worlds", ErrBadSum},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, wantedPart), c.there)
			s := open(t, wantedTarget(dir))
			if s.Have() != c.have {
				t.Fatalf("%d bytes there, want %d", s.Have(), c.have)
			}
			writeTo(t, s, c.rest)
			err := s.Commit()
			if !errors.Is(err, c.err) {
				t.Fatalf("committed: %v, want %v", err, c.err)
			}
			if err == nil {
				wantNames(t, dir, "x")
				wantContent(t, s.Path(), wantedContent)
				return
			}
			if err := s.Abort(); err != nil {
				t.Error(err)
			}
			wantNames(t, dir)
		})
	}
}

// A file of no bytes has nothing to continue, and is right at once.
func TestFileSinkContinuesEmptyFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Target{Dir: dir, Name: "x", Sum: sumOf("")})
	if s.Have() != 0 || s.Size() != 0 {
		t.Errorf("%d of %d", s.Have(), s.Size())
	}
	if err := s.Commit(); err != nil {
		t.Error(err)
	}
	wantNames(t, dir, "x")
}

// Without a sum nothing can be continued: what a dead process left is emptied.
func TestFileSinkWithoutSumBeginsAnew(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, wantedPart), "hello")
	target := wantedTarget(dir)
	target.Sum = ""
	if got := PartSize(target); got != 0 {
		t.Errorf("%d bytes to continue", got)
	}
	s := open(t, target)
	if s.Have() != 0 {
		t.Errorf("%d bytes there", s.Have())
	}
	writeTo(t, s, "hel")
	if err := s.Abort(); err != nil {
		t.Error(err)
	}
	wantNames(t, dir)
}

func TestFileSinkInUse(t *testing.T) {
	for _, sum := range []string{sumOf(wantedContent), ""} {
		dir := t.TempDir()
		target := wantedTarget(dir)
		target.Sum = sum
		first := open(t, target)
		writeTo(t, first, "hello")
		if _, err := NewFileSink(target); !errors.Is(err, ErrInUse) {
			t.Errorf("a second sink: %v", err)
		}
		if err := RemovePart(target); !errors.Is(err, ErrInUse) {
			t.Errorf("removed: %v", err)
		}
		writeTo(t, first, "world")
		if err := first.Commit(); err != nil {
			t.Error(err)
		}
		wantContent(t, first.Path(), wantedContent)
	}
}

func TestRemovePart(t *testing.T) {
	dir := t.TempDir()
	target := wantedTarget(dir)
	s := open(t, target)
	writeTo(t, s, "hello")
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "x"), "another's")
	for range 2 {
		if err := RemovePart(target); err != nil {
			t.Error(err)
		}
		wantNames(t, dir, "x")
	}
	target.Dir = filepath.Join(dir, "nowhere")
	if err := RemovePart(target); err != nil {
		t.Errorf("no folder: %v", err)
	}
}

// What keeps a sink from being opened, or a file from getting its name, is no
// reason to lose what is there.
func TestFileSinkKeepsWhatIsThere(t *testing.T) {
	stopped := errors.New("stopped")
	for _, there := range []string{"hello", wantedContent} {
		dir := t.TempDir()
		put(t, filepath.Join(dir, wantedPart), there)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(stopped)
		if _, err := OpenFileSink(ctx, wantedTarget(dir)); err != stopped {
			t.Errorf("interrupted: %v", err)
		}
		put(t, filepath.Join(dir, "x"), "another's")
		target := wantedTarget(dir)
		target.Exact = true
		if _, err := NewFileSink(target); !errors.Is(err, ErrExists) {
			t.Errorf("the name is taken: %v", err)
		}
		wantContent(t, filepath.Join(dir, wantedPart), there)
	}
	dir := t.TempDir()
	target := wantedTarget(dir)
	target.Exact = true
	s := open(t, target)
	writeTo(t, s, wantedContent)
	put(t, filepath.Join(dir, "x"), "another's")
	if err := s.Commit(); !errors.Is(err, ErrExists) {
		t.Errorf("the name was taken meanwhile: %v", err)
	}
	if err := s.Abort(); err != nil {
		t.Error(err)
	}
	wantContent(t, filepath.Join(dir, wantedPart), wantedContent)
}

// A link in the place of the temporary file leads nowhere.
func TestFileSinkAtAPartThatIsALink(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "victim"), "hello")
	for _, pointsTo := range []string{"victim", "nowhere"} {
		if err := os.Symlink(pointsTo, filepath.Join(dir, wantedPart)); err != nil {
			t.Fatal(err)
		}
		if _, err := NewFileSink(wantedTarget(dir)); !errors.Is(err, ErrNotWritable) {
			t.Errorf("to %s: %v", pointsTo, err)
		}
		if got := PartSize(wantedTarget(dir)); got != 0 {
			t.Errorf("to %s: %d bytes are there", pointsTo, got)
		}
		wantNames(t, dir, wantedPart, "victim")
		if err := os.Remove(filepath.Join(dir, wantedPart)); err != nil {
			t.Fatal(err)
		}
	}
	wantContent(t, filepath.Join(dir, "victim"), "hello")
}

// A process that died in renameAnywhere leaves a finished file with both names.
// It is the user's, who may have changed it: no byte of it is touched.
func TestFileSinkAtAPartWithItsFinalName(t *testing.T) {
	for _, sum := range []string{sumOf(wantedContent), ""} {
		for _, content := range []string{wantedContent, "HELLOworld", "hello"} {
			dir := t.TempDir()
			put(t, filepath.Join(dir, "x"), content)
			if err := os.Link(filepath.Join(dir, "x"), filepath.Join(dir, wantedPart)); err != nil {
				t.Fatal(err)
			}
			target := wantedTarget(dir)
			target.Sum = sum
			s := open(t, target)
			if s.Have() != 0 {
				t.Errorf("%d bytes there", s.Have())
			}
			writeTo(t, s, wantedContent)
			if err := s.Commit(); err != nil {
				t.Error(err)
			}
			wantNames(t, dir, "x", "x (2)")
			wantContent(t, filepath.Join(dir, "x"), content)
			wantContent(t, filepath.Join(dir, "x (2)"), wantedContent)
		}
	}
}

func TestFileSinkBadPartTargets(t *testing.T) {
	dir := t.TempDir()
	for name, change := range map[string]func(t *Target){
		"no sum":      func(t *Target) { t.Sum = strings.ToUpper(t.Sum) },
		"no id":       func(t *Target) { t.ID = "../../../../escap" },
		"no size":     func(t *Target) { t.Size = -1 },
		"no such sum": func(t *Target) { t.Sum = "abc" },
	} {
		target := wantedTarget(dir)
		change(&target)
		if _, err := NewFileSink(target); !errors.Is(err, ErrNotWritable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantNames(t, dir)
}

func TestSweepPartsKeeps(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"00000000000000aa", "00000000000000bb"} {
		put(t, filepath.Join(dir, ".passeur-"+id+".part"), "hello")
		put(t, filepath.Join(dir, ".passeur-"+id+".part-mode"), "")
	}
	keep := func(id string) bool { return id == "00000000000000aa" }
	if removed, err := SweepParts(dir, keep); removed != 3 || err != nil {
		t.Errorf("%d removed (%v), want 3", removed, err)
	}
	wantNames(t, dir, ".passeur-00000000000000aa.part")
}

// asWriter names the folder that the test, started again as a process of its
// own, writes half a file to.
const asWriter = "FILEXFER_TEST_WRITER"

// A process that dies in the middle, by SIGKILL, leaves what it has written; it
// is continued, and until it died nobody else could.
func TestKilledWriterIsContinued(t *testing.T) {
	if dir := os.Getenv(asWriter); dir != "" {
		writeTo(t, open(t, wantedTarget(dir)), "hello")
		fmt.Println("written")
		os.Stdin.Read(make([]byte, 1)) // until the end
		return
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, wantedPart+"-mode"), "") // of one that died earlier
	writer := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	writer.Env = append(os.Environ(), asWriter+"="+dir)
	stdin, err := writer.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan() && lines.Text() != "written"; {
	}
	if _, err := NewFileSink(wantedTarget(dir)); !errors.Is(err, ErrInUse) {
		t.Errorf("beside the other process: %v", err)
	}
	if removed, err := SweepParts(dir, nil); removed != 0 || err != nil {
		t.Errorf("%d swept (%v)", removed, err)
	}
	if err := writer.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	writer.Wait() // says that it was killed

	wantNames(t, dir, wantedPart)
	s := open(t, wantedTarget(dir))
	if s.Have() != 5 {
		t.Errorf("%d bytes there, want 5", s.Have())
	}
	writeTo(t, s, "world")
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, "x")
	wantContent(t, s.Path(), wantedContent)
}

// countedSum counts what is hashed.
type countedSum struct {
	hash.Hash
	n int64
}

func newCountedSum() *countedSum { return &countedSum{Hash: sha3.New512()} }

func (c *countedSum) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.Hash.Write(p)
}
