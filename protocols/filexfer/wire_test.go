package filexfer

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// Here one side is the Service and the other a test that speaks the wire by
// hand, mostly badly.

// receiving sets a Service up on the right and gives the test a stream to it.
func receiving(t *testing.T, cfg Config) (network.Stream, *recorder) {
	left, right := connect(t)
	_, seen := mount(t, right, cfg)
	return left.raw(t), seen
}

// sending lets a Service send content to a test that has the other end.
func sending(t *testing.T, f File) (network.Stream, *recorder) {
	left, right := connect(t)
	streams := make(chan network.Stream, 1)
	right.handle = func(s network.Stream) { streams <- s }
	sender, seen := mount(t, left, Config{})
	go sender.Send(t.Context(), "right", f)
	return <-streams, seen
}

func write(t *testing.T, s network.Stream, wire string) {
	t.Helper()
	if _, err := io.WriteString(s, wire); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s network.Stream, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(s, got); err != nil || string(got) != want {
		t.Fatalf("read %q (%v), want %q", got[:n], err, want)
	}
}

// wantCode fails unless the stream has been reset by the Service with code.
func wantCode(t *testing.T, s network.Stream, code network.StreamErrorCode) {
	t.Helper()
	rest, err := io.ReadAll(s)
	var reset *network.StreamError
	if !errors.As(err, &reset) || !reset.Remote || reset.ErrorCode != code {
		t.Fatalf("stream ended with %v after %q, want a reset with code %#x", err, rest, code)
	}
}

const (
	offer5     = "Content-Length: 5\nDisplay-Name: x\nOffset: 0\nTrailer: Sha3-512\n\n"
	offerPlain = "Content-Length: 5\nDisplay-Name: x\nOffset: 0\n\n"
)

func trailerOf(content string) string { return "Sha3-512: " + sumOf(content) + "\n" }

// Both sides, byte by byte, as docs/protocol.md shows them.
func TestExchangeVectors(t *testing.T) {
	for _, v := range readVectors(t, "exchange.txt") {
		x := exchangeOf(t, v)
		t.Run(v.name()+", receiver", func(t *testing.T) { synctest.Test(t, x.receive) })
		t.Run(v.name()+", sender", func(t *testing.T) { synctest.Test(t, x.send) })
	}
}

// exchange is a vector of exchange.txt.
type exchange struct {
	header, decision, bytes, verdict string
	file                             File
	content                          string // of the whole file, or of a range without a tree
	enough                           int
}

func exchangeOf(t *testing.T, v vector) exchange {
	x := exchange{v.text(t, "header"), v.text(t, "decision"), v.text(t, "bytes"), v.text(t, "verdict"), File{}, v.text(t, "content"), int(v.number(t, "enough"))}
	name := v.text(t, "name")
	if v.fields["zeros"] == "" {
		x.file = text(name, x.content)
		x.file.Offset = v.number(t, "offset")
	} else {
		x.content = strings.Repeat("\x00", int(v.number(t, "zeros")))
		start := v.number(t, "offset")
		end := start + v.number(t, "length")
		x.file = spanOf(t, name, x.content, start, end)
		x.bytes += x.content[start:end]
	}
	x.file.Sum, x.file.Manifest = v.text(t, "sum"), v.number(t, "manifest")
	x.file.Conversation, x.file.Interaction = v.text(t, "conversation"), v.text(t, "interaction")
	if tree := v.fields["tree"]; tree != "" {
		x.file = withTree(x.file, x.content, tree == "follows")
		known := treeOf(x.content)
		known.Interaction = v.text(t, "late")
		x.file.Tree = func(context.Context) (Tree, error) { return known, nil }
	}
	return x
}

