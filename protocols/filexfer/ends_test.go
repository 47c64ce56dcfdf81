package filexfer

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// stage is a moment of a transfer that a test can hold on to: the sender sends
// half a file and then waits, the receiver waits in Accept or in Commit.
type stage struct {
	name  string
	reach func(t *testing.T, p *play) // returns once both sides are there
}

var (
	undecidedStage = stage{"before GO", func(t *testing.T, p *play) {
		p.accept = undecided(p.asked)
		p.start(t)
		<-p.asked
		p.sent.awaitState(t, AwaitingPeer)
	}}
	halfwayStage = stage{"halfway", func(t *testing.T, p *play) {
		p.start(t)
		settle()
		if half, _, _ := p.sink.kept(); half != "hello" {
			t.Fatalf("%q has come, want half of it", half)
		}
	}}
	committingStage = stage{"while it is stored", func(t *testing.T, p *play) {
		committing, release := make(chan struct{}), make(chan struct{})
		p.sink.commit = func() error { close(committing); <-release; return nil }
		p.release = func() { close(release) }
		p.start(t)
		p.more.Write([]byte("world"))
		<-committing
	}}
)

// play is a transfer of "helloworld" whose second half comes when the test
// wants.
type play struct {
	left, right      *device
	sender, receiver *Service
	sent, received   *recorder
	sink             *memorySink
	accept           func(context.Context, Offer) (Sink, error)
	asked            chan Offer
	more             *io.PipeWriter
	release          func() // lets Commit return
	ctx              context.Context
	cancel           context.CancelFunc
	result           chan error
}

func newPlay(t *testing.T) *play {
	p := &play{sink: &memorySink{}, asked: make(chan Offer, 1), result: make(chan error, 1), release: func() {}}
	p.accept = into(p.sink)
	p.left, p.right = connect(t)
	p.sender, p.sent = mount(t, p.left, Config{})
	p.receiver, p.received = mount(t, p.right, Config{Accept: func(ctx context.Context, o Offer) (Sink, error) { return p.accept(ctx, o) }})
	p.ctx, p.cancel = context.WithCancel(t.Context())
	return p
}

func (p *play) start(t *testing.T) {
	r, w := io.Pipe()
	p.more = w
	f := File{Name: "x", Size: 10, Open: func() (io.ReadCloser, error) {
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(strings.NewReader("hello"), r), r}, nil
	}}
	go func() {
		_, err := p.sender.Send(p.ctx, "right", f)
		p.result <- err
	}()
}

func (p *play) cancelReceived(t *testing.T) {
	if err := p.receiver.Cancel(p.received.last().ID); err != nil {
		t.Error(err)
	}
}

// Every stage, and everything that may end a transfer there.
func TestEnds(t *testing.T) {
	type end struct {
		state State
		err   error
	}
	lost := end{ClosedByPeer, ErrLost}
	cancelledHere, cancelledThere := end{ClosedByHost, ErrCancelled}, end{ClosedByPeer, ErrCancelled}
	closedHere := end{ClosedByHost, ErrClosed}
	finished := end{Finished, nil}
	cases := []struct {
		what             string
		stage            stage
		do               func(t *testing.T, p *play)
		sender, receiver end
	}{
		{"sender's ctx ends", undecidedStage, func(t *testing.T, p *play) { p.cancel() }, cancelledHere, cancelledThere},
		{"sender cancels", undecidedStage, func(t *testing.T, p *play) { p.sender.Cancel(p.sent.last().ID) }, cancelledHere, cancelledThere},
		{"receiver cancels", undecidedStage, func(t *testing.T, p *play) { p.cancelReceived(t) }, cancelledThere, cancelledHere},
		{"sender closes", undecidedStage, func(t *testing.T, p *play) { p.sender.Close() }, closedHere, lost},
		{"receiver closes", undecidedStage, func(t *testing.T, p *play) { p.receiver.Close() }, lost, closedHere},
		{"connection breaks", undecidedStage, func(t *testing.T, p *play) { p.left.cut() }, lost, lost},

		{"sender's ctx ends", halfwayStage, func(t *testing.T, p *play) { p.cancel() }, cancelledHere, cancelledThere},
		{"receiver cancels", halfwayStage, func(t *testing.T, p *play) { p.cancelReceived(t) }, cancelledThere, cancelledHere},
		{"sender closes", halfwayStage, func(t *testing.T, p *play) { p.sender.Close() }, closedHere, lost},
		{"receiver closes", halfwayStage, func(t *testing.T, p *play) { p.receiver.Close() }, lost, closedHere},
		{"connection breaks", halfwayStage, func(t *testing.T, p *play) { p.right.cut() }, lost, lost},
		{"source breaks", halfwayStage, func(t *testing.T, p *play) { p.more.CloseWithError(errors.New("disk")) }, end{InvalidPath, ErrSource}, end{ClosedByPeer, ErrSource}},
		{"source ends early", halfwayStage, func(t *testing.T, p *play) { p.more.Close() }, end{InvalidPath, ErrSource}, end{ClosedByPeer, ErrSource}},

		// Too late: the file is being stored. The receiver keeps it.
		{"sender's ctx ends", committingStage, func(t *testing.T, p *play) { p.cancel() }, cancelledHere, finished},
		{"receiver cancels", committingStage, func(t *testing.T, p *play) { p.cancelReceived(t) }, finished, finished},
		{"sender closes", committingStage, func(t *testing.T, p *play) { p.sender.Close() }, closedHere, finished},
		{"connection breaks", committingStage, func(t *testing.T, p *play) { p.left.cut() }, lost, finished},
	}
	for _, c := range cases {
		t.Run(c.stage.name+", "+c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlay(t)
				c.stage.reach(t, p)
				go c.do(t, p)
				settle()
				p.release()
				<-p.result
				wantEnd(t, "sender", p.sent.awaitEnd(t), c.sender.state, c.sender.err)
				wantEnd(t, "receiver", p.received.awaitEnd(t), c.receiver.state, c.receiver.err)
				_, committed, aborted := p.sink.kept()
				kept := c.receiver.state == Finished
				if accepted := c.stage.name != undecidedStage.name; accepted && (kept != (committed == 1) || kept != (aborted == 0)) {
					t.Errorf("committed %d times, aborted %d times", committed, aborted)
				}
			})
		})
	}
}

