package filexfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

const unit = sha3tree.UnitSize

// noise gives n bytes, no unit of which is like another.
func noise(n int64) string {
	content := make([]byte, n)
	source := rand.NewChaCha8([32]byte{1})
	source.Read(content)
	return string(content)
}

func treeOf(content string) Tree {
	list := sha3tree.List{Size: int64(len(content))}
	for rest := []byte(content); len(rest) > 0; rest = rest[min(unit, len(rest)):] {
		sum := sha3tree.Unit(rest[:min(unit, len(rest))])
		list.Sums = append(list.Sums, sum[:]...)
	}
	return Tree{Root: list.Root(), List: list}
}

// withTree makes f, which has this content, known with its tree, or with one that
// follows.
func withTree(f File, content string, follows bool) File {
	tree := treeOf(content)
	f.Tree = func(context.Context) (Tree, error) { return tree, nil }
	if !follows {
		f.Root = tree.Root.String()
	}
	return f
}

// blockOf is the sums block of content.
func blockOf(content string) string {
	tree := treeOf(content)
	return "Sha3-Tree: " + tree.Root.String() + "\n\n" + string(tree.List.Sums)
}

// span of a File, both counted from the beginning of the whole content.
func spanOf(t testing.TB, name, content string, start, end int64) File {
	t.Helper()
	f := text(name, content)
	f.Open = func() (io.ReadCloser, error) {
		return struct {
			io.ReadSeeker
			io.Closer
		}{strings.NewReader(content), io.NopCloser(nil)}, nil
	}
	part, err := f.Range(start, end)
	if err != nil {
		t.Fatal(err)
	}
	return part
}

// unitSink is a memorySink that verifies, and does with the units what it is told.
type unitSink struct {
	memorySink
	needs    bool
	tree     Tree
	pieces   []int      // lengths of what came
	enough   int        // units after which it has enough; 0: never
	commits  chan error // what Commit waits for; nil: nothing
	aborting chan struct{}
}

var _ TreeSink = (*unitSink)(nil)

func (u *unitSink) NeedSums() bool { return u.needs }

func (u *unitSink) SetSums(_ context.Context, t Tree) error {
	u.tree = t
	return nil
}

func (u *unitSink) Write(p []byte) (int, error) {
	u.pieces = append(u.pieces, len(p))
	n, err := u.memorySink.Write(p)
	if err == nil && len(u.pieces) == u.enough {
		err = ErrEnough
	}
	return n, err
}

func (u *unitSink) Commit() error {
	if u.commits != nil {
		select {
		case err := <-u.commits:
			if err != nil {
				return err
			}
		case <-u.aborting:
			return errors.New("aborted")
		}
	}
	return u.memorySink.Commit()
}

func (u *unitSink) Abort() error {
	if u.aborting != nil {
		close(u.aborting)
	}
	return u.memorySink.Abort()
}

// A file comes with its sums or without, and what the sink sees are whole units.
func TestSendUnits(t *testing.T) {
	for name, c := range map[string]struct {
		content        string
		needs, follows bool
	}{
		"the list is there":        {noise(2*unit + 5), false, false},
		"the root is known":        {noise(2*unit + 5), true, false},
		"the root follows":         {noise(2 * unit), true, true},
		"follows, nobody wants it": {noise(unit), false, true},
		"one byte":                 {"x", true, true},
		"empty":                    {"", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left, right := connect(t)
				sender, _ := mount(t, left, Config{})
				sink := &unitSink{needs: c.needs}
				offers := make(chan Offer, 1)
				_, received := mount(t, right, Config{Accept: func(_ context.Context, o Offer) (Sink, error) {
					offers <- o
					return sink, nil
				}})
				f := withTree(text("x", c.content), c.content, c.follows)
				if view, err := sender.Send(t.Context(), "right", f); err != nil || view.Bytes != f.Size {
					t.Fatalf("%+v, %v", view, err)
				}
				wantEnd(t, "receiver", received.awaitEnd(t), Finished, nil)
				if o := <-offers; o.Root != f.Root || o.Follows != c.follows || !o.HasTree() || o.Total != f.Size {
					t.Errorf("offered: %+v", o)
				}
				if data, committed, aborted := sink.kept(); data != c.content || committed != 1 || aborted != 0 {
					t.Errorf("%d bytes, committed %d times, aborted %d times", len(data), committed, aborted)
				}
				want := Tree{}
				if c.needs {
					want = treeOf(c.content)
				}
				if sink.tree.Root != want.Root || !bytes.Equal(sink.tree.List.Sums, want.List.Sums) {
					t.Errorf("the sums are of %v", sink.tree.Root)
				}
				for i, n := range sink.pieces {
					if n != unit && i != len(sink.pieces)-1 {
						t.Errorf("pieces of %d bytes", sink.pieces)
					}
				}
			})
		})
	}
}

