package link

import (
	"context"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/test/dialogue"
)

// dialogueMemory is what one hand-over may allocate, the network in memory counted.
const dialogueMemory = 64 << 20

// keeper hands over what sample is, or refuses.
func keeper(t testing.TB, refuses bool, ended *int) *Service {
	return New(Config{
		Offer: func(_ context.Context, device peer.ID, _ string) (Handover, error) {
			if refuses {
				return Handover{}, &Refusal{Reason: "no"}
			}
			return sample(t, device), nil
		},
		Ended: func(peer.ID, error) { *ended++ },
	})
}

// FuzzDialogueOfDevice plays a new device that says anything. The keeper ends by
// itself, and is told once how.
func FuzzDialogueOfDevice(f *testing.F) {
	f.Add(recorded(f, false, true), false)
	f.Add(recorded(f, true, true), true)
	f.Fuzz(func(t *testing.T, script []byte, refuses bool) {
		dialogue.InBubble(t, dialogueMemory, func(t *testing.T) {
			left, right := dialogue.Connect(t, fixedDevice(t), "keeper")
			var ended int
			s := keeper(t, refuses, &ended)
			right.Handle = s.HandleStream
			stream, err := left.NewStream(t.Context(), "keeper", ID)
			if err != nil {
				t.Fatal(err)
			}
			if !dialogue.Play(stream, script) {
				t.Error("the keeper waits for ever")
			}
			s.Close()
			if ended > 1 || refuses && ended > 0 {
				t.Errorf("told of %d ends", ended)
			}
		})
	})
}

// FuzzDialogueOfKeeper plays a keeper that says anything. The new device ends, and
// keeps nothing but a sound hand-over to it.
func FuzzDialogueOfKeeper(f *testing.F) {
	f.Add(recorded(f, false, false))
	f.Add(recorded(f, true, false))
	f.Fuzz(func(t *testing.T, script []byte) {
		dialogue.InBubble(t, dialogueMemory, func(t *testing.T) {
			device := fixedDevice(t)
			left, right := dialogue.Connect(t, device, "keeper")
			right.Handle = func(s network.Stream) { dialogue.Play(s, script) }
			kept := 0
			err := Join(t.Context(), left, "keeper", device, "phone", func(h *Handover) error {
				kept++
				raw, err := h.Encode()
				if err != nil {
					return err
				}
				_, err = Parse(raw, device)
				return err
			})
			if kept > 1 || (err == nil) != (kept == 1) {
				t.Errorf("kept %d times: %v", kept, err)
			}
		})
	})
}

// recorded is the script of one side of a real hand-over.
func recorded(f *testing.F, refuses, ofDevice bool) []byte {
	device := fixedDevice(f)
	left, right := dialogue.Connect(f, device, "keeper")
	var joining, keeping dialogue.Recorder
	var ended int
	done := make(chan struct{})
	s := keeper(f, refuses, &ended)
	defer s.Close()
	right.Handle = func(stream network.Stream) {
		defer close(done)
		s.HandleStream(keeping.Wrap(stream))
	}
	Join(f.Context(), dialogue.Host{Device: left, By: &joining}, "keeper", device, "phone", func(*Handover) error { return nil })
	<-done
	if ofDevice {
		return joining.Script()
	}
	return keeping.Script()
}
