package holdings

import (
	"context"
	"crypto/sha3"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const text = "the announced bytes"

var talk = conversation.ID{7}

// shelf is a Book over a real store, and a folder for files.
type shelf struct {
	*Book
	t   *testing.T
	dir string
	db  string

	mu   sync.Mutex
	read int // files, from their beginning
}

// newShelf's clock is an hour ahead: what was written just now is old. late false
// leaves it right.
func newShelf(t *testing.T, late bool) *shelf {
	s := &shelf{t: t, dir: t.TempDir(), db: filepath.Join(t.TempDir(), "node.db")}
	s.open()
	if late {
		s.now = func() time.Time { return time.Now().Add(time.Hour) }
	}
	return s
}

func (s *shelf) open() {
	s.t.Helper()
	rows, err := store.Open(s.db)
	check(s.t, err)
	s.Book, err = Open(rows, Config{})
	check(s.t, err)
	s.progress = func(int64) { s.mu.Lock(); s.read++; s.mu.Unlock() } // small files are read at once
	book := s.Book
	s.t.Cleanup(func() { book.Close(); rows.Close() })
}

func (s *shelf) timesRead() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read
}

// write makes a file and says that it is held for an entry.
func (s *shelf) write(entry byte, name, content string) (path string) {
	s.t.Helper()
	path = filepath.Join(s.dir, name)
	check(s.t, os.WriteFile(path, []byte(content), 0o600))
	s.put(entry, path, content)
	return path
}

func (s *shelf) put(entry byte, path, content string) {
	s.t.Helper()
	check(s.t, s.Put(s.t.Context(), heldAt(entry, path, content), nil))
}

func heldAt(entry byte, path, content string) Held {
	return Held{Conversation: talk, Entry: conversation.ID{entry}, Path: path, Size: int64(len(content)), Sum: sumOf(content)}
}

func sumOf(content string) string {
	sum := sha3.Sum512([]byte(content))
	return hex.EncodeToString(sum[:])
}

func (s *shelf) file(entry byte) (filexfer.File, error) {
	return s.File(s.t.Context(), talk, conversation.ID{entry})
}

func (s *shelf) state(entry byte) State {
	s.t.Helper()
	h, err := s.Get(talk, conversation.ID{entry})
	check(s.t, err)
	return h.State
}

// wantServed wants the bytes, after that many readings of all.
func (s *shelf) wantServed(entry byte, content string, readings int) {
	s.t.Helper()
	f, err := s.file(entry)
	check(s.t, err)
	if f.Size != int64(len(content)) || f.Sum != sumOf(content) {
		s.t.Errorf("%+v", f)
	}
	if got, err := contentOf(f); err != nil || got != content {
		s.t.Errorf("the file has %q, %v", got, err)
	}
	if n := s.timesRead(); n != readings {
		s.t.Errorf("%d readings, want %d", n, readings)
	}
	if state := s.state(entry); state != Here {
		s.t.Errorf("the state is %s", state)
	}
}

// wantRefused wants no file, for a reason, after that many readings of all.
func (s *shelf) wantRefused(entry byte, reason error, state State, readings int) {
	s.t.Helper()
	if f, err := s.file(entry); !errors.Is(err, reason) || f.Open != nil {
		s.t.Errorf("%+v, %v; want %v", f, err, reason)
	}
	if n := s.timesRead(); n != readings {
		s.t.Errorf("%d readings, want %d", n, readings)
	}
	if got := s.state(entry); got != state {
		s.t.Errorf("the state is %s, want %s", got, state)
	}
}

func contentOf(f filexfer.File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	return string(raw), err
}