// Both sides cancel at the same time: each has its own view, nothing is kept.
func TestBothCancel(t *testing.T) {
	for _, stage := range []stage{undecidedStage, halfwayStage} {
		t.Run(stage.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlay(t)
				stage.reach(t, p)
				go p.cancel()
				go p.receiver.Cancel(p.received.last().ID) // may find it ended already
				<-p.result
				for side, seen := range map[string]*recorder{"sender": p.sent, "receiver": p.received} {
					v := seen.awaitEnd(t)
					if !errors.Is(v.Err, ErrCancelled) || v.State != ClosedByHost && v.State != ClosedByPeer {
						t.Errorf("%s: %v, %v", side, v.State, v.Err)
					}
				}
				if _, committed, _ := p.sink.kept(); committed != 0 {
					t.Error("committed")
				}
			})
		})
	}
}

// A user may cancel while the device is still being dialled.
func TestCancelWhileDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialling := hostFunc(func(ctx context.Context) (network.Stream, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		seen := newRecorder()
		s, err := New(dialling, Config{Observe: seen.observe})
		if err != nil {
			t.Fatal(err)
		}
		f := text("x", "x")
		f.ID = "0123456789abcdef"
		go func() {
			synctest.Wait()
			s.Cancel(f.ID)
		}()
		view, err := s.Send(t.Context(), "right", f)
		wantEnd(t, "sender", view, ClosedByHost, ErrCancelled)
		if !errors.Is(err, ErrCancelled) || view.ID != f.ID {
			t.Errorf("%v, %+v", err, view)
		}
		if err := s.Cancel(f.ID); !errors.Is(err, ErrUnknownTransfer) {
			t.Errorf("cancelled again: %v", err)
		}
	})
}

func TestUnjoinable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, _ := connect(t)
		s, seen := mount(t, left, Config{})
		view, _ := s.Send(t.Context(), "nobody", text("x", "x"))
		wantEnd(t, "sender", view, Unjoinable, ErrUnjoinable)
		if last := seen.last(); last.State != Unjoinable {
			t.Errorf("last seen: %+v", last)
		}
	})
}

// hostFunc is a Host of one function.
type hostFunc func(ctx context.Context) (network.Stream, error)

func (f hostFunc) NewStream(ctx context.Context, _ peer.ID, _ ...protocol.ID) (network.Stream, error) {
	return f(ctx)
}