// offerOf is the header of an offer of span of content, with the root or without.
func offerOf(content string, s Span, follows bool) string {
	root := treeOf(content).Root.String()
	if follows {
		root = wordFollows
	}
	return fmt.Sprintf("Content-Length: %d\nOffset: %d\nSha3-Tree: %s\nTotal-Size: %d\n\n", s.Len(), s.Start, root, len(content))
}

// What a sender may get wrong once it has heard "GO sums" from a Part.
func TestBadTreeSenders(t *testing.T) {
	content := noise(2*unit + 5)
	other := noise(2*unit + 6)[1:]
	whole := Span{0, int64(len(content))}
	block, root := blockOf(content), "Sha3-Tree: "+treeOf(content).Root.String()+"\n"
	list := string(treeOf(content).List.Sums)
	for name, c := range map[string]struct {
		follows bool
		says    string
		state   State
		err     error
		word    string // "" for a reset
		have    int64
	}{
		"sums of another file":           {false, blockOf(other), ClosedByHost, ErrBadSum, "BAD sum\n", 0},
		"sums of another file, followed": {true, blockOf(other), ClosedByHost, ErrBadSum, "BAD sum\n", 0},
		"list of another root":           {true, root + "\n" + list[32:64] + list[:32] + list[64:], ClosedByHost, ErrBadSum, "BAD sum\n", 0},
		"list too short":                 {true, root + "\n" + list[:64] + content[:unit], ClosedByHost, ErrBadSum, "BAD sum\n", 0},
		"list too long":                  {true, root + "\n" + list + "32 bytes that should not be here" + content[:unit], ClosedByHost, ErrBadSum, "BAD sum\n", 0},
		"no root":                        {true, "Interaction: 5\n\n" + list, ClosedByPeer, ErrProtocol, "", 0},
		"a root that follows":            {true, "Sha3-Tree: follows\n\n" + list, ClosedByPeer, ErrProtocol, "", 0},
		"no root, but letters":           {true, "Sha3-Tree: 0xff\n\n" + list, ClosedByPeer, ErrProtocol, "", 0},
		"two roots":                      {true, root + root + "\n" + list, ClosedByPeer, ErrProtocol, "", 0},
		"no block":                       {true, content[:MaxHeader+1], ClosedByPeer, ErrProtocol, "", 0},
		"an endless line":                {true, "X: " + strings.Repeat("x", MaxHeader), ClosedByPeer, ErrProtocol, "", 0},
		"endless lines":                  {true, strings.Repeat("X: x\n", MaxHeader), ClosedByPeer, ErrProtocol, "", 0},
		"nothing but signs of life":      {true, strings.Repeat("\n", MaxHeader+1), ClosedByPeer, ErrProtocol, "", 0},
		"a control character":            {true, root + "Interaction: \x1b\n\n" + list, ClosedByPeer, ErrProtocol, "", 0},
		"a wrong unit at once":           {true, block + other, ClosedByHost, ErrBadSum, "BAD sum\n", 0},
		"a wrong unit in the middle":     {false, block + content[:unit] + other[unit:], ClosedByHost, ErrBadSum, "BAD sum\n", unit},
		"a wrong last byte":              {false, block + content[:2*unit+4] + "!", ClosedByHost, ErrBadSum, "BAD sum\n", 2 * unit},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				target := unitsTarget(dir, content)
				p := openUnits(t, target)
				s, seen := receiving(t, Config{Ranges: true, Accept: into(p.Range(0, whole.End))})
				write(t, s, offerOf(content, whole, c.follows))
				read(t, s, "GO sums\n")
				var writing sync.WaitGroup
				writing.Go(func() { io.WriteString(s, c.says) }) // may be cut short
				defer writing.Wait()
				defer s.Reset()
				if c.word != "" {
					read(t, s, c.word)
				} else {
					wantCode(t, s, codeProtocol)
				}
				wantEnd(t, "receiver", seen.awaitEnd(t), c.state, c.err)
				p.Close()
				if got := PartSize(target); got != c.have {
					t.Errorf("%d bytes are kept, want %d", got, c.have)
				}
			})
		})
	}
}

