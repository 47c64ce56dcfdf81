package rerequest

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// sends offers a file by filexfer, as a holder does after its OK.
func (d *testDevice) sends(to *testDevice, interaction string, start int64) error {
	file, err := d.Held(d.world.t.Context(), talk, interaction)
	if err == nil {
		file, err = file.Range(start, file.Size)
	}
	if err != nil {
		d.world.t.Error(err)
		return err
	}
	file.Conversation, file.Interaction = talk, interaction
	_, err = d.files.Send(d.world.t.Context(), to.id, file)
	return err
}

// wantRefused fails unless an offer was refused for this reason.
func wantRefused(t *testing.T, err error, reason string) {
	t.Helper()
	if refusal, is := errors.AsType[*filexfer.Refusal](err); !is || !strings.Contains(refusal.Reason, reason) {
		t.Errorf("%v, want a refusal for %q", err, reason)
	}
}

// The first offer has the file to itself, at whatever instant others come.
func TestTwoOffersAtTheSameInstant(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob, carla := w.device("alice"), w.device("bob"), w.device("carla")
		w.announce("photo", bytesOf("photo", 64_000))
		bob.wants("photo")
		sinks, refusals := make(chan filexfer.Sink, 100), make(chan error, 100)
		var offers sync.WaitGroup
		for i := range 100 {
			from := []*testDevice{alice, carla}[i%2]
			offers.Go(func() {
				sink, wanted, err := bob.again.Accept(t.Context(), offer(bob, "photo", from))
				if !wanted {
					t.Error("not wanted")
				}
				if err != nil {
					refusals <- err
				} else {
					sinks <- sink
				}
			})
		}
		offers.Wait()
		if len(sinks) != 1 || len(refusals) != 99 {
			t.Fatalf("%d sinks, %d refusals", len(sinks), len(refusals))
		}
		wantRefused(t, <-refusals, "already downloading")
		if err := (<-sinks).Abort(); err != nil {
			t.Error(err)
		}
		bob.wantFolder()
	})
}

// Two holders that were both asked offer at once; the one that comes second is
// refused, and takes over when the first one breaks off.
func TestSecondOfferWaits(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob, carla := w.device("alice"), w.device("bob"), w.device("carla")
		content := bytesOf("photo", 4<<20)
		alice.holds("photo", content)
		carla.holds("photo", content)
		alice.stops(2 << 20)
		bob.meets(alice)
		bob.wants("photo")
		bob.events.await(t, 1, by(Claimed, alice))
		settle(time.Second)
		carla.connect(bob)
		wantRefused(t, carla.sends(bob, "photo", 0), "already downloading")
		alice.goesOff()
		bob.appeared(carla)
		bob.events.await(t, 1, by(Done, carla))
		bob.got("photo", content)
	})
}

// The offer overtakes the OK: it is the answer all the same.
func TestOfferBeforeOK(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("photo", 64_000)
		alice.holds("photo", content)
		alice.handle[ID] = func(s network.Stream) {
			r, err := readRequest(s)
			if err == nil {
				err = alice.sends(bob, r.Interaction, r.Start)
			}
			if err != nil {
				t.Error(err)
			}
			settle(time.Second)
			s.Write([]byte("OK\n"))
			s.Close()
		}
		alice.meets(bob)
		bob.wants("photo")
		bob.events.await(t, 1, is(Done))
		bob.got("photo", content)
		settle(time.Hour)
		bob.wantStory("asked alice", "claimed alice", "done alice")
	})
}

// After OK comes nothing. In time the want is free for the next one, and the
// device rests.
func TestOKButNoOffer(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob, carla := w.bare("alice"), w.device("bob"), w.device("carla")
		content := bytesOf("photo", 64_000)
		carla.holds("photo", content)
		alice.says("OK\n")
		alice.meets(bob)
		bob.wants("photo")
		bob.events.await(t, 1, is(Asked))
		settle(time.Second)
		carla.meets(bob)
		settle(50 * time.Second)
		bob.wantStory("asked alice") // a promise stands
		if denied := bob.events.await(t, 1, is(Denied)); !errors.Is(denied.Err, ErrNoOffer) {
			t.Errorf("%v", denied.Err)
		}
		bob.events.await(t, 1, by(Done, carla))
		bob.got("photo", content)
	})
}

// A device that never answers keeps nobody else from being asked.
func TestSilentHolder(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob, carla := w.bare("alice"), w.device("bob"), w.device("carla")
		content := bytesOf("photo", 64_000)
		carla.holds("photo", content)
		alice.silent()
		alice.meets(bob)
		bob.wants("photo")
		bob.events.await(t, 1, is(Asked))
		carla.meets(bob)
		before := time.Now()
		bob.events.await(t, 1, by(Done, carla))
		if waited := time.Since(before); waited > time.Second {
			t.Errorf("it took %v", waited)
		}
	})
}