func TestRefusals(t *testing.T) {
	cases := map[string]struct {
		decision         error
		sender, receiver State
		senderErr        error
		shown            string
	}{
		"no":           {ErrRefused, ClosedByPeer, ClosedByHost, ErrRefused, "refused by the receiver"},
		"with words":   {&Refusal{Reason: "not\x1b now"}, ClosedByPeer, ClosedByHost, ErrRefused, "refused by the receiver: not  now"},
		"disk full":    {ErrNoSpace, ClosedByPeer, InvalidPath, ErrNoSpace, "refused by the receiver: space"},
		"no folder":    {ErrNotWritable, ClosedByPeer, InvalidPath, ErrNotWritable, "refused by the receiver: write"},
		"name taken":   {ErrExists, ClosedByPeer, InvalidPath, ErrExists, "refused by the receiver: exists"},
		"app's secret": {errors.New("/home/bob is locked"), ClosedByPeer, ClosedByHost, ErrRefused, "refused by the receiver"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left, right := connect(t)
				sender, _ := mount(t, left, Config{})
				_, received := mount(t, right, Config{Accept: func(context.Context, Offer) (Sink, error) { return nil, c.decision }})
				view, err := sender.Send(t.Context(), "right", text("x", "content"))
				wantEnd(t, "sender", view, c.sender, c.senderErr)
				if !errors.Is(err, ErrRefused) || err.Error() != "await GO: "+c.shown {
					t.Errorf("sender's error: %v", err)
				}
				wantEnd(t, "receiver", received.awaitEnd(t), c.receiver, c.decision)
			})
		})
	}
}

func TestZeroConfigRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, right := connect(t)
		sender, _ := mount(t, left, Config{})
		mount(t, right, Config{})
		view, _ := sender.Send(t.Context(), "right", text("x", ""))
		wantEnd(t, "sender", view, ClosedByPeer, ErrRefused)
	})
}

func TestAcceptWithoutSinkRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, right := connect(t)
		sender, _ := mount(t, left, Config{})
		mount(t, right, Config{Accept: into(nil)})
		view, _ := sender.Send(t.Context(), "right", text("x", "x"))
		wantEnd(t, "sender", view, ClosedByPeer, ErrRefused)
	})
}

// The sink fails while bytes flow: the sender hears why at once.
func TestSinkFails(t *testing.T) {
	content := strings.Repeat("x", 5*bufferSize)
	for name, c := range map[string]struct {
		sink *memorySink
		want error
	}{
		"at the first byte": {&memorySink{failWith: ErrNoSpace}, ErrNoSpace},
		"in the middle":     {&memorySink{failWith: io.ErrShortWrite, failAt: 2 * bufferSize}, ErrNotWritable},
		"when storing":      {&memorySink{commit: func() error { return ErrNoSpace }}, ErrNoSpace},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left, right := connect(t)
				sender, _ := mount(t, left, Config{})
				_, received := mount(t, right, Config{Accept: into(c.sink)})
				view, _ := sender.Send(t.Context(), "right", text("x", content))
				wantEnd(t, "sender", view, ClosedByPeer, c.want)
				if errors.Is(view.Err, ErrRefused) {
					t.Error("the sender takes it for a refusal")
				}
				wantEnd(t, "receiver", received.awaitEnd(t), InvalidPath, c.want)
				if _, _, aborted := c.sink.kept(); aborted != 1 {
					t.Errorf("aborted %d times", aborted)
				}
			})
		})
	}
}

// An announced sum that is wrong is found by the receiver.
func TestWrongSumAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, right := connect(t)
		sender, _ := mount(t, left, Config{})
		sink := &memorySink{}
		_, received := mount(t, right, Config{Accept: into(sink)})
		f := text("x", "content")
		f.Sum = sumOf("other bytes")
		view, _ := sender.Send(t.Context(), "right", f)
		wantEnd(t, "sender", view, ClosedByPeer, ErrBadSum)
		wantEnd(t, "receiver", received.awaitEnd(t), ClosedByHost, ErrBadSum)
		if _, committed, aborted := sink.kept(); committed != 0 || aborted != 1 {
			t.Errorf("committed %d times, aborted %d times", committed, aborted)
		}
	})
}

func TestRightSumAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, right := connect(t)
		sender, _ := mount(t, left, Config{})
		var offered Offer
		_, received := mount(t, right, Config{Accept: func(_ context.Context, o Offer) (Sink, error) {
			offered = o
			return &memorySink{}, nil
		}})
		f := text("..\\x\n", "content")
		f.Sum, f.Conversation, f.Interaction = sumOf("content"), "c0ffee", "17\n"
		view, err := sender.Send(t.Context(), "right", f)
		if err != nil || view.Sum != f.Sum || received.awaitEnd(t).Sum != f.Sum {
			t.Errorf("%v, %+v", err, view)
		}
		want := Offer{
			ID: offered.ID, From: "left", Conn: offered.Conn, Name: "x_", RawName: "..\\x\n", Size: 7, Total: 7,
			Sum: f.Sum, Conversation: "c0ffee", Interaction: "17\n",
		}
		if offered != want || len(offered.ID) != 16 || offered.ID == view.ID {
			t.Errorf("offered %+v, want %+v", offered, want)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, right := connect(t)
		sender, _ := mount(t, left, Config{})
		receiver, received := mount(t, right, Config{Accept: into(&memorySink{})})
		for range 2 {
			if err := receiver.Close(); err != nil {
				t.Fatal(err)
			}
		}
		view, _ := sender.Send(t.Context(), "right", text("x", "x"))
		wantEnd(t, "sender", view, ClosedByPeer, ErrLost)
		sender.Close()
		if _, err := sender.Send(t.Context(), "right", text("x", "x")); !errors.Is(err, ErrClosed) {
			t.Errorf("sent after Close: %v", err)
		}
		if len(received.states()) != 0 {
			t.Errorf("an offer was seen after Close: %v", received.states())
		}
	})
}

