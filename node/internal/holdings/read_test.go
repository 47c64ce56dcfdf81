package holdings

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// barrier makes a Book's readings wait in their middle.
type barrier struct {
	reached chan struct{} // a value for each reading that waits
	pass    chan struct{} // closed to let all go on
}

func (s *shelf) bar() barrier {
	b := barrier{make(chan struct{}, 100), make(chan struct{})}
	count := s.progress
	s.progress = func(n int64) {
		count(n)
		b.reached <- struct{}{}
		<-b.pass
	}
	return b
}

// asked is what came of many askers.
type asked struct {
	sync.WaitGroup
	mu   sync.Mutex
	errs []error
}

func (a *asked) ask(ctx context.Context, s *shelf, entry byte) {
	a.Go(func() {
		_, err := s.File(ctx, talk, conversation.ID{entry})
		a.mu.Lock()
		defer a.mu.Unlock()
		a.errs = append(a.errs, err)
	})
}

func (a *asked) count(want error) (n int) {
	for _, err := range a.errs {
		if errors.Is(err, want) {
			n++
		}
	}
	return n
}

func TestManyAskersShareOneReading(t *testing.T) {
	for name, content := range map[string]string{"same": text, "changed": strings.ToUpper(text)} {
		t.Run(name, func(t *testing.T) {
			var want error
			if content != text {
				want = ErrChanged
			}
			synctest.Test(t, func(t *testing.T) {
				s := newShelf(t, true)
				check(t, rewrite(s.write(1, "a", text), content))
				b := s.bar()
				ctx, leave := context.WithCancel(t.Context())
				var staying, leaving asked
				for range 100 {
					staying.ask(t.Context(), s, 1)
				}
				for range 10 {
					leaving.ask(ctx, s, 1)
				}
				synctest.Wait() // all wait
				leave()
				leaving.Wait()
				if n := leaving.count(context.Canceled); n != 10 {
					t.Errorf("%d of 10 got away: %v", n, leaving.errs)
				}
				close(b.pass)
				staying.Wait()
				if n := staying.count(want); n != 100 {
					t.Errorf("%d of 100 got %v: %v", n, want, staying.errs[0])
				}
				if n := s.timesRead(); n != 1 {
					t.Errorf("%d readings", n)
				}
			})
		})
	}
}

// A file that takes longer than anybody's patience is read once all the same.
func TestAReadingGoesOnWhenNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, true)
		touch(t, s.write(1, "a", text))
		b := s.bar()
		ctx, leave := context.WithCancel(t.Context())
		var a asked
		a.ask(ctx, s, 1)
		<-b.reached
		leave()
		a.Wait()
		close(b.pass)
		s.wantServed(1, text, 1)
	})
}

func TestFewFilesAreReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, true)
		const files = 6
		var a asked
		for n := range byte(files) {
			touch(t, s.write(n+1, string(rune('a'+n)), text))
		}
		b := s.bar()
		for n := range byte(files) {
			a.ask(t.Context(), s, n+1)
		}
		synctest.Wait()
		if n := len(b.reached); n != maxReading {
			t.Errorf("%d are read at once", n)
		}
		close(b.pass)
		a.Wait()
		if n := a.count(nil); n != files || s.timesRead() != files {
			t.Errorf("%d answers, %d readings: %v", n, s.timesRead(), a.errs)
		}
	})
}

// While it is read the file changes, is removed, or is put elsewhere.
func TestWhatHappensDuringAReading(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(s *shelf, path string) error
		want error
		then State
	}{
		"touched":   {func(_ *shelf, p string) error { return os.Chtimes(p, time.Unix(9, 0), time.Unix(9, 0)) }, ErrChanged, Unchecked},
		"written":   {func(_ *shelf, p string) error { return os.WriteFile(p, []byte(strings.ToUpper(text)), 0o600) }, ErrChanged, Unchecked},
		"truncated": {func(_ *shelf, p string) error { return os.Truncate(p, 2) }, ErrChanged, Changed},
		"removed":   {func(_ *shelf, p string) error { return os.Remove(p) }, ErrGone, Gone},
		"forgotten": {func(s *shelf, _ string) error { return s.Forget(talk) }, ErrNotHeld, ""},
		"put elsewhere": {func(s *shelf, p string) error {
			return errors.Join(os.WriteFile(p+"2", []byte(text), 0o600), s.Put(context.Background(), heldAt(1, p+"2", text), nil))
		}, nil, Here},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, true)
			path := s.write(1, "a", text)
			touch(t, path)
			b := s.bar()
			var a asked
			a.ask(t.Context(), s, 1)
			<-b.reached
			check(t, c.do(s, path))
			close(b.pass)
			a.Wait()
			if !errors.Is(a.errs[0], c.want) {
				t.Errorf("%v, want %v", a.errs[0], c.want)
			}
			if h, err := s.Get(talk, conversation.ID{1}); h.State != c.then || (err != nil) != (c.then == "") {
				t.Errorf("then the state is %q, %v; want %q", h.State, err, c.then)
			}
		})
	}
}

// Who asks about the file as it is now does not get the answer about what it was.
func TestAFileThatChangesWhileOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, true)
		path := s.write(1, "a", text)
		check(t, rewrite(path, strings.ToUpper(text)))
		b := s.bar()
		var before, after asked
		before.ask(t.Context(), s, 1)
		<-b.reached
		check(t, os.WriteFile(path, []byte(text), 0o600))
		for range 20 {
			after.ask(t.Context(), s, 1)
		}
		synctest.Wait()
		if n := len(b.reached); n != 0 {
			t.Errorf("%d more readings of one file at once", n)
		}
		close(b.pass)
		before.Wait()
		after.Wait()
		if before.count(ErrChanged) != 1 || after.count(nil) != 20 || s.timesRead() != 2 {
			t.Errorf("%v; %v; %d readings", before.errs, after.errs, s.timesRead())
		}
	})
}

func TestCloseEndsReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, true)
		const files = 4
		var a asked
		for n := range byte(files) {
			touch(t, s.write(n+1, string(rune('a'+n)), text))
		}
		s.progress = func(int64) { <-s.Book.readings.ctx.Done() }
		for n := range byte(files) {
			a.ask(t.Context(), s, n+1)
		}
		synctest.Wait()
		check(t, s.Close(), s.Close())
		a.Wait()
		if closed := a.count(ErrClosed); closed < files-maxReading || closed+a.count(nil) != files {
			t.Errorf("%v", a.errs) // who was near its end may have come to it
		}
		touch(t, filepath.Join(s.dir, "a"))
		if _, err := s.file(1); !errors.Is(err, ErrClosed) {
			t.Errorf("afterwards: %v", err)
		}
	})
}
