package filexfer

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The clock of the bubble: each wait ends exactly when it should.
func TestTimeouts(t *testing.T) {
	after := func(t *testing.T, start time.Time, want time.Duration) {
		t.Helper()
		if got := time.Since(start); got != want {
			t.Errorf("ended after %v, want %v", got, want)
		}
	}
	t.Run("nobody decides, sender's side", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			s, seen := sending(t, text("x", "hello"))
			read(t, s, offer5)
			wantCode(t, s, codeTimeout)
			after(t, start, 10*time.Minute)
			wantEnd(t, "sender", seen.awaitEnd(t), TimeoutExpired, ErrTimeout)
		})
	})
	t.Run("nobody decides, receiver's side", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			s, seen := receiving(t, Config{Accept: undecided(make(chan Offer, 1))})
			write(t, s, offer5)
			wantCode(t, s, codeTimeout)
			after(t, start, 10*time.Minute)
			wantEnd(t, "receiver", seen.awaitEnd(t), TimeoutExpired, ErrTimeout)
		})
	})
	t.Run("nobody decides, both", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPlay(t)
			undecidedStage.reach(t, p)
			start := time.Now()
			<-p.result
			after(t, start, 10*time.Minute)
			wantEnd(t, "sender", p.sent.awaitEnd(t), TimeoutExpired, ErrTimeout)
			wantEnd(t, "receiver", p.received.awaitEnd(t), TimeoutExpired, ErrTimeout)
		})
	})
	t.Run("slow header", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			s, seen := receiving(t, Config{})
			var dripping sync.WaitGroup
			defer dripping.Wait()
			dripping.Go(func() {
				for _, err := s.Write([]byte("X")); err == nil; _, err = s.Write([]byte("X")) {
					pass(time.Second)
				}
			})
			wantCode(t, s, codeStalled)
			after(t, start, 30*time.Second)
			if len(seen.states()) != 0 {
				t.Errorf("the user saw it: %v", seen.states())
			}
		})
	})
	t.Run("sender stalls", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sink := &memorySink{}
			s, seen := receiving(t, Config{Accept: into(sink)})
			write(t, s, offer5)
			read(t, s, "GO\n")
			var start time.Time
			for _, b := range []string{"h", "e", "l"} { // a byte a minute is slow, not stalled
				pass(time.Minute)
				write(t, s, b)
				start = time.Now()
			}
			wantCode(t, s, codeStalled)
			after(t, start, 2*time.Minute)
			wantEnd(t, "receiver", seen.awaitEnd(t), ClosedByPeer, ErrStalled)
			if _, committed, aborted := sink.kept(); committed != 0 || aborted != 1 {
				t.Errorf("committed %d times, aborted %d times", committed, aborted)
			}
		})
	})
	t.Run("receiver stalls", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, seen := sending(t, text("x", strings.Repeat("x", 1<<20)))
			header := make([]byte, 4096)
			if _, err := s.Read(header); err != nil {
				t.Fatal(err)
			}
			write(t, s, "GO\n")
			start := time.Now()
			end := seen.awaitEnd(t)
			after(t, start, 2*time.Minute)
			wantEnd(t, "sender", end, ClosedByPeer, ErrStalled)
			if end.Bytes >= end.Size {
				t.Error("everything was sent")
			}
		})
	})
	t.Run("no verdict", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, seen := sending(t, text("x", "hello"))
			read(t, s, offer5)
			write(t, s, "GO\n")
			read(t, s, "hello"+trailerOf("hello"))
			start := time.Now()
			wantEnd(t, "sender", seen.awaitEnd(t), ClosedByPeer, ErrStalled)
			after(t, start, 10*time.Minute)
		})
	})
	t.Run("a disk that takes nine minutes to flush", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			left, right := connect(t)
			sender, _ := mount(t, left, Config{})
			mount(t, right, Config{Accept: into(&memorySink{commit: func() error { pass(9 * time.Minute); return nil }})})
			if _, err := sender.Send(t.Context(), "right", text("x", "hello")); err != nil {
				t.Error(err)
			}
		})
	})
}

// Progress comes at most every 100 ms, however the bytes come.
func TestProgressIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, seen := receiving(t, Config{Accept: into(&memorySink{})})
		content := strings.Repeat("x", 1000)
		write(t, s, "Content-Length: 1000\n\n")
		read(t, s, "GO\n")
		start := time.Now()
		for i := range len(content) { // a byte every 5 ms: 5 s
			write(t, s, content[i:i+1])
			pass(5 * time.Millisecond)
		}
		seen.awaitEnd(t)
		seen.mu.Lock()
		defer seen.mu.Unlock()
		if reports, atMost := len(seen.views), int(time.Since(start)/quiet)+5; reports > atMost || reports < atMost/2 {
			t.Errorf("%d reports, want about %d", reports, atMost)
		}
		for i, v := range seen.views[1:] {
			if v.Bytes < seen.views[i].Bytes {
				t.Errorf("bytes went back from %d to %d", seen.views[i].Bytes, v.Bytes)
			}
		}
	})
}