// receive plays the sender by hand.
func (x exchange) receive(t *testing.T) {
	units := &unitSink{needs: x.decision == "GO sums\n", enough: x.enough}
	var sink Sink = units
	kept, want := &units.memorySink, x.content
	if x.file.Tree == nil {
		kept = &memorySink{}
		sink = kept
	} else {
		want = x.content[x.file.Offset:][:x.file.Size]
	}
	s, seen := receiving(t, Config{Ranges: true, Accept: into(sink)})
	write(t, s, x.header)
	read(t, s, x.decision)
	if x.enough > 0 { // who would send more may find nobody who reads it
		x.bytes = x.bytes[:len(x.bytes)-int(x.file.Size)+x.enough*unit]
	}
	write(t, s, x.bytes)
	read(t, s, x.verdict)
	if _, err := s.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the verdict: %v", err)
	}
	end := seen.awaitEnd(t)
	wantEnd(t, "receiver", end, Finished, nil)
	if x.enough > 0 {
		want = want[:x.enough*unit]
	}
	if data, _, _ := kept.kept(); data != want || end.Offset != x.file.Offset {
		t.Errorf("kept %d bytes from %d on, want %d from %d on", len(data), end.Offset, len(want), x.file.Offset)
	}
	if x.file.Tree == nil || !units.needs {
		return
	}
	if tree, _ := x.file.Tree(t.Context()); units.tree.Root != tree.Root || units.tree.Interaction != tree.Interaction {
		t.Errorf("got the tree %v of %q, want %v of %q", units.tree.Root, units.tree.Interaction, tree.Root, tree.Interaction)
	}
}

// send plays the receiver by hand.
func (x exchange) send(t *testing.T) {
	s, seen := sending(t, x.file)
	read(t, s, x.header)
	write(t, s, x.decision)
	read(t, s, x.bytes)
	write(t, s, x.verdict)
	wantEnd(t, "sender", seen.awaitEnd(t), Finished, nil)
}

// A sender that knows nothing of sums is served on the strength of TLS.
func TestSenderWithoutSum(t *testing.T) {
	for _, content := range []string{"", "hello"} {
		synctest.Test(t, func(t *testing.T) {
			sink := &memorySink{}
			s, seen := receiving(t, Config{Accept: into(sink)})
			write(t, s, strings.Replace(offerPlain, "5", string('0'+rune(len(content))), 1))
			read(t, s, "GO\n")
			write(t, s, content)
			read(t, s, "OK\n")
			end := seen.awaitEnd(t)
			wantEnd(t, "receiver", end, Finished, nil)
			if data, committed, _ := sink.kept(); data != content || committed != 1 || end.Sum != sumOf(content) {
				t.Errorf("kept %q, committed %d, sum %s", data, committed, end.Sum)
			}
		})
	}
}

// Fragments of one byte each, the header, the bytes and the trailer alike.
func TestOneByteAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{}
		s, seen := receiving(t, Config{Accept: into(sink)})
		drip := func(wire string) {
			for i := range len(wire) {
				write(t, s, wire[i:i+1])
				pass(10 * time.Millisecond) // less than 30 s for the header
			}
		}
		drip(offer5)
		read(t, s, "GO\n")
		drip("hello" + trailerOf("hello"))
		read(t, s, "OK\n")
		wantEnd(t, "receiver", seen.awaitEnd(t), Finished, nil)
	})
}

func TestBadSenders(t *testing.T) {
	cases := map[string]struct {
		before, after string // GO
		state         State
		err           error
		says          string // after GO; "" for a reset
		code          network.StreamErrorCode
	}{
		"wrong sum":               {offer5, "hello" + trailerOf("HELLO"), ClosedByHost, ErrBadSum, "BAD sum\n", 0},
		"no sum where promised":   {offer5, "hello" + "OK\n", ClosedByPeer, ErrProtocol, "", codeProtocol},
		"endless sum":             {offer5, "hello" + strings.Repeat("a", 2*MaxHeader), ClosedByPeer, ErrProtocol, "", codeProtocol},
		"one byte more":           {offer5, "hello!" + trailerOf("hello"), ClosedByPeer, ErrProtocol, "", codeProtocol},
		"more after the sum":      {offer5, "hello" + trailerOf("hello") + "!", ClosedByPeer, ErrProtocol, "", codeProtocol},
		"more where no sum is":    {offerPlain, "hello!", ClosedByPeer, ErrProtocol, "", codeProtocol},
		"a second header instead": {offer5, offer5, ClosedByPeer, ErrProtocol, "", codeProtocol},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &memorySink{}
				s, seen := receiving(t, Config{Accept: into(sink)})
				write(t, s, c.before)
				read(t, s, "GO\n")
				write(t, s, c.after)
				if c.says != "" {
					read(t, s, c.says)
				} else {
					wantCode(t, s, c.code)
				}
				wantEnd(t, "receiver", seen.awaitEnd(t), c.state, c.err)
				if _, committed, aborted := sink.kept(); committed != 0 || aborted != 1 {
					t.Errorf("committed %d times, aborted %d times", committed, aborted)
				}
			})
		})
	}
}