func TestLimits(t *testing.T) {
	for name, limits := range map[string]Config{
		"in total": {MaxIncoming: 2},
		"per peer": {MaxIncomingPerPeer: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left, right := connect(t)
				sender, _ := mount(t, left, Config{})
				asked := make(chan Offer, 3)
				limits.Accept = undecided(asked)
				receiver, received := mount(t, right, limits)
				for range 2 {
					go sender.Send(t.Context(), "right", text("x", "x"))
				}
				<-asked
				<-asked
				view, err := sender.Send(t.Context(), "right", text("x", "x"))
				wantEnd(t, "sender", view, ClosedByPeer, ErrBusy)
				if !errors.Is(err, ErrRefused) {
					t.Errorf("%v is no refusal", err)
				}
				receiver.Cancel(received.last().ID)
				synctest.Wait()
				go sender.Send(t.Context(), "right", text("x", "x"))
				<-asked // there is room again
				sender.Close()
				receiver.Close()
				receiver.mu.Lock()
				defer receiver.mu.Unlock()
				if receiver.incoming != 0 || len(receiver.admitted) != 0 || len(receiver.live) != 0 {
					t.Errorf("still counted: %d, %v, %d live", receiver.incoming, receiver.admitted, len(receiver.live))
				}
			})
		})
	}
}

// Who may offer nothing is told so before a byte of his is read, and takes no place.
func TestWhoIsNotAdmittedTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, right := connect(t)
		mount(t, left, Config{})
		receiver, _ := mount(t, right, Config{
			MaxIncoming: 1,
			Admit:       func(network.Conn) error { return &Refusal{Reason: "not a contact"} },
			Accept:      undecided(make(chan Offer)),
		})
		for range 3 {
			silent, err := left.NewStream(t.Context(), "right", ID)
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Reset()
			if answer, err := bufio.NewReader(silent).ReadString('\n'); answer != "NGO not a contact\n" {
				t.Errorf("the answer is %q, %v", answer, err)
			}
		}
		synctest.Wait()
		receiver.mu.Lock()
		defer receiver.mu.Unlock()
		if receiver.incoming != 0 {
			t.Errorf("%d transfers are counted", receiver.incoming)
		}
	})
}

func TestBadConfigAndFiles(t *testing.T) {
	for name, cfg := range map[string]Config{
		"AcceptTimeout": {AcceptTimeout: -1}, "HeaderTimeout": {HeaderTimeout: -1}, "StallTimeout": {StallTimeout: -1},
		"VerdictTimeout": {VerdictTimeout: -1}, "MaxIncoming": {MaxIncoming: -1},
	} {
		if _, err := New(&device{}, cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(nil, Config{}); err == nil {
		t.Error("a service without a host")
	}
	s, err := New(&device{}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"short", "0123456789abcdeg", "0123456789abcdé", "\u0130123456789abcdef"} {
		f := text("x", "x")
		f.ID = id
		view, _ := s.Send(t.Context(), "right", f)
		wantEnd(t, "id "+id, view, ClosedByHost, nil)
	}
	for name, change := range map[string]func(f *File){
		"negative size": func(f *File) { f.Size = -1 },
		"no sum":        func(f *File) { f.Sum = "abc" },
		"offset":        func(f *File) { f.Offset = -1 },
		"no Open":       func(f *File) { f.Open = nil },
	} {
		f := text("x", "x")
		change(&f)
		view, _ := s.Send(t.Context(), "right", f)
		wantEnd(t, name, view, InvalidPath, ErrSource)
	}
}

func TestRanges(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			left, right := connect(t)
			sender, _ := mount(t, left, Config{})
			var offset int64
			mount(t, right, Config{Ranges: allowed, Accept: func(_ context.Context, o Offer) (Sink, error) {
				offset = o.Offset
				return &memorySink{}, nil
			}})
			f := text("x", "tail")
			f.Offset = 1 << 40
			view, err := sender.Send(t.Context(), "right", f)
			if allowed && (err != nil || offset != 1<<40) {
				t.Errorf("allowed: %v, offset %d", err, offset)
			}
			if !allowed {
				wantEnd(t, "sender", view, ClosedByPeer, ErrUnsupported)
			}
		})
	}
}
