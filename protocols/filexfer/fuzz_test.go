package filexfer

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
)

// FuzzSender plays a sender that keeps to nothing but waiting for GO. The
// receiver must come to an end, and may keep nothing but what was announced.
func FuzzSender(f *testing.F) {
	f.Add([]byte(offer5+"hello"+trailerOf("hello")), byte(0), false)
	f.Add([]byte(offer5+"hello"+trailerOf("HELLO")), byte(7), true)
	f.Add([]byte(offerPlain+"hello"), byte(3), false)
	f.Add([]byte("Content-Length: 0\n\n"), byte(1), false)
	f.Add([]byte("Content-Length: 1\n"), byte(0), true)
	f.Add([]byte("Content-Length: 5\nOffset: 7\n\nhello"), byte(0), false)
	f.Add([]byte("Content-Length: 5\nOffset: 7\nTrailer: Sha3-512\n\nhello"+trailerOf("hello")), byte(0), false)
	f.Add([]byte("Content-Length: 5\nSha3-512: "+sumOf("hello")+"\n\nhello!"), byte(200), false)
	f.Add([]byte("Content-Length: 9223372036854775807\nDisplay-Name: ../x\n\n"), byte(0), true)
	f.Fuzz(func(t *testing.T, wire []byte, cut byte, reset bool) {
		left, right := connect(t)
		sink := &memorySink{}
		mount(t, right, Config{Ranges: true, Accept: into(sink)})
		header, rest := playSender(left.raw(t), wire, cut, reset)
		data, committed, aborted := sink.kept()
		if committed == 0 {
			return
		}
		h, err := ParseHeader(header)
		if err != nil || committed != 1 || aborted != 0 || int64(len(data)) != h.Length || !bytes.HasPrefix(rest, []byte(data)) {
			t.Fatalf("kept %q of %q (%v), committed %d times, aborted %d times", data, wire, err, committed, aborted)
		}
		if h.Offset != 0 && (h.Trailer || h.Sum != "") {
			t.Fatalf("kept a range with a sum of its own: %q", wire)
		}
		if announced := h.Sum; h.Trailer && string(rest[len(data):]) != trailerOf(data) || announced != "" && announced != sumOf(data) {
			t.Fatalf("kept %q of %q without the right sum", data, wire)
		}
	})
}

// FuzzSenderOfTheRest plays a sender to a receiver that has "hel" of "hello".
// Only that file gets its name, and nothing but a beginning of its size is left.
func FuzzSenderOfTheRest(f *testing.F) {
	f.Add([]byte("Content-Length: 2\nOffset: 3\n\nlo"), byte(0), false)
	f.Add([]byte("Content-Length: 2\nOffset: 3\n\nLO"), byte(1), false)
	f.Add([]byte("Content-Length: 2\nOffset: 3\n\nlost"), byte(2), true)
	f.Add([]byte("Content-Length: 3\nOffset: 3\n\nlo!"), byte(0), false)
	f.Add([]byte("Content-Length: 9223372036854775804\nOffset: 3\n\nlo"), byte(0), false)
	f.Add([]byte(offer5+"hello"+trailerOf("hello")), byte(0), false)
	f.Fuzz(func(t *testing.T, wire []byte, cut byte, reset bool) {
		dir := t.TempDir()
		target := Target{Dir: dir, Name: "x", Size: 5, Sum: sumOf("hello"), ID: "0123456789abcdef"}
		put(t, filepath.Join(dir, wantedPart), "hel")
		left, right := connect(t)
		receiver, _ := mount(t, right, Config{Ranges: true, Accept: intoFile(target, newCountedSum())})
		playSender(left.raw(t), wire, cut, reset)
		receiver.Close()
		for _, name := range names(t, dir) {
			content, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || name != "x" && name != wantedPart {
				t.Fatalf("%q left %q (%v)", wire, name, err)
			}
			if len(content) > 5 || len(content) == 5 && string(content) != "hello" || name == "x" && len(content) < 5 {
				t.Fatalf("%q left %q in %s", wire, content, name)
			}
		}
	})
}

// playSender says to a receiver what a sender has, cut in two on either side of GO,
// and returns once the receiver has ended it.
func playSender(s network.Stream, wire []byte, cut byte, reset bool) (header, rest []byte) {
	header, rest = cutHeader(wire)
	answers := bufio.NewReaderSize(s, maxAnswer)
	writeCut(s, header, cut)
	if a, err := readAnswer(answers); err == nil && a.verb == verbGo { // with the sums or without
		writeCut(s, rest, cut)
	}
	if reset {
		s.Reset()
	} else {
		s.CloseWrite()
	}
	io.Copy(io.Discard, answers)
	return header, rest
}

