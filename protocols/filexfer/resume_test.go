package filexfer

import (
	"context"
	"errors"
	"hash"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
)

// intoFile is an Accept that continues a file; sum is what it hashes with.
func intoFile(target Target, sum hash.Hash) func(context.Context, Offer) (Sink, error) {
	return func(ctx context.Context, o Offer) (Sink, error) { return openFileSink(ctx, target, sum) }
}

// seekable is a File of these bytes that can be read from its middle.
func seekable(content string) File {
	f := text("x", content)
	f.Open = func() (io.ReadCloser, error) {
		return struct {
			io.ReadSeeker
			io.Closer
		}{strings.NewReader(content), io.NopCloser(nil)}, nil
	}
	return f
}

func rangeOf(t *testing.T, f File, start, end int64) File {
	t.Helper()
	part, err := f.Range(start, end)
	if err != nil {
		t.Fatal(err)
	}
	return part
}

// Cut in the middle, by whatever cause, and continued over another connection:
// each byte is sent once, and hashed once a connection.
func TestInterruptedTransferContinues(t *testing.T) {
	for name, interrupt := range map[string]func(*testing.T, *play){
		"connection breaks": func(t *testing.T, p *play) { p.right.cut() },
		"sender cancels":    func(t *testing.T, p *play) { p.cancel() },
		"receiver cancels":  func(t *testing.T, p *play) { p.cancelReceived(t) },
		"sender closes":     func(t *testing.T, p *play) { p.sender.Close() },
		"receiver closes":   func(t *testing.T, p *play) { p.receiver.Close() },
		"source breaks":     func(t *testing.T, p *play) { p.more.CloseWithError(errors.New("disk")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				p := newPlay(t)
				sum := newCountedSum()
				p.accept = intoFile(wantedTarget(dir), sum)
				p.start(t)
				settle()
				interrupt(t, p)
				<-p.result
				if end := p.received.awaitEnd(t); end.State == Finished || end.Bytes != 5 || end.Path != "" {
					t.Errorf("%+v", end)
				}
				wantNames(t, dir, wantedPart)
				if got := PartSize(wantedTarget(dir)); got != 5 || sum.n != 5 {
					t.Errorf("%d bytes are there, %d were hashed", got, sum.n)
				}
			})
			synctest.Test(t, func(t *testing.T) { continueWanted(t, dir) })
		})
	}
}

// continueWanted sends the second half of "helloworld".
func continueWanted(t *testing.T, dir string) {
	left, right := connect(t)
	sender, _ := mount(t, left, Config{})
	sum := newCountedSum()
	receiver, received := mount(t, right, Config{Ranges: true, Accept: intoFile(wantedTarget(dir), sum)})
	receiver.newSum = func() hash.Hash { t.Error("hashed beside the sink"); return newCountedSum() }
	sender.newSum = func() hash.Hash { t.Error("hashed by the sender"); return newCountedSum() }

	f := seekable(wantedContent)
	f.Sum = sumOf(wantedContent)
	view, err := sender.Send(t.Context(), "right", rangeOf(t, f, 5, 10))
	if err != nil || view.Offset != 5 || view.Bytes != 5 || view.Size != 5 || view.Sum != "" {
		t.Errorf("sender: %+v (%v)", view, err)
	}
	end := received.awaitEnd(t)
	wantEnd(t, "receiver", end, Finished, nil)
	if end.Offset != 5 || end.Bytes != 5 || end.Size != 5 || end.Sum != sumOf(wantedContent) || sum.n != 10 {
		t.Errorf("receiver: %+v, hashed %d bytes", end, sum.n)
	}
	wantNames(t, dir, "x")
	wantContent(t, end.Path, wantedContent)
}