// Less than announced and then the end of the stream, at each place.
func TestSenderGoesAway(t *testing.T) {
	for name, wire := range map[string]string{
		"at once": "", "in the bytes": "hel", "before the sum": "hello", "in the sum": "hello" + trailerOf("hello")[:50],
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &memorySink{}
				s, seen := receiving(t, Config{Accept: into(sink)})
				write(t, s, offer5)
				read(t, s, "GO\n")
				write(t, s, wire)
				s.CloseWrite()
				wantEnd(t, "receiver", seen.awaitEnd(t), ClosedByPeer, ErrLost)
				if _, committed, aborted := sink.kept(); committed != 0 || aborted != 1 {
					t.Errorf("committed %d times, aborted %d times", committed, aborted)
				}
			})
		})
	}
}

// Bytes before GO break the rules. Those that come while the person thinks end
// the asking; for those that come with the header nobody is asked.
func TestBytesBeforeGo(t *testing.T) {
	t.Run("later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			asked := make(chan Offer, 1)
			s, seen := receiving(t, Config{Accept: undecided(asked)})
			write(t, s, offer5)
			<-asked
			write(t, s, "h")
			wantCode(t, s, codeProtocol)
			wantEnd(t, "receiver", seen.awaitEnd(t), ClosedByPeer, ErrProtocol)
		})
	})
	t.Run("with the header", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sink := &memorySink{}
			s, seen := receiving(t, Config{Accept: into(sink)})
			write(t, s, offer5+"h")
			wantCode(t, s, codeProtocol)
			if _, committed, aborted := sink.kept(); len(seen.states()) != 0 || committed+aborted != 0 {
				t.Errorf("the user saw it: %v", seen.states())
			}
		})
	})
}

// An Accept that says yes although the sender has gone: the sink is forgotten
// and no GO is said.
func TestAcceptAfterCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{}
		s, seen := receiving(t, Config{Accept: func(ctx context.Context, _ Offer) (Sink, error) {
			<-ctx.Done()
			return sink, nil
		}})
		write(t, s, offer5)
		seen.awaitState(t, AwaitingHost)
		s.ResetWithError(codeCancelled)
		wantEnd(t, "receiver", seen.awaitEnd(t), ClosedByPeer, ErrCancelled)
		if _, committed, aborted := sink.kept(); committed != 0 || aborted != 1 {
			t.Errorf("committed %d times, aborted %d times", committed, aborted)
		}
	})
}

// A GO that crosses the sender's cancel finds nobody.
func TestGoAfterCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, right := connect(t)
		streams := make(chan network.Stream, 1)
		right.handle = func(s network.Stream) { streams <- s }
		sender, seen := mount(t, left, Config{})
		go sender.Send(t.Context(), "right", text("x", "hello"))
		s := <-streams
		read(t, s, offer5)
		sender.Cancel(seen.last().ID)
		wantEnd(t, "sender", seen.awaitEnd(t), ClosedByHost, ErrCancelled)
		io.WriteString(s, "GO\n") // may fail or not: the reset is under way
		wantCode(t, s, codeCancelled)
		if end := seen.last(); end.State != ClosedByHost || end.Bytes != 0 {
			t.Errorf("after GO: %+v", end)
		}
	})
}

func TestBadHeaders(t *testing.T) {
	for name, c := range map[string]struct{ wire, answer string }{
		"no length":       {"Display-Name: x\n\n", "NGO protocol\n"},
		"negative length": {"Content-Length: -1\n\n", "NGO protocol\n"},
		"2^64":            {"Content-Length: 18446744073709551616\n\n", "NGO protocol\n"},
		"offset":          {"Content-Length: 1\nOffset: 1\n\n", "NGO unsupported\n"},
		"CRLF":            {"Content-Length: 1\r\n\r\n\n\n", "NGO protocol\n"},
		"too long":        {strings.Repeat("X: a\n", MaxHeader), "NGO protocol\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, seen := receiving(t, Config{Accept: into(&memorySink{})})
				write(t, s, c.wire)
				read(t, s, c.answer)
				if len(seen.states()) != 0 {
					t.Errorf("the user saw it: %v", seen.states())
				}
			})
		})
	}
}