// Offers that a Part does not take are refused before GO.
func TestOffersThatNoPartTakes(t *testing.T) {
	content := noise(4 * unit)
	whole, third := Span{0, 4 * unit}, Span{2 * unit, 3 * unit}
	for name, c := range map[string]struct {
		offer  string
		wanted Span
		answer string
	}{
		"another range":     {offerOf(content, third, false), Span{unit, 2 * unit}, "NGO range\n"},
		"too long a range":  {offerOf(content, whole, false), third, "NGO range\n"},
		"no tree, no list":  {fmt.Sprintf("Content-Length: %d\n\n", whole.End), whole, "NGO unsupported\n"},
		"not at a unit":     {offerOf(content, Span{1, unit}, false), whole, "NGO protocol\n"},
		"not up to a unit":  {offerOf(content, Span{0, 1}, false), whole, "NGO protocol\n"},
		"more than a total": {"Content-Length: 5\nSha3-Tree: follows\nTotal-Size: 4\n\n", whole, "NGO protocol\n"},
		"a total of zero":   {"Content-Length: 5\nSha3-Tree: follows\nTotal-Size: 0\n\n", whole, "NGO protocol\n"},
		"a trailer":         {"Content-Length: 5\nSha3-Tree: follows\nTrailer: Sha3-512\n\n", whole, "NGO protocol\n"},
		"a long manifest":   {"Content-Length: 5\nManifest: 6\n\n", whole, "NGO protocol\n"},
		"half a root":       {"Content-Length: 5\nSha3-Tree: 00ff\n\n", whole, "NGO protocol\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				p := openUnits(t, unitsTarget(dir, content))
				s, _ := receiving(t, Config{Ranges: true, Accept: into(p.Range(c.wanted.Start, c.wanted.End))})
				write(t, s, c.offer)
				read(t, s, c.answer)
			})
		})
	}
}

// Several devices' worth of ranges, some at the same time, make the file; the
// sender of each hears OK.
func TestRangesMakeAFile(t *testing.T) {
	content := noise(6*unit + 77)
	end := int64(len(content))
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		left, right := connect(t)
		sender, _ := mount(t, left, Config{})
		p := openUnits(t, unitsTarget(dir, content))
		mount(t, right, Config{Ranges: true, Accept: func(_ context.Context, o Offer) (Sink, error) {
			return p.Range(o.Offset, o.Offset+o.Size), nil
		}})
		var sends sync.WaitGroup
		for _, s := range []Span{{0, 2 * unit}, {5 * unit, end}, {2 * unit, 5 * unit}, {unit, 3 * unit}} {
			sends.Go(func() {
				f := withTree(spanOf(t, "x", content, s.Start, s.End), content, false)
				if _, err := sender.Send(t.Context(), "right", f); err != nil {
					t.Errorf("%v: %v", s, err)
				}
			})
		}
		sends.Wait()
		if err := p.Finish(); err != nil {
			t.Fatal(err)
		}
		wantContent(t, p.Path(), content)
	})
}

// While the sender still hashes, nobody thinks that it stalls, as long as it says
// that it lives.
func TestTreeTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		content := noise(unit + 1)
		left, right := connect(t)
		sender, _ := mount(t, left, Config{})
		sink := &unitSink{needs: true}
		_, received := mount(t, right, Config{Accept: into(sink)})
		f := withTree(text("x", content), content, true)
		tree := f.Tree
		f.Tree = func(ctx context.Context) (Tree, error) {
			pass(time.Hour)
			got, err := tree(ctx)
			got.Interaction = "its entry\n"
			return got, err
		}
		if _, err := sender.Send(t.Context(), "right", f); err != nil {
			t.Fatal(err)
		}
		wantEnd(t, "receiver", received.awaitEnd(t), Finished, nil)
		if data, _, _ := sink.kept(); data != content || sink.tree.Interaction != "its entry\n" {
			t.Errorf("%d bytes, %q", len(data), sink.tree.Interaction)
		}
	})
}