// Also from its beginning a file is held against the sum that is wanted, and
// hashed once.
func TestWantedFromItsBeginning(t *testing.T) {
	for name, c := range map[string]struct {
		content   string
		announced string
		want      error
	}{
		"right, the sum follows":             {wantedContent, "", nil},
		"right, the sum is announced":        {wantedContent, sumOf(wantedContent), nil},
		"another file, its sum is announced": {"HELLOworld", sumOf("HELLOworld"), ErrBadSum},
		"another file, its sum follows":      {"HELLOworld", "", ErrBadSum},
		"another file, announced as right":   {"HELLOworld", sumOf(wantedContent), ErrBadSum},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				left, right := connect(t)
				sender, _ := mount(t, left, Config{})
				sum := newCountedSum()
				_, received := mount(t, right, Config{Accept: intoFile(wantedTarget(dir), sum)})
				f := text("x", c.content)
				f.Sum = c.announced
				view, _ := sender.Send(t.Context(), "right", f)
				if sum.n != 10 {
					t.Errorf("%d bytes were hashed", sum.n)
				}
				if c.want == nil {
					wantEnd(t, "receiver", received.awaitEnd(t), Finished, nil)
					wantNames(t, dir, "x")
					return
				}
				wantEnd(t, "sender", view, ClosedByPeer, c.want)
				wantEnd(t, "receiver", received.awaitEnd(t), ClosedByHost, c.want)
				wantNames(t, dir)
			})
		})
	}
}

// A sender may lie about the sum; the right bytes are not lost for it.
func TestLyingTrailerKeepsRightBytes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, seen := receiving(t, Config{Accept: intoFile(wantedTarget(dir), newCountedSum())})
		write(t, s, strings.Replace(offer5, "5", "10", 1))
		read(t, s, "GO\n")
		write(t, s, wantedContent+trailerOf("something else"))
		read(t, s, "BAD sum\n")
		wantEnd(t, "receiver", seen.awaitEnd(t), ClosedByHost, ErrBadSum)
	})
	s := open(t, wantedTarget(dir))
	if s.Have() != s.Size() {
		t.Errorf("%d bytes there", s.Have())
	}
	if err := s.Commit(); err != nil {
		t.Error(err)
	}
}

// Jami's testTooLarge: 1000 wrong bytes are there, the rest comes, the size is
// right and the sum wrong. Nothing is at the target, and nothing is continued
// for ever.
func TestTooLarge(t *testing.T) {
	content := strings.Repeat("A", 64000)
	dir := t.TempDir()
	target := Target{Dir: dir, Name: "x", Size: 64000, Sum: sumOf(content), ID: "0123456789abcdef"}
	put(t, filepath.Join(dir, wantedPart), strings.Repeat("B", 1000))
	for _, c := range []struct {
		start            int64
		sender, receiver State
		err              error
	}{
		{1000, ClosedByPeer, ClosedByHost, ErrBadSum},
		{0, Finished, Finished, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			left, right := connect(t)
			sender, _ := mount(t, left, Config{})
			_, received := mount(t, right, Config{Ranges: true, Accept: intoFile(target, newCountedSum())})
			if got := PartSize(target); got != c.start {
				t.Errorf("%d bytes are there, want %d", got, c.start)
			}
			view, _ := sender.Send(t.Context(), "right", rangeOf(t, seekable(content), c.start, 64000))
			wantEnd(t, "sender", view, c.sender, c.err)
			wantEnd(t, "receiver", received.awaitEnd(t), c.receiver, c.err)
			if c.err != nil {
				wantNames(t, dir)
			}
		})
	}
	wantNames(t, dir, "x")
	wantContent(t, filepath.Join(dir, "x"), content)
}

