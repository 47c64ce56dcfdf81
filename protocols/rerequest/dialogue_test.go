package rerequest

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/onconn"
	"github.com/passeur-p2p/passeur/test/dialogue"
)

// dialogueMemory is what a request and a transfer of some bytes may allocate, the
// network in memory counted.
const dialogueMemory = 96 << 20

var letter = []byte("Dear Bob")

// FuzzDialogueOfAsker plays a member's device that asks for a file, and receives it, in
// any words. The holder comes to an end, and reads nothing but that file.
func FuzzDialogueOfAsker(f *testing.F) {
	for _, hasTree := range []bool{false, true} {
		asks, receives, _, _ := recordedRequest(f, hasTree)
		f.Add(asks, receives, hasTree)
	}
	f.Fuzz(func(t *testing.T, asks, receives []byte, hasTree bool) {
		dialogue.InBubble(t, dialogueMemory, func(t *testing.T) {
			w := newWorld(t)
			w.hasTrees = hasTree
			holder, asker := w.device("holder"), w.bare("asker")
			holder.holds("letter", letter)
			asker.handle[filexfer.ID] = func(s network.Stream) { dialogue.Play(s, receives) }
			asker.meets(holder)
			if !dialogue.Play(asker.stream(t, holder, ID), asks) {
				t.Error("the holder waits for ever")
			}
			settle(15 * time.Minute) // so that the transfer ends, too
			w.close()
			served := holder.events.those(is(Served))
			if len(served) != len(holder.events.those(is(Serving))) || len(served) > 1 {
				t.Errorf("served %d times", len(served))
			}
		})
	})
}

// FuzzDialogueOfHolder plays a member's device that answers a request, and sends the
// file, in any words. Nothing but the file gets its name.
func FuzzDialogueOfHolder(f *testing.F) {
	for _, hasTree := range []bool{false, true} {
		_, _, answers, sends := recordedRequest(f, hasTree)
		f.Add(answers, sends, hasTree)
	}
	f.Fuzz(func(t *testing.T, answers, sends []byte, hasTree bool) {
		dialogue.InBubble(t, dialogueMemory, func(t *testing.T) {
			w := newWorld(t)
			w.hasTrees = hasTree
			w.announce("letter", letter)
			holder, asker := w.bare("holder"), w.device("asker")
			var asked atomic.Int32
			holder.handle[ID] = func(s network.Stream) {
				if asked.Add(1) > 3 { // it is asked again and again
					s.Reset()
					return
				}
				dialogue.Play(s, answers)
			}
			asker.wants("letter")
			asker.meets(holder)
			settle(time.Second) // it has asked
			dialogue.Play(holder.stream(t, asker, filexfer.ID), sends)
			w.close()
			wantLetter(t, asker.folder)
		})
	})
}

// wantLetter fails if a folder has anything but the letter, or a beginning of it.
func wantLetter(t *testing.T, dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if e.Name() == "letter" && (err != nil || string(content) != string(letter)) {
			t.Errorf("%q has the name of the letter (%v)", content, err)
		}
	}
}

// stream opens a stream over the connection to another.
func (d *testDevice) stream(t testing.TB, other *testDevice, id protocol.ID) network.Stream {
	t.Helper()
	s, err := onconn.NewStream(t.Context(), d.links[other][0], id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// recordedRequest gives the scripts of a real request, answer and transfer: of who asks,
// on the stream of the request and on that of the file, and of who holds it.
func recordedRequest(f *testing.F, hasTree bool) (asks, receives, answers, sends []byte) {
	var recorders [4]dialogue.Recorder
	w := newWorld(f)
	w.hasTrees = hasTree
	holder, asker := w.bare("holder"), w.bare("asker")
	asker.records = map[protocol.ID]*dialogue.Recorder{ID: &recorders[0], filexfer.ID: &recorders[1]}
	holder.records = map[protocol.ID]*dialogue.Recorder{ID: &recorders[2], filexfer.ID: &recorders[3]}
	asker.mount(Config{})
	holder.mount(Config{})
	holder.holds("letter", letter)
	asker.wants("letter")
	asker.meets(holder)
	asker.events.await(f, 1, is(Done))
	holder.events.await(f, 1, is(Served))
	w.close()
	return recorders[0].Script(), recorders[1].Script(), recorders[2].Script(), recorders[3].Script()
}
