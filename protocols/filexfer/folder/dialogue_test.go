package folder

import (
	"context"
	"github.com/libp2p/go-libp2p/core/network"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/dialogue"
)

// dialogueMemory is what a transfer of a small folder may allocate, the network in
// memory counted.
const dialogueMemory = 96 << 20

// luggage is the folder that a fuzzed sender has.
var luggage = tree{"a": "fhello", "d/b": "xworld", "d/c": "f", "d/l": "lb"}

// inbox takes a folder, in one range.
func inbox(t testing.TB, dir string, f *Folder, root string) (accept func(context.Context, filexfer.Offer) (filexfer.Sink, error), part *filexfer.Part) {
	t.Helper()
	target := targetIn(dir, f.File().Size)
	target.Root, target.Place = root, Accept{Manifest: f.Manifest().Length()}.Open
	part, err := filexfer.OpenPart(t.Context(), target)
	check(t, err)
	t.Cleanup(func() { part.Close() })
	return func(context.Context, filexfer.Offer) (filexfer.Sink, error) { return part.Range(0, target.Size), nil }, part
}

// FuzzDialogueOfSender plays the sender of a folder, who says anything. The receiver
// ends, and nothing but the wanted folder gets its name.
func FuzzDialogueOfSender(f *testing.F) {
	sent := scanned(f, luggage)
	list, err := sent.List(f.Context())
	check(f, err)
	root := list.Root().String()
	f.Add(recorded(f, sent, root))
	f.Fuzz(func(t *testing.T, script []byte) {
		dir := t.TempDir()
		dialogue.InBubble(t, dialogueMemory, func(t *testing.T) {
			left, right := dialogue.Connect(t, "left", "right")
			accept, part := inbox(t, dir, sent, root)
			receiver, err := filexfer.New(right, filexfer.Config{Ranges: true, Accept: accept})
			check(t, err)
			right.Handle = receiver.HandleStream
			stream, err := left.NewStream(t.Context(), "right", filexfer.ID)
			check(t, err)
			if !dialogue.Play(stream, script) {
				t.Error("the receiver waits for ever")
			}
			check(t, receiver.Close())
			whole := len(part.Missing()) == 0
			if (part.Finish() == nil) != whole {
				t.Errorf("whole: %v", whole)
			}
		})
		wantLuggage(t, dir)
	})
}

// wantLuggage fails if dir has anything but the folder, or parts of it.
func wantLuggage(t *testing.T, dir string) {
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range entries {
		if !slices.Contains([]string{"folder", ".passeur-" + testID + ".part", ".passeur-" + testID + ".units"}, e.Name()) {
			t.Errorf("%q is left", e.Name())
		}
		if e.Name() == "folder" {
			wantTree(t, filepath.Join(dir, "folder"), luggage)
		}
	}
}

// recorded is the script of a real sender.
func recorded(f *testing.F, sent *Folder, root string) []byte {
	left, right := dialogue.Connect(f, "left", "right")
	accept, part := inbox(f, f.TempDir(), sent, root)
	receiver, err := filexfer.New(right, filexfer.Config{Ranges: true, Accept: accept})
	check(f, err)
	defer receiver.Close()
	right.Handle = receiver.HandleStream
	var r dialogue.Recorder
	sender, err := filexfer.New(left, filexfer.Config{Wrap: func(s network.Stream, _ string) network.Stream { return r.Wrap(s) }})
	check(f, err)
	defer sender.Close()
	_, err = sender.Send(f.Context(), "right", sent.File())
	check(f, err, part.Finish())
	return r.Script()
}