func TestBadReceivers(t *testing.T) {
	cases := map[string]struct {
		before, after string // the file has come; after "" nothing is read
		err           error
	}{
		"GO twice":             {"GO\nGO\n", "", ErrProtocol},
		"OK before GO":         {"OK\n", "", ErrProtocol},
		"BAD before GO":        {"BAD sum\n", "", ErrProtocol},
		"NGO after GO":         {"GO\n", "NGO\n", ErrProtocol},
		"nonsense":             {"200 OK\n", "", ErrProtocol},
		"endless answer":       {strings.Repeat("G", 1000), "", ErrProtocol},
		"refusal in words":     {"NGO not now\n", "", ErrRefused},
		"busy":                 {"NGO busy\n", "", ErrBusy},
		"bad sum":              {"GO\n", "BAD sum\n", ErrBadSum},
		"full disk":            {"GO\n", "BAD space\n", ErrNoSpace},
		"full disk, told soon": {"GO\nBAD space\n", "", ErrNoSpace},
		"own reason":           {"GO\n", "BAD \x1b[2Jmoon\n", ErrPeerFailed},
		"no reason":            {"GO\n", "BAD\n", ErrPeerFailed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, seen := sending(t, text("x", "hello"))
				read(t, s, offer5)
				write(t, s, c.before)
				if c.after != "" {
					read(t, s, "hello"+trailerOf("hello"))
					write(t, s, c.after)
				}
				end := seen.awaitEnd(t)
				wantEnd(t, "sender", end, ClosedByPeer, c.err)
				if shown := end.Err.Error(); Visible(shown) != shown {
					t.Errorf("shown as %q", shown)
				}
			})
		})
	}
}

// The receiver ends its half, or everything, at each place.
func TestReceiverGoesAway(t *testing.T) {
	for name, says := range map[string]string{"before GO": "", "in GO": "G", "after GO": "GO\n", "in OK": "GO\nO"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, seen := sending(t, text("x", "hello"))
				read(t, s, offer5)
				write(t, s, says)
				s.Close()
				wantEnd(t, "sender", seen.awaitEnd(t), ClosedByPeer, ErrLost)
			})
		})
	}
}

// Resets of strangers: codes we know, codes we do not.
func TestResetCodes(t *testing.T) {
	for _, c := range []struct {
		code  network.StreamErrorCode
		state State
		err   error
	}{
		{codeCancelled, ClosedByPeer, ErrCancelled},
		{codeTimeout, TimeoutExpired, ErrTimeout},
		{codeStalled, ClosedByPeer, ErrStalled},
		{codeProtocol, ClosedByPeer, ErrProtocol},
		{codeShutdown, ClosedByPeer, ErrLost},
		{0, ClosedByPeer, ErrLost},
		{0xffffffff, ClosedByPeer, ErrLost},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, seen := sending(t, text("x", "hello"))
			read(t, s, offer5)
			s.ResetWithError(c.code)
			wantEnd(t, "sender", seen.awaitEnd(t), c.state, c.err)
		})
		synctest.Test(t, func(t *testing.T) {
			s, seen := receiving(t, Config{Accept: undecided(make(chan Offer, 1))})
			write(t, s, offer5)
			seen.awaitState(t, AwaitingHost)
			s.ResetWithError(c.code)
			wantEnd(t, "receiver", seen.awaitEnd(t), c.state, c.err)
		})
	}
}

// What comes with an error is not used: NewFileSink's nil is a Sink that is not nil.
func TestFailedAcceptHasNoSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, seen := receiving(t, Config{Accept: func(ctx context.Context, o Offer) (Sink, error) {
			<-ctx.Done()
			return NewFileSink(Target{Dir: "/nowhere", Name: o.Name, Size: o.Size})
		}})
		write(t, s, offer5)
		seen.awaitState(t, AwaitingHost)
		s.Reset()
		wantEnd(t, "receiver", seen.awaitEnd(t), ClosedByPeer, nil)
	})
}
