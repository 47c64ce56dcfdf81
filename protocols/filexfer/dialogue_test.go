package filexfer

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/test/dialogue"
)

// dialogueMemory is what one transfer of a few MiB may allocate in all, both sides of
// the network in memory counted.
const dialogueMemory = 96 << 20

// taking is how a file is received: into a FileSink, by its sum, or into a Part, by its
// tree; from nothing, or after a beginning that is there.
type taking struct {
	content           string
	isPart, isResumed bool
}

func takingOf(kind byte) taking {
	k := taking{content: "hello", isPart: kind&1 != 0, isResumed: kind&2 != 0}
	if k.isPart {
		k.content = strings.Repeat("\x00", unit+5)
	}
	return k
}

// file is what of it is missing, as a sender offers it.
func (k taking) file(t testing.TB) File {
	start, size := int64(0), int64(len(k.content))
	switch {
	case k.isPart && k.isResumed:
		start = unit
	case k.isResumed:
		start = 3
	}
	f := spanOf(t, "x", k.content, start, size)
	if k.isPart {
		f = withTree(f, k.content, false)
	}
	return f
}

// open prepares the folder, and gives what to accept with and what to do at the end.
func (k taking) open(t testing.TB, dir string) (accept func(context.Context, Offer) (Sink, error), finish func()) {
	if !k.isPart {
		target := Target{Dir: dir, Name: "x", Size: int64(len(k.content)), Sum: sumOf(k.content), ID: "0123456789abcdef"}
		if k.isResumed {
			put(t, filepath.Join(dir, wantedPart), k.content[:3])
		}
		return intoFile(target, newCountedSum()), func() {}
	}
	p := openUnits(t, unitsTarget(dir, k.content))
	if k.isResumed {
		mustFill(t, p, k.content, 0, unit)
	}
	span := p.Missing()[0]
	return into(p.Range(span.Start, span.End)), func() { p.Finish() }
}

// FuzzDialogueOfSender plays a sender that says anything, in any pieces and with any
// silences. The receiver ends, and nothing but the wanted file gets its name.
func FuzzDialogueOfSender(f *testing.F) {
	for kind := range byte(4) {
		f.Add(recordedSender(f, takingOf(kind)), kind)
	}
	f.Fuzz(func(t *testing.T, script []byte, kind byte) {
		k, dir := takingOf(kind), t.TempDir()
		dialogue.InBubble(t, dialogueMemory, func(t *testing.T) {
			left, right := connect(t)
			accept, finish := k.open(t, dir)
			receiver, _ := mount(t, right, Config{Ranges: true, Accept: accept})
			if !dialogue.Play(left.raw(t), script) {
				t.Error("the receiver waits for ever")
			}
			receiver.Close()
			finish()
		})
		k.wantRight(t, dir)
	})
}

// recordedSender is the script of a real sender to a real receiver.
func recordedSender(f *testing.F, k taking) []byte {
	left, right := connect(f)
	accept, _ := k.open(f, f.TempDir())
	mount(f, right, Config{Ranges: true, Accept: accept})
	var r dialogue.Recorder
	sender, _ := mount(f, left, Config{Wrap: func(s network.Stream, _ string) network.Stream { return r.Wrap(s) }})
	if _, err := sender.Send(f.Context(), "right", k.file(f)); err != nil {
		f.Fatal(err)
	}
	return r.Script()
}

// wantRight fails if the folder has anything but the wanted file, or a beginning of it.
func (k taking) wantRight(t *testing.T, dir string) {
	for _, name := range names(t, dir) {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !slices.Contains([]string{"x", wantedPart, wantedUnits}, name) {
			t.Errorf("%q is left (%v)", name, err)
		}
		if name == "x" && string(content) != k.content {
			t.Errorf("%d bytes have the name of the file, and are not the file", len(content))
		}
	}
}

// sendingOf is a file as one of the four kinds that a sender offers.
func sendingOf(kind byte) File {
	switch content := strings.Repeat("\x00", unit+5); kind % 4 {
	case 1:
		return withTree(text("x", content), content, false)
	case 2:
		return withTree(text("x", content), content, true)
	case 3:
		f := text("x", "hello")
		f.Sum = sumOf("hello")
		return f
	default:
		return text("x", "hello")
	}
}

// FuzzDialogueOfReceiver plays a receiver that says anything, in any pieces and with
// any silences. The sender ends, and believes in a stored file only after OK.
func FuzzDialogueOfReceiver(f *testing.F) {
	for kind := range byte(4) {
		f.Add(recordedReceiver(f, sendingOf(kind)), kind)
	}
	f.Fuzz(func(t *testing.T, script []byte, kind byte) {
		dialogue.InBubble(t, dialogueMemory, func(t *testing.T) {
			left, right := connect(t)
			right.handle = func(s network.Stream) { dialogue.Play(s, script) }
			sender, _ := mount(t, left, Config{})
			view, err := sender.Send(t.Context(), "right", sendingOf(kind))
			if (err == nil) != (view.State == Finished) || !view.State.Final() || err == nil && !bytes.Contains(script, []byte("K")) {
				t.Errorf("the sender believes %v (%v)", view.State, err)
			}
			if ended, is := errors.AsType[*Error](err); err != nil && (!is || ended.State != view.State || Visible(err.Error()) != err.Error()) {
				t.Errorf("%v ended with %q", view.State, err)
			}
		})
	})
}

// recordedReceiver is the script of a real receiver of file.
func recordedReceiver(f *testing.F, file File) []byte {
	left, right := connect(f)
	var r dialogue.Recorder
	dir := f.TempDir()
	mount(f, right, Config{Wrap: func(s network.Stream, _ string) network.Stream { return r.Wrap(s) }, Accept: func(ctx context.Context, o Offer) (Sink, error) {
		if !o.HasTree() {
			return NewFileSink(Target{Dir: dir, Name: "x", Size: o.Size, Sum: o.Sum})
		}
		p, err := OpenPart(ctx, Target{Dir: dir, Name: "x", Size: o.Size, Root: o.Root, ID: "0123456789abcdef"})
		if err != nil {
			return nil, err
		}
		f.Cleanup(func() { p.Close() })
		return p.Range(0, o.Size), nil
	}})
	sender, _ := mount(f, left, Config{})
	if _, err := sender.Send(f.Context(), "right", file); err != nil {
		f.Fatal(err)
	}
	return r.Script()
}