// A sender that said "follows" and says no more has stalled.
func TestSumsNeverCome(t *testing.T) {
	for name, says := range map[string]string{"nothing": "", "one sign of life": "\n", "half a block": "Sha3-Tree: 00"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &unitSink{needs: true}
				s, seen := receiving(t, Config{Accept: into(sink)})
				write(t, s, offerOf("hello", Span{0, 5}, true))
				read(t, s, "GO sums\n")
				write(t, s, says)
				wantEnd(t, "receiver", seen.awaitEnd(t), ClosedByPeer, ErrStalled)
				wantCode(t, s, codeStalled)
			})
		})
	}
}

// A tree that cannot be had, or is not that of the file, is the sender's fault. What
// it waits for ends with the transfer.
func TestTreeCannotBeHad(t *testing.T) {
	broken := errors.New("read error")
	for name, c := range map[string]struct {
		tree   func(context.Context) (Tree, error)
		reason error
	}{
		"an error":        {func(context.Context) (Tree, error) { return Tree{}, broken }, broken},
		"of another file": {func(context.Context) (Tree, error) { return treeOf("HELLO!"), nil }, ErrSource},
		"another root":    {func(context.Context) (Tree, error) { return treeOf("HELLO"), nil }, ErrSource},
		"not its list":    {func(context.Context) (Tree, error) { return Tree{treeOf("hello").Root, treeOf("HELLO").List, ""}, nil }, ErrSource},
		"too much text": {func(context.Context) (Tree, error) {
			return Tree{treeOf("hello").Root, treeOf("hello").List, strings.Repeat("x", MaxHeader)}, nil
		}, ErrSource},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := withTree(text("x", "hello"), "hello", false)
				f.Tree = c.tree
				left, right := connect(t)
				sender, _ := mount(t, left, Config{})
				_, received := mount(t, right, Config{Accept: into(&unitSink{needs: true})})
				view, _ := sender.Send(t.Context(), "right", f)
				wantEnd(t, "sender", view, InvalidPath, c.reason)
				wantEnd(t, "receiver", received.awaitEnd(t), ClosedByPeer, ErrSource)
			})
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := withTree(text("x", "hello"), "hello", true)
			waiting := make(chan struct{})
			f.Tree = func(ctx context.Context) (Tree, error) {
				close(waiting)
				<-ctx.Done()
				return Tree{}, ctx.Err()
			}
			left, right := connect(t)
			sender, sent := mount(t, left, Config{})
			receiver, received := mount(t, right, Config{Accept: into(&unitSink{needs: true})})
			go sender.Send(t.Context(), "right", f)
			<-waiting
			if err := receiver.Cancel(received.last().ID); err != nil {
				t.Fatal(err)
			}
			wantEnd(t, "sender", sent.awaitEnd(t), ClosedByPeer, ErrCancelled)
		})
	})
}

// A sink that has enough stops the sender, which hears its verdict however long
// Commit takes.
func TestEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		content := noise(40 * unit) // more than fits into the window of a stream
		left, right := connect(t)
		sender, sent := mount(t, left, Config{})
		sink := &unitSink{enough: 2, commits: make(chan error)}
		_, received := mount(t, right, Config{Accept: into(sink)})
		go sender.Send(t.Context(), "right", withTree(text("x", content), content, false))
		go func() {
			pass(50 * time.Minute)
			sink.commits <- nil
		}()
		wantEnd(t, "receiver", received.awaitEnd(t), Finished, nil)
		end := sent.awaitEnd(t)
		wantEnd(t, "sender", end, Finished, nil)
		if data, _, _ := sink.kept(); data != content[:2*unit] || end.Bytes == end.Size {
			t.Errorf("%d bytes kept, %d of %d sent", len(data), end.Bytes, end.Size)
		}
		if got := received.last(); got.Bytes != 2*unit {
			t.Errorf("receiver: %+v", got)
		}
	})
}