func check(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestAFileIsGivenOutWithoutBeingRead(t *testing.T) {
	s := newShelf(t, true)
	path := s.write(1, "a", text)
	s.wantServed(1, text, 0)
	check(t, s.Close())
	s.open()
	s.wantServed(1, text, 0)
	list, err := s.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Path != path || list[0].State != Here || list[0].Since.IsZero() {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestAnEntryWithoutAFile(t *testing.T) {
	s := newShelf(t, true)
	if _, err := s.file(1); !errors.Is(err, ErrNotHeld) {
		t.Errorf("File = %v", err)
	}
	if _, err := s.Get(talk, conversation.ID{1}); !errors.Is(err, ErrNotHeld) {
		t.Errorf("Get = %v", err)
	}
	check(t, s.Forget(talk))
	if list, err := s.List(t.Context()); len(list) != 0 || err != nil {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestAFileOfNoBytes(t *testing.T) {
	s := newShelf(t, true)
	path := s.write(1, "a", "")
	s.wantServed(1, "", 0)
	touch(t, path)
	s.wantServed(1, "", 0) // nothing is there to be read
}

func touch(t *testing.T, path string) {
	t.Helper()
	when := time.Now().Add(-24 * time.Hour)
	check(t, os.Chtimes(path, when, when))
}

// What becomes of a held file, by what its user does. The file is asked for twice:
// more than one reading is none too few.
func TestWhatUsersDo(t *testing.T) {
	for name, c := range map[string]struct {
		do       func(path string) error
		look     State // before anybody asks for it
		err      error // nil: served
		state    State // afterwards
		readings int
	}{
		"touched":         {func(p string) error { return os.Chtimes(p, time.Now(), time.Unix(1, 0)) }, Unchecked, nil, Here, 1},
		"other bytes":     {func(p string) error { return rewrite(p, "THE ANNOUNCED BYTES") }, Unchecked, ErrChanged, Changed, 1},
		"longer":          {func(p string) error { return rewrite(p, text+"!") }, Changed, ErrChanged, Changed, 0},
		"shorter":         {func(p string) error { return os.Truncate(p, 3) }, Changed, ErrChanged, Changed, 0},
		"emptied":         {func(p string) error { return os.Truncate(p, 0) }, Changed, ErrChanged, Changed, 0},
		"removed":         {os.Remove, Gone, ErrGone, Gone, 0},
		"moved":           {func(p string) error { return os.Rename(p, p+"2") }, Gone, ErrGone, Gone, 0},
		"a folder":        {func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, Gone, ErrGone, Gone, 0},
		"its folder gone": {func(p string) error { return os.RemoveAll(filepath.Dir(p)) }, Gone, ErrGone, Gone, 0},
		"its folder a file": {func(p string) error {
			return errors.Join(os.RemoveAll(filepath.Dir(p)), os.WriteFile(filepath.Dir(p), nil, 0o600))
		}, Gone, ErrGone, Gone, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, true)
			check(t, os.Mkdir(filepath.Join(s.dir, "sub"), 0o700))
			path := s.write(1, filepath.Join("sub", "a"), text)
			check(t, c.do(path))
			if state := s.state(1); state != c.look {
				t.Errorf("a look tells %s, want %s", state, c.look)
			}
			for range 2 {
				if c.err == nil {
					s.wantServed(1, text, c.readings)
				} else {
					s.wantRefused(1, c.err, c.state, c.readings)
				}
			}
		})
	}
}

// rewrite puts other bytes into the file, with another time of modification.
func rewrite(path, content string) error {
	old := time.Unix(1e9, 0)
	return errors.Join(os.WriteFile(path, []byte(content), 0o600), os.Chtimes(path, old, old))
}

func TestWhatWasGoneOrChangedIsHeldAgain(t *testing.T) {
	s := newShelf(t, true)
	path := s.write(1, "a", text)
	check(t, os.Remove(path))
	s.wantRefused(1, ErrGone, Gone, 0)
	check(t, rewrite(path, strings.ToUpper(text)))
	s.wantRefused(1, ErrChanged, Changed, 1)
	check(t, os.Remove(path), os.WriteFile(path, []byte(text), 0o600))
	touch(t, path)
	s.wantServed(1, text, 2)
	s.wantServed(1, text, 2)
}

func TestTwoEntriesOfOneFile(t *testing.T) {
	s := newShelf(t, true)
	path := s.write(1, "a", text)
	s.put(2, path, text)
	s.wantServed(1, text, 0)
	s.wantServed(2, text, 0)
	other := strings.ToUpper(text)
	check(t, rewrite(path, other))
	s.put(2, path, other) // the second entry's file was got over the first
	s.wantServed(2, other, 0)
	s.wantRefused(1, ErrChanged, Changed, 1)
	s.wantServed(2, other, 1)
}

func TestTheNewestPlaceCounts(t *testing.T) {
	s := newShelf(t, true)
	first := s.write(1, "a", text)
	second := s.write(1, "b", text)
	check(t, os.Remove(first))
	s.wantServed(1, text, 0)
	check(t, os.Remove(second), os.WriteFile(first, []byte(text), 0o600))
	s.wantRefused(1, ErrGone, Gone, 0)
}

func TestPutLooksAtTheFile(t *testing.T) {
	s := newShelf(t, true)
	h := heldAt(1, filepath.Join(s.dir, "a"), text)
	if err := s.Put(t.Context(), h, nil); !errors.Is(err, ErrGone) {
		t.Errorf("no file: %v", err)
	}
	check(t, os.WriteFile(h.Path, []byte("short"), 0o600))
	if err := s.Put(t.Context(), h, nil); !errors.Is(err, ErrChanged) {
		t.Errorf("another size: %v", err)
	}
	h.Size, h.Sum = 5, "no sum"
	if err := s.Put(t.Context(), h, nil); err == nil {
		t.Error("a sum that is none was stored")
	}
	if _, err := s.Get(talk, h.Entry); !errors.Is(err, ErrNotHeld) {
		t.Errorf("what failed was stored: %v", err)
	}
}

func TestPathsAreMadeAbsolute(t *testing.T) {
	s := newShelf(t, true)
	path := s.write(1, "a", text)
	t.Chdir(s.dir)
	s.put(1, "a", text)
	t.Chdir(t.TempDir())
	if h, err := s.Get(talk, conversation.ID{1}); err != nil || h.State != Here || filepath.Base(h.Path) != "a" {
		t.Errorf("%+v, %v; want %s", h, err, path)
	}
}

// The clock of a file system ticks, and what happens within a tick looks alike.
func TestAFileThatWasJustWrittenIsReadOnce(t *testing.T) {
	s := newShelf(t, false)
	path := s.write(1, "a", text)
	info, err := os.Stat(path)
	check(t, err, os.WriteFile(path, []byte(strings.ToUpper(text)), 0o600), os.Chtimes(path, info.ModTime(), info.ModTime()))
	if _, err := s.file(1); !errors.Is(err, ErrChanged) {
		t.Errorf("other bytes in the same tick: %v", err)
	}
	good := s.write(2, "b", text)
	if s.state(2) != Here {
		t.Errorf("%s is %s", good, s.state(2))
	}
	s.now = func() time.Time { return time.Now().Add(time.Minute) }
	for range 3 {
		s.wantServed(2, text, 2)
	}
}

// A source that takes minutes to be hashed may be replaced meanwhile.
func TestAFileThatWasTouchedSinceItsReadingBeganIsReadAgain(t *testing.T) {
	s := newShelf(t, true)
	path := filepath.Join(s.dir, "a")
	check(t, os.WriteFile(path, []byte(strings.ToUpper(text)), 0o600)) // not what was read
	h := heldAt(1, path, text)
	h.Since = time.Now().Add(-10 * time.Minute)
	check(t, s.Put(t.Context(), h, nil))
	s.wantRefused(1, ErrChanged, Changed, 1)
}

// A clock that was wrong does not have files read again and again.
func TestAFileFromTheFutureIsReadNoOftenerThanOthers(t *testing.T) {
	s := newShelf(t, false)
	s.now = func() time.Time { return time.Now().Add(-24 * time.Hour) }
	s.write(1, "a", text)
	s.wantServed(1, text, 0)
}

func TestAFileThatIsTouchedBeforeItIsOpened(t *testing.T) {
	s := newShelf(t, true)
	path := s.write(1, "a", text)
	f, err := s.file(1)
	check(t, err)
	touch(t, path)
	if _, err := contentOf(f); err == nil {
		t.Error("it opens")
	}
	if _, err := filexfer.SumFile(t.Context(), f, nil); !errors.Is(err, filexfer.ErrSource) {
		t.Errorf("%v, want ErrSource", err)
	}
	s.wantServed(1, text, 1)
}

func TestAPartOfAFile(t *testing.T) {
	s := newShelf(t, true)
	s.write(1, "a", text)
	f, err := s.file(1)
	check(t, err)
	part, err := f.Range(4, int64(len(text)))
	check(t, err)
	if got, err := contentOf(part); err != nil || got != text[4:] {
		t.Errorf("%q, %v", got, err)
	}
}

func TestWhatIsForgottenStays(t *testing.T) {
	s := newShelf(t, true)
	s.write(1, "a", text)
	s.write(2, "b", text)
	check(t, s.Forget(talk))
	if list, err := s.List(t.Context()); len(list) != 0 || err != nil {
		t.Errorf("%+v, %v", list, err)
	}
	for _, name := range []string{"a", "b"} {
		if raw, err := os.ReadFile(filepath.Join(s.dir, name)); err != nil || string(raw) != text {
			t.Errorf("%s: %q, %v", name, raw, err)
		}
	}
}

func TestForgettingOneConversationKeepsTheOthers(t *testing.T) {
	s := newShelf(t, true)
	path := s.write(1, "a", text)
	other := heldAt(1, path, text)
	other.Conversation = conversation.ID{8}
	check(t, s.Put(t.Context(), other, nil), s.Forget(other.Conversation))
	s.wantServed(1, text, 0)
}

func TestListStopsWithItsContext(t *testing.T) {
	s := newShelf(t, true)
	s.write(1, "a", text)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.List(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestOpenNeedsAStore(t *testing.T) {
	if _, err := Open(nil, Config{}); err == nil {
		t.Error("a Book without a store")
	}
}

func TestManyUseOneBook(t *testing.T) {
	s := newShelf(t, false)
	var wg sync.WaitGroup
	var paths [6]string
	for n := range paths {
		paths[n] = s.write(byte(n)+1, fmt.Sprint(n), text)
	}
	for i, path := range paths {
		n := byte(i)
		wg.Go(func() {
			for i := range 10 {
				when := time.Unix(int64(1e9+i), 0)
				err := os.Chtimes(path, when, when)
				_, err2 := s.file(n + 1)
				_, err3 := s.file(1 + (n+1)%6) // a neighbour's, who may touch it just now
				if errors.Is(err3, ErrChanged) {
					err3 = nil
				}
				_, err4 := s.List(t.Context())
				if err := errors.Join(err, err2, err3, err4, s.Put(t.Context(), heldAt(n+1, path, text), nil)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	list, err := s.List(t.Context())
	if err != nil || len(list) != 6 || slices.ContainsFunc(list, func(h Held) bool { return h.State != Here }) {
		t.Errorf("%+v, %v", list, err)
	}
}