// Only what is missing is taken, all of it; what is there stays as it was.
func TestOtherRangesAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ start, end int64 }{
		"from the beginning": {0, 10},
		"too early":          {4, 10},
		"too late":           {6, 10},
		"too short":          {5, 9},
		"too long":           {5, 11},
		"nothing":            {10, 10},
		"far away":           {1 << 40, 1<<40 + 5},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, wantedPart), "hello")
			synctest.Test(t, func(t *testing.T) {
				left, right := connect(t)
				sender, _ := mount(t, left, Config{})
				_, received := mount(t, right, Config{Ranges: true, Accept: intoFile(wantedTarget(dir), newCountedSum())})
				f := text("x", "")
				f.Offset, f.Size = c.start, c.end-c.start
				view, err := sender.Send(t.Context(), "right", f)
				wantEnd(t, "sender", view, ClosedByPeer, ErrRange)
				if !errors.Is(err, ErrRefused) || view.Bytes != 0 {
					t.Errorf("%v, %d bytes", err, view.Bytes)
				}
				end := received.awaitEnd(t)
				wantEnd(t, "receiver", end, ClosedByHost, ErrRange)
				if !strings.Contains(end.Err.Error(), "missing are 5 from byte 5 on") {
					t.Errorf("shown: %v", end.Err)
				}
			})
			wantContent(t, filepath.Join(dir, wantedPart), "hello")
		})
	}
}

// A sink without a sum has nothing to add a range to.
func TestRangeIntoANewFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		left, right := connect(t)
		sender, _ := mount(t, left, Config{})
		mount(t, right, Config{Ranges: true, Accept: intoFile(Target{Dir: dir, Name: "x", Size: 10}, newCountedSum())})
		view, _ := sender.Send(t.Context(), "right", rangeOf(t, seekable(wantedContent), 5, 10))
		wantEnd(t, "sender", view, ClosedByPeer, ErrRange)
	})
	wantNames(t, dir)
}

// Everything is there already: a range of no bytes finishes it. So does the
// whole of an empty file.
func TestNothingIsMissing(t *testing.T) {
	for _, content := range []string{"", wantedContent} {
		dir := t.TempDir()
		size := int64(len(content))
		target := Target{Dir: dir, Name: "x", Size: size, Sum: sumOf(content), ID: "0123456789abcdef"}
		put(t, filepath.Join(dir, wantedPart), content)
		synctest.Test(t, func(t *testing.T) {
			left, right := connect(t)
			sender, _ := mount(t, left, Config{})
			_, received := mount(t, right, Config{Ranges: true, Accept: intoFile(target, newCountedSum())})
			if _, err := sender.Send(t.Context(), "right", rangeOf(t, seekable(content), size, size)); err != nil {
				t.Error(err)
			}
			if end := received.awaitEnd(t); end.State != Finished || end.Sum != sumOf(content) {
				t.Errorf("%+v", end)
			}
		})
		wantNames(t, dir, "x")
		wantContent(t, filepath.Join(dir, "x"), content)
	}
}

// Two offers of one file at once: one is taken, the other refused.
func TestSecondOfferOfOneFile(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := newPlay(t)
		p.accept = intoFile(wantedTarget(dir), newCountedSum())
		p.start(t)
		settle()
		view, _ := p.sender.Send(t.Context(), "right", text("x", wantedContent))
		wantEnd(t, "the second sender", view, ClosedByPeer, ErrInUse)
		p.more.Write([]byte("world"))
		if err := <-p.result; err != nil {
			t.Error(err)
		}
	})
	wantNames(t, dir, "x")
	wantContent(t, filepath.Join(dir, "x"), wantedContent)
}

// A range with a sum of its own would say nothing about the whole file.
func TestRangeWithASum(t *testing.T) {
	for _, line := range []string{"Trailer: Sha3-512\n", "Sha3-512: " + sumOf("x") + "\n"} {
		synctest.Test(t, func(t *testing.T) {
			s, seen := receiving(t, Config{Ranges: true, Accept: into(&memorySink{})})
			write(t, s, "Content-Length: 1\nOffset: 1\n"+line+"\n")
			read(t, s, "NGO unsupported\n")
			if len(seen.states()) != 0 {
				t.Errorf("the user saw it: %v", seen.states())
			}
		})
	}
}