// The verdict may take its time although all bytes came, while others' are out.
func TestCommitWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		content := noise(unit)
		left, right := connect(t)
		sender, sent := mount(t, left, Config{})
		sink := &unitSink{commits: make(chan error)}
		mount(t, right, Config{Accept: into(sink)})
		go sender.Send(t.Context(), "right", withTree(text("x", content), content, false))
		pass(5 * time.Hour)
		sink.commits <- fmt.Errorf("%w: what another sent", ErrBadSum)
		wantEnd(t, "sender", sent.awaitEnd(t), ClosedByPeer, ErrBadSum)
	})
}

// Who ends the transfer while Commit waits: the sink hears it.
func TestEndsWhileCommitWaits(t *testing.T) {
	for name, c := range map[string]struct {
		end      func(s network.Stream, receiver *Service, id string)
		state    State
		err      error
		noEnough bool
	}{
		"the sender cancels":    {func(s network.Stream, _ *Service, _ string) { s.ResetWithError(codeCancelled) }, ClosedByPeer, ErrCancelled, false},
		"the sender is lost":    {func(s network.Stream, _ *Service, _ string) { s.Reset() }, ClosedByPeer, ErrLost, true},
		"the user cancels":      {func(_ network.Stream, r *Service, id string) { r.Cancel(id) }, ClosedByHost, ErrCancelled, false},
		"the service is closed": {func(_ network.Stream, r *Service, _ string) { go r.Close() }, ClosedByHost, ErrClosed, true},
		"bytes without end": {func(s network.Stream, _ *Service, _ string) {
			for piece := make([]byte, unit); ; {
				if _, err := s.Write(piece); err != nil {
					return
				}
			}
		}, ClosedByPeer, ErrProtocol, false},
		"a byte too many": {func(s network.Stream, _ *Service, _ string) { io.WriteString(s, "!") }, ClosedByPeer, ErrProtocol, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				content := noise(2 * unit)
				sink := &unitSink{commits: make(chan error), aborting: make(chan struct{})}
				says := "GO\nENOUGH\n"
				if sink.enough = 1; c.noEnough {
					sink.enough, says = 0, "GO\n"
				}
				left, right := connect(t)
				receiver, received := mount(t, right, Config{Accept: into(sink)})
				s := left.raw(t)
				write(t, s, offerOf(content, Span{0, 2 * unit}, false))
				read(t, s, "GO\n")
				says = says[len("GO\n"):]
				if c.noEnough {
					write(t, s, content)
				} else {
					write(t, s, content[:unit])
				}
				read(t, s, says)
				settle()
				c.end(s, receiver, received.last().ID)
				wantEnd(t, "receiver", received.awaitEnd(t), c.state, c.err)
				if _, committed, aborted := sink.kept(); committed != 0 || aborted != 1 {
					t.Errorf("committed %d times, aborted %d times", committed, aborted)
				}
			})
		})
	}
}

// A sender that ends its half after the last byte is still heard out.
func TestHalfCloseWhileCommitWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &unitSink{commits: make(chan error)}
		s, seen := receiving(t, Config{Accept: into(sink)})
		write(t, s, offerOf("hello", Span{0, 5}, false))
		read(t, s, "GO\n")
		write(t, s, "hello")
		s.CloseWrite()
		settle()
		sink.commits <- nil
		read(t, s, "OK\n")
		wantEnd(t, "receiver", seen.awaitEnd(t), Finished, nil)
	})
}

// Who offers no tree does not know ENOUGH, and is heard out, its trailer too.
func TestEnoughOfSenderWithoutTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		content := noise(3 * unit)
		left, right := connect(t)
		sender, _ := mount(t, left, Config{})
		sink := &unitSink{enough: 1}
		_, received := mount(t, right, Config{Accept: into(sink)})
		if _, err := sender.Send(t.Context(), "right", text("x", content)); err != nil {
			t.Error(err)
		}
		wantEnd(t, "receiver", received.awaitEnd(t), Finished, nil)
		if data, _, _ := sink.kept(); data != content[:unit] {
			t.Errorf("%d bytes kept", len(data))
		}
	})
}