// What a device may say instead of OK or a word of ours.
func TestAnswersOfAllKinds(t *testing.T) {
	for answer, want := range map[string]error{
		"NO not-here\n":            ErrNotHeld,
		"NO revoked bad luck\n":    ErrRevoked,
		"NO tomorrow maybe\n":      ErrDenied,
		"OK \n":                    ErrProtocol,
		"YES\n":                    ErrProtocol,
		"":                         ErrNoAnswer,
		"NO":                       ErrNoAnswer,
		strings.Repeat("OK", 1000): ErrProtocol,
	} {
		t.Run(answer, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				alice, bob := w.bare("alice"), w.device("bob")
				w.announce("photo", bytesOf("photo", 1))
				alice.says(answer)
				alice.meets(bob)
				bob.wants("photo")
				if denied := bob.events.await(t, 1, is(Denied)); !errors.Is(denied.Err, want) {
					t.Errorf("%v, want %v", denied.Err, want)
				}
			})
		})
	}
}

// Nobody asked for it: the app decides.
func TestUnaskedOffer(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		w.announce("photo", nil)
		if sink, wanted, err := bob.again.Accept(t.Context(), offer(bob, "photo", alice)); sink != nil || wanted || err != nil {
			t.Errorf("%v, %v, %v", sink, wanted, err)
		}
	})
}

// A wanted file that a member's device offers without having been asked is
// taken.
func TestOfferOfWhoWasNotAsked(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("photo", 64_000)
		w.announce("photo", content)
		alice.meets(bob)
		bob.wants("photo")
		bob.events.await(t, 1, is(Denied))
		alice.holds("photo", content)
		if err := alice.sends(bob, "photo", 0); err != nil {
			t.Error(err)
		}
		bob.got("photo", content)
		bob.wantStory("asked alice", "denied alice", "claimed alice", "done alice")
	})
}

// Who is no member, or not any more, cannot even bring the right bytes.
func TestOfferOfStranger(t *testing.T) {
	for name, judgement := range map[string]error{"stranger": ErrNotMember, "revoked": ErrRevoked} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				mallory, bob := w.device("mallory"), w.device("bob")
				content := bytesOf("photo", 64_000)
				mallory.holds("photo", content)
				w.judge(mallory, judgement)
				mallory.meets(bob)
				bob.wants("photo")
				settle(time.Second)
				wantRefused(t, mallory.sends(bob, "photo", 0), "member")
				bob.wantFolder()
				bob.wantStory()
			})
		})
	}
}

// An offer that names the entry, and is another file.
func TestOfferOfAnotherFile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*filexfer.Offer)
		reason string
	}{
		{"longer", func(o *filexfer.Offer) { o.Size++ }, "64000 bytes"},
		{"shorter", func(o *filexfer.Offer) { o.Size-- }, "64000 bytes"},
		{"other sum", func(o *filexfer.Offer) { o.Sum = strings.Repeat("0", sumDigits) }, "sum"},
		{"end of it", func(o *filexfer.Offer) { o.Offset, o.Size = 2000, o.Size-2000 }, "byte 1000 "},
		{"all of it", func(*filexfer.Offer) {}, "byte 1000 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				alice, bob := w.device("alice"), w.device("bob")
				content := bytesOf("photo", 64_000)
				w.announce("photo", content)
				bob.part("photo", content[:1000])
				bob.wants("photo")
				o := offer(bob, "photo", alice)
				tt.change(&o)
				sink, wanted, err := bob.again.Accept(t.Context(), o)
				if sink != nil || !wanted {
					t.Errorf("%v, %v", sink, wanted)
				}
				wantRefused(t, err, tt.reason)
				if there := filexfer.PartSize(bob.target("photo")); there != 1000 {
					t.Errorf("%d bytes are there now", there)
				}
			})
		})
	}
}

// A holder that answers OK and offers something else rests, as any other that
// fails.
func TestHolderOffersAnotherFile(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		mallory, bob := w.device("mallory"), w.device("bob")
		w.announce("photo", bytesOf("photo", 64_000))
		mallory.holds("photo", bytesOf("longer", 64_001))
		mallory.meets(bob)
		bob.wants("photo")
		if denied := bob.events.await(t, 1, is(Denied)); !errors.Is(denied.Err, ErrMismatch) {
			t.Errorf("%v", denied.Err)
		}
		settle(29 * time.Second)
		bob.wantStory("asked mallory", "denied mallory")
		bob.wantFolder()
	})
}
