package oneshot

import (
	"context"
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/dialogue"
)

// dialogueMemory is what one exchange may allocate, the network in memory counted.
const dialogueMemory = 32 << 20

// answers are what a receiver says to an offer, by kind.
var answers = []error{nil, ErrLater, &Refusal{Reason: "no"}, errUnexpected}

// receiver answers an offer of sample as kind says, and counts what it is told.
func receiver(kind byte, heard, over *int) *Service {
	return New(Config{
		Missing: func(context.Context, peer.ID, Offer) ([]filexfer.Span, error) {
			if kind&8 != 0 {
				return nil, nil
			}
			return []filexfer.Span{{Start: 0, End: 1 << 20}}, answers[kind&3]
		},
		Heard: func(peer.ID, Name) { *heard++ },
		Over:  func(peer.ID, Name, string) error { *over++; return nil },
	})
}

// FuzzDialogueOfSender plays a sender that says anything. The receiver ends by itself,
// and believes that an answer was heard once at most.
func FuzzDialogueOfSender(f *testing.F) {
	for kind := range byte(10) {
		for _, isOver := range []bool{false, true} {
			f.Add(recorded(f, kind, isOver, true), kind)
		}
	}
	f.Fuzz(func(t *testing.T, script []byte, kind byte) {
		dialogue.InBubble(t, dialogueMemory, func(t *testing.T) {
			left, right := dialogue.Connect(t, "left", "right")
			var heard, over int
			s := receiver(kind, &heard, &over)
			right.Handle = s.HandleStream
			stream, err := left.NewStream(t.Context(), "right", ID)
			if err != nil {
				t.Fatal(err)
			}
			if !dialogue.Play(stream, script) {
				t.Error("the receiver waits for ever")
			}
			s.Close()
			if heard+over > 1 || heard > 0 && kind&8 == 0 && kind&3 != 2 {
				t.Errorf("heard %d times, over %d times", heard, over)
			}
		})
	})
}

// FuzzDialogueOfReceiver plays a receiver that answers anything. The sender ends, and
// takes nothing for missing that is not of the file.
func FuzzDialogueOfReceiver(f *testing.F) {
	for kind := range byte(10) {
		for _, isOver := range []bool{false, true} {
			f.Add(recorded(f, kind, isOver, false), isOver)
		}
	}
	f.Fuzz(func(t *testing.T, script []byte, isOver bool) {
		dialogue.InBubble(t, dialogueMemory, func(t *testing.T) {
			left, right := dialogue.Connect(t, "left", "right")
			right.Handle = func(s network.Stream) { dialogue.Play(s, script) }
			if isOver {
				TellOver(t.Context(), left, "right", sample.Name, "cancelled")
				return
			}
			missing, err := Ask(t.Context(), left, "right", sample)
			if err == nil && sample.check(missing) != nil {
				t.Errorf("%v is missing", missing)
			}
			if refusal, no := errors.AsType[*Refusal](err); no && filexfer.Visible(refusal.Error()) != refusal.Error() {
				t.Errorf("%q would be shown", err)
			}
		})
	})
}

// recorded is the script of one side of a real exchange.
func recorded(f *testing.F, kind byte, isOver, ofSender bool) []byte {
	left, right := dialogue.Connect(f, "left", "right")
	var sender, answerer dialogue.Recorder
	done := make(chan struct{})
	var heard, over int
	s := receiver(kind, &heard, &over)
	defer s.Close()
	right.Handle = func(stream network.Stream) {
		defer close(done)
		s.HandleStream(answerer.Wrap(stream))
	}
	h := dialogue.Host{Device: left, By: &sender}
	if isOver {
		TellOver(f.Context(), h, "right", sample.Name, "cancelled")
	} else {
		Ask(f.Context(), h, "right", sample)
	}
	<-done
	if ofSender {
		return sender.Script()
	}
	return answerer.Script()
}