// cutHeader parts what a sender says before and after GO. A header without an
// end gets one.
func cutHeader(wire []byte) (header, rest []byte) {
	ended := append(wire[:len(wire):len(wire)], "\n\n"...)
	end := bytes.Index(ended, []byte("\n\n")) + 2
	return ended[:end], wire[min(end, len(wire)):]
}

// writeCut writes in two fragments. That the other side may have gone is no
// matter.
func writeCut(w io.Writer, wire []byte, cut byte) {
	at := 0
	if len(wire) > 0 {
		at = int(cut) % len(wire)
	}
	w.Write(wire[:at])
	w.Write(wire[at:])
}

// FuzzReceiver plays a receiver that says whatever it likes. The sender must
// come to an end, and believes in a stored file only after GO and OK.
func FuzzReceiver(f *testing.F) {
	f.Add([]byte("GO\nOK\n"), byte(0), false)
	f.Add([]byte("NGO busy\n"), byte(2), false)
	f.Add([]byte("GO\nBAD space\n"), byte(4), true)
	f.Add([]byte("GO\nGO\n"), byte(3), false)
	f.Add([]byte("NGO \x1b]52;c;aGk=\x07\n"), byte(3), false)
	f.Fuzz(func(t *testing.T, wire []byte, cut byte, reset bool) {
		left, right := connect(t)
		right.handle = func(s network.Stream) {
			writeCut(s, wire, cut)
			io.CopyN(io.Discard, s, int64(cut)%int64(len(offer5))) // more may never come
			if reset {
				s.Reset()
			}
			s.Close()
		}
		sender, _ := mount(t, left, Config{})
		view, err := sender.Send(t.Context(), "right", text("x", "hello"))
		said := bytes.HasPrefix(wire, []byte("GO\nOK\n"))
		if (err == nil) != (view.State == Finished) || err == nil && !said || !view.State.Final() {
			t.Fatalf("%q made the sender believe %v (%v)", wire, view.State, err)
		}
		if err != nil && Visible(err.Error()) != err.Error() {
			t.Fatalf("%q would be shown as %q", wire, err)
		}
	})
}

// FuzzSums reads a sums block of a file of two units. What is accepted is the
// list of its root, and nothing after it is taken.
func FuzzSums(f *testing.F) {
	content := strings.Repeat("\x00", unit+1)
	block := blockOf(content)
	f.Add([]byte(block), int64(len(content)))
	f.Add([]byte("\n\n"+block+"rest"), int64(len(content)))
	f.Add([]byte("Interaction: %0A\nX: y\n"+block), int64(len(content)))
	f.Add([]byte(blockOf("")), int64(0))
	f.Add([]byte(block), int64(1<<62))
	f.Add([]byte("Sha3-Tree: follows\n\n"), int64(1))
	f.Fuzz(func(t *testing.T, wire []byte, total int64) {
		total &= 1<<63 - 1
		r := bufio.NewReaderSize(bytes.NewReader(wire), MaxHeader)
		tree, err := readSums(r, total, func() {})
		if err != nil {
			return
		}
		if err := tree.List.Check(tree.Root); err != nil || tree.List.Size != total {
			t.Fatalf("%q: %v", wire, err)
		}
		if rest, _ := io.ReadAll(r); !bytes.HasSuffix(wire, append(tree.List.Sums[:len(tree.List.Sums):len(tree.List.Sums)], rest...)) {
			t.Fatalf("%q: %q is left", wire, rest)
		}
	})
}

// FuzzTreeSender plays a sender to a Part of one unit. Only the right file gets
// its name.
func FuzzTreeSender(f *testing.F) {
	header := offerOf("hello", Span{0, 5}, false)
	f.Add([]byte(header+blockOf("hello")+"hello"), byte(0), false)
	f.Add([]byte(header+blockOf("HELLO")+"HELLO"), byte(0), false)
	f.Add([]byte(offerOf("hello", Span{0, 5}, true)+"\n"+blockOf("hello")+"HELLO"), byte(3), true)
	f.Add([]byte("Content-Length: 5\nSha3-Tree: follows\nManifest: 3\nTotal-Size: 5\n\nSha3-Tree: follows\n\n"), byte(3), true)
	f.Add([]byte("Content-Length: 0\nOffset: 5\nSha3-Tree: follows\n\n"), byte(0), false)
	f.Fuzz(func(t *testing.T, wire []byte, cut byte, reset bool) {
		dir := t.TempDir()
		left, right := connect(t)
		p := openUnits(t, unitsTarget(dir, "hello"))
		receiver, seen := mount(t, right, Config{Ranges: true, Accept: into(p.Range(0, 5))})
		playSender(left.raw(t), wire, cut, reset)
		receiver.Close()
		whole := len(p.Missing()) == 0
		if (p.Finish() == nil) != whole || seen.last().State == Finished && !whole {
			t.Fatalf("%q: whole %v, ended %v", wire, whole, seen.last().State)
		}
		if whole {
			wantContent(t, p.Path(), "hello")
		}
	})
}