// Answers of a receiver to an offer without a tree, or before it has said GO.
func TestTreeAnswersOutOfPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, answers := range []string{"GO sums\n", "GO\nENOUGH\n", "ENOUGH\n"} {
			s, seen := sending(t, text("x", "hello"))
			read(t, s, offer5)
			write(t, s, answers)
			wantEnd(t, "sender", seen.awaitEnd(t), ClosedByPeer, ErrProtocol)
		}
		f := withTree(text("x", "hello"), "hello", false)
		for _, answers := range []string{"ENOUGH\n", "GO sums\nGO\n", "GO\nENOUGH now\n"} {
			s, seen := sending(t, f)
			write(t, s, answers)
			wantEnd(t, "sender", seen.awaitEnd(t), ClosedByPeer, ErrProtocol)
		}
	})
}

// ENOUGH stops a sender that still waits for its own sums too.
func TestEnoughBeforeTheSums(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := withTree(text("x", "hello"), "hello", true)
		f.Tree = func(ctx context.Context) (Tree, error) {
			<-ctx.Done()
			return Tree{}, ctx.Err()
		}
		s, seen := sending(t, f)
		write(t, s, "GO sums\nENOUGH\nENOUGH\n")
		settle()
		write(t, s, "OK\n")
		wantEnd(t, "sender", seen.awaitEnd(t), Finished, nil)
	})
}

// A part of a file that is cut at other places than units goes without the tree.
func TestRangeAcrossUnits(t *testing.T) {
	content := noise(2 * unit)
	for s, want := range map[Span]string{
		{5, 9}:           "Content-Length: 4\nDisplay-Name: x\nOffset: 5\n\n",
		{unit, unit + 9}: fmt.Sprintf("Content-Length: 9\nDisplay-Name: x\nOffset: %d\n\n", unit),
		{0, 9}:           "Content-Length: 9\nDisplay-Name: x\nOffset: 0\nTrailer: Sha3-512\n\n",
		{unit, 2 * unit}: fmt.Sprintf("Content-Length: %d\nDisplay-Name: x\nOffset: %d\nSha3-Tree: follows\n\n", unit, unit),
		{0, unit}:        fmt.Sprintf("Content-Length: %d\nDisplay-Name: x\nOffset: 0\nSha3-Tree: follows\nTotal-Size: %d\n\n", unit, 2*unit),
	} {
		f := withTree(spanOf(t, "x", content, s.Start, s.End), content, true)
		if got, err := f.header().MarshalText(); err != nil || string(got) != want {
			t.Errorf("%v: %q (%v), want %q", s, got, err, want)
		}
	}
}

// Each stream of either side goes through Wrap before its first byte.
func TestWrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, right := connect(t)
		var moved sync.Map // by side: bytes of both directions
		count := func(side string) func(network.Stream, string) network.Stream {
			return func(s network.Stream, id string) network.Stream {
				if id == "" {
					t.Error(side, "has a stream of no transfer")
				}
				n := new(atomic.Int64)
				moved.Store(side, n)
				return &countedStream{s, n}
			}
		}
		sender, _ := mount(t, left, Config{Wrap: count("sender")})
		mount(t, right, Config{Accept: into(&memorySink{}), Wrap: count("receiver")})
		if _, err := sender.Send(t.Context(), "right", text("x", "hello")); err != nil {
			t.Fatal(err)
		}
		settle()
		want := int64(len(offer5 + "GO\n" + "hello" + trailerOf("hello") + "OK\n"))
		for _, side := range []string{"sender", "receiver"} {
			if n, ok := moved.Load(side); !ok || n.(*atomic.Int64).Load() != want {
				t.Errorf("%s: %v bytes, want %d", side, n, want)
			}
		}
	})
}

type countedStream struct {
	network.Stream
	n *atomic.Int64
}

func (c *countedStream) Read(p []byte) (int, error) {
	n, err := c.Stream.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func (c *countedStream) Write(p []byte) (int, error) {
	n, err := c.Stream.Write(p)
	c.n.Add(int64(n))
	return n, err
}
