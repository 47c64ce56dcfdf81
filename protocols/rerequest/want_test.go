package rerequest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Somebody who missed a file gets it from the one who has it.
func TestWantedFileComes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("photo", 3<<20)
		alice.holds("photo", content)
		alice.meets(bob)
		bob.wants("photo")
		bob.events.await(t, 1, is(Done))
		bob.got("photo", content)
		alice.events.await(t, 1, is(Served))
		bob.wantStory("asked alice", "claimed alice", "done alice")
		alice.wantStory("serving bob", "served bob")
	})
}

func TestEmptyFile(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		alice.holds("empty", nil)
		alice.meets(bob)
		bob.wants("empty")
		bob.events.await(t, 1, is(Done))
		bob.got("empty", nil)
	})
}

// The want comes first, and nobody is there; the holder appears later, and it
// comes without anybody's doing.
func TestHolderStartsLater(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("photo", 64_000)
		alice.holds("photo", content)
		alice.goesOff()
		bob.wants("photo")
		denied := bob.events.await(t, 1, is(Denied))
		if !errors.Is(denied.Err, ErrUnjoinable) || denied.Interaction != "photo" {
			t.Errorf("%+v", denied)
		}
		settle(time.Hour)
		alice.setOff(false)
		alice.meets(bob)
		before := time.Now()
		bob.events.await(t, 1, is(Done))
		if waited := time.Since(before); waited > time.Second {
			t.Errorf("it took %v after the holder appeared", waited)
		}
		bob.got("photo", content)
	})
}

// A holder that nobody tells of is found by trying again, less and less often.
func TestRetry(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("photo", 64_000)
		w.announce("photo", content)
		alice.meets(bob)
		bob.wants("photo")
		if denied := bob.events.await(t, 1, is(Denied)); !errors.Is(denied.Err, ErrNotHeld) || !errors.Is(denied.Err, ErrDenied) {
			t.Errorf("%v", denied.Err)
		}
		settle(2 * time.Hour)
		asked := len(bob.events.those(is(Asked)))
		if asked < 10 || asked > 20 { // 30 s, 1 min, 2, 4, 8, and then each 10 min
			t.Errorf("asked %d times in two hours", asked)
		}
		alice.holds("photo", content)
		bob.events.await(t, 1, is(Done))
		bob.got("photo", content)
	})
}

// Jami's testReaskForTransfer: the first offer is refused; asked for later, the
// file comes.
func TestReaskForTransfer(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("SEND", 64_000)
		alice.holds("SEND", content)
		alice.meets(bob)
		file, _ := alice.Held(t.Context(), talk, "SEND")
		file.Conversation, file.Interaction = talk, "SEND"
		if _, err := alice.files.Send(t.Context(), bob.id, file); !errors.Is(err, filexfer.ErrRefused) {
			t.Fatalf("an offer that nobody wants: %v", err)
		}
		bob.wantFolder()
		settle(10 * time.Second)
		bob.wants("SEND")
		bob.events.await(t, 1, is(Done))
		bob.got("SEND", content)
	})
}

// Jami's testBadSha3sumOut: other bytes of the same length stand where the file
// stood. The holder does not send them, and bob gets nothing.
func TestBadSha3sumOut(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		path := alice.holds("SEND", bytesOf("SEND", 64_000))
		alice.meets(bob)
		if err := os.WriteFile(path, bytesOf("other", 64_000), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		bob.wants("SEND")
		settle(45 * time.Second)
		for _, denied := range bob.events.those(is(Denied)) {
			if !errors.Is(denied.Err, ErrChanged) {
				t.Errorf("%v", denied.Err)
			}
		}
		if len(bob.events.those(is(Claimed))) > 0 || len(alice.events.those(is(Serving))) > 0 {
			t.Errorf("served: %q", bob.story())
		}
		bob.wantFolder()
	})
}

// Jami's testBadSha3sumIn: the holder does not look at what it sends. Bob does.
func TestBadSha3sumIn(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		w.announce("SEND", bytesOf("SEND", 64_000))
		alice.holds("SEND", bytesOf("other", 64_000))
		alice.meets(bob)
		bob.wants("SEND")
		if freed := bob.events.await(t, 1, is(Freed)); !errors.Is(freed.Err, ErrBadSum) {
			t.Errorf("%v", freed.Err)
		}
		settle(29 * time.Second)
		bob.wantStory("asked alice", "claimed alice", "freed alice")
		bob.wantFolder()
		if served := alice.events.await(t, 1, is(Served)); !errors.Is(served.Err, filexfer.ErrBadSum) {
			t.Errorf("the holder heard %v", served.Err)
		}
	})
}

// Jami's testAskToMultipleParticipants: two have the file, bob gets one good
// copy of it.
func TestAskToMultipleParticipants(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob, carla := w.device("alice"), w.device("bob"), w.device("carla")
		content := bytesOf("SEND", 64_000)
		alice.holds("SEND", content)
		carla.holds("SEND", content)
		bob.meets(alice, carla)
		bob.wants("SEND")
		bob.events.await(t, 1, is(Done))
		settle(time.Hour)
		bob.got("SEND", content)
		if done, claimed := bob.events.those(is(Done)), bob.events.those(is(Claimed)); len(done) != 1 || len(claimed) != 1 {
			t.Errorf("%q", bob.story())
		}
	})
}

// Jami's testResumeTransferAfterInterruption: the sender goes off in the middle
// of 12.8 MB and comes back. The rest comes without anybody's doing.
func TestResumeTransferAfterInterruption(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("SEND", 12_800_000)
		alice.holds("SEND", content)
		stop := alice.stops(5 << 20)
		alice.meets(bob)
		bob.wants("SEND")
		bob.events.await(t, 1, is(Claimed))
		settle(time.Second)
		alice.goesOff()
		if freed := bob.events.await(t, 1, is(Freed)); !errors.Is(freed.Err, ErrInterrupted) {
			t.Errorf("%v", freed.Err)
		}
		there := filexfer.PartSize(bob.target("SEND"))
		if there <= 0 || there >= int64(len(content)) {
			t.Errorf("%d bytes are there", there)
		}
		settle(time.Minute)
		stop.open()
		alice.setOff(false)
		alice.meets(bob)
		bob.events.await(t, 1, is(Done))
		bob.got("SEND", content)
		if second := bob.events.await(t, 2, is(Claimed)); second.Offer.Offset != there || second.Offer.Size != int64(len(content))-there {
			t.Errorf("bytes %d to %d came, %d were there", second.Offer.Offset, second.Offer.Offset+second.Offer.Size, there)
		}
	})
}

// A holder's connection breaks at 40 %; the next one goes on from there.
func TestNextHolderContinues(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob, carla := w.device("alice"), w.device("bob"), w.device("carla")
		content := bytesOf("photo", 5<<20)
		alice.holds("photo", content)
		carla.holds("photo", content)
		alice.stops(2 << 20)
		alice.meets(bob)
		bob.wants("photo")
		bob.events.await(t, 1, by(Claimed, alice))
		settle(time.Second)
		carla.meets(bob)
		settle(time.Second)
		alice.cut(bob)
		bob.events.await(t, 1, by(Done, carla))
		bob.got("photo", content)
		if second := bob.events.await(t, 2, is(Claimed)); second.Offer.Offset == 0 {
			t.Error("carla began anew")
		}
	})
}

// Jami's testDontDownloadExistingFile, as far as it is ours: what is done is not
// asked for again, whoever appears; and an exact name that is taken stays.
func TestDontDownloadExistingFile(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("SEND", 64_000)
		alice.holds("SEND", content)
		alice.meets(bob)
		bob.wants("SEND")
		bob.events.await(t, 1, is(Done))
		settle(time.Second)
		told := len(bob.story())
		alice.cut(bob)
		alice.meets(bob)
		settle(time.Hour)
		if len(bob.story()) != told {
			t.Errorf("%q", bob.story())
		}
		exact := bob.target("SEND")
		exact.Exact = true
		if err := bob.again.Want(Want{talk, "SEND", exact}); err != nil {
			t.Fatal(err)
		}
		if freed := bob.events.await(t, 1, is(Freed)); !errors.Is(freed.Err, filexfer.ErrExists) {
			t.Errorf("%v", freed.Err)
		}
		bob.got("SEND", content)
	})
}

// Jami's testTooLarge: there are 1000 bytes of something else. Jami gives up;
// here the sum shows it, and the file comes from its beginning, by the same
// holder, who is not to blame.
func TestTooLarge(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("SEND", 64_000)
		alice.holds("SEND", content)
		alice.meets(bob)
		bob.part("SEND", bytesOf("other", 1000))
		bob.wants("SEND")
		before := time.Now()
		bob.events.await(t, 1, is(Done))
		if waited := time.Since(before); waited > time.Second {
			t.Errorf("it took %v", waited)
		}
		bob.got("SEND", content)
		// alice may be asked before she has heard that what she sent was wrong
		story := bob.story()
		if i := slices.Index(story, "denied alice"); i > 0 {
			story = slices.Delete(story, i-1, i+1)
		}
		if want := []string{"asked alice", "claimed alice", "freed alice", "asked alice", "claimed alice", "done alice"}; !slices.Equal(story, want) {
			t.Errorf("bob saw %q, not %q", bob.story(), want)
		}
	})
}

// A part that is whole, too long, or whole and wrong.
func TestPartsOfAllSizes(t *testing.T) {
	content := bytesOf("photo", 64_000)
	for name, part := range map[string][]byte{
		"whole": content, "too long": bytesOf("other", 64_001), "wrong": bytesOf("other", 64_000),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				alice, bob := w.device("alice"), w.device("bob")
				alice.holds("photo", content)
				alice.meets(bob)
				bob.part("photo", part)
				bob.wants("photo")
				before := time.Now()
				bob.events.await(t, 1, is(Done))
				if waited := time.Since(before); waited > time.Second {
					t.Errorf("it took %v", waited)
				}
				bob.got("photo", content)
			})
		})
	}
}

// Two members serve different bytes: the liar costs one transfer, and is asked
// last from then on.
func TestWrongBytesThenTheNext(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob, mallory := w.device("alice"), w.device("bob"), w.device("mallory")
		content := bytesOf("photo", 1<<20)
		alice.holds("photo", content)
		mallory.holds("photo", bytesOf("other", 1<<20))
		mallory.meets(bob)
		bob.wants("photo")
		bob.events.await(t, 1, by(Freed, mallory))
		mallory.cut(bob)
		mallory.meets(bob) // appears anew, and waits for better ones all the same
		alice.meets(bob)
		bob.events.await(t, 1, by(Done, alice))
		bob.got("photo", content)
	})
}

// Of several who brought the part, one lies: nobody knows who. Then the file is
// taken from one device only, and so from the honest one in the end.
func TestWrongBytesInTheMiddle(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob, mallory := w.device("alice"), w.device("bob"), w.device("mallory")
		content := bytesOf("photo", 4<<20)
		alice.holds("photo", content)
		mallory.holds("photo", bytesOf("other", 4<<20))
		mallory.stops(2 << 20)
		for range 2 {
			mallory.meets(bob)
			if len(bob.events.those(is(Claimed))) == 0 {
				bob.wants("photo")
			}
			n := len(bob.events.those(by(Claimed, mallory)))
			bob.events.await(t, n+1, by(Claimed, mallory))
			settle(time.Second)
			mallory.cut(bob)
			bob.events.await(t, n+1, by(Freed, mallory))
			if n == 0 {
				alice.meets(bob)
				if freed := bob.events.await(t, 1, by(Freed, alice)); !errors.Is(freed.Err, ErrBadSum) {
					t.Errorf("%v", freed.Err)
				}
				alice.goesOff()
			}
		}
		alice.setOff(false)
		alice.meets(bob)
		bob.events.await(t, 1, by(Done, alice))
		bob.got("photo", content)
		if last := bob.events.await(t, 1, by(Done, alice)); last.Path != filepath.Join(bob.folder, "photo") {
			t.Errorf("path %q", last.Path)
		}
	})
}

// When the disk fails, nobody else is asked at once: it is not their fault.
func TestOwnFailureRests(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob, carla := w.device("alice"), w.device("bob"), w.device("carla")
		content := bytesOf("photo", 64_000)
		alice.holds("photo", content)
		carla.holds("photo", content)
		bob.meets(alice, carla)
		target := bob.target("photo")
		target.Dir = filepath.Join(bob.folder, "missing")
		if err := bob.again.Want(Want{talk, "photo", target}); err != nil {
			t.Fatal(err)
		}
		if freed := bob.events.await(t, 1, is(Freed)); !errors.Is(freed.Err, filexfer.ErrNotWritable) {
			t.Errorf("%v", freed.Err)
		}
		settle(20 * time.Second)
		if n := len(bob.events.those(is(Freed))); n != 1 {
			t.Errorf("%q", bob.story())
		}
		if err := os.Mkdir(target.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		bob.events.await(t, 1, is(Done))
	})
}

// Those who are connected are asked first; 40 devices that are off do not keep
// anybody waiting, and are not even dialled.
func TestConnectedFirst(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		bob, alice := w.device("bob"), w.device("alice")
		for _, name := range strings.Fields(strings.Repeat("x ", 40)) {
			w.bare(name + string(rune('a'+len(w.devices)))).goesOff()
		}
		content := bytesOf("photo", 64_000)
		alice.holds("photo", content)
		alice.connect(bob) // and nobody says so
		before := time.Now()
		bob.wants("photo")
		bob.events.await(t, 1, is(Done))
		if waited := time.Since(before); waited > headStart {
			t.Errorf("it took %v", waited)
		}
		settle(time.Minute)
		if len(bob.dials) > 0 {
			t.Errorf("dialled %q", bob.dials)
		}
	})
}

// Of 40 devices that are off and one that can be dialled, all are tried, some at
// a time.
func TestSlowDials(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		bob := w.device("bob")
		for range 40 {
			w.bare("x" + string(rune('a'+len(w.devices)))).goesOff()
		}
		alice := w.device("alice")
		content := bytesOf("photo", 64_000)
		alice.holds("photo", content)
		before := time.Now()
		bob.wants("photo")
		bob.events.await(t, 1, is(Done))
		if waited := time.Since(before); waited > headStart+3*unreachable {
			t.Errorf("it took %v", waited)
		}
		bob.got("photo", content)
	})
}

// As many files are fetched at a time as are allowed; the others follow.
func TestMaxFetching(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.deviceWith("alice", Config{MaxServingPerPeer: 100}), w.deviceWith("bob", Config{MaxFetching: 2})
		names := strings.Fields("a b c d e f")
		for _, name := range names {
			alice.holds(name, bytesOf(name, 64_000))
		}
		stop := alice.stops(1000)
		alice.meets(bob)
		for _, name := range names {
			bob.wants(name)
		}
		settle(10 * time.Second)
		if n := len(bob.events.those(is(Claimed))); n != 2 {
			t.Errorf("%d at a time", n)
		}
		stop.open()
		bob.events.await(t, len(names), is(Done))
		bob.wantFolder(names...)
	})
}

func TestWantErrors(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		bob := w.device("bob")
		w.announce("photo", nil)
		good := Want{talk, "photo", bob.target("photo")}
		for name, wrong := range map[string]func(*Want){
			"no conversation":  func(w *Want) { w.Conversation = "" },
			"long interaction": func(w *Want) { w.Interaction = strings.Repeat("x", MaxName+1) },
			"no sum":           func(w *Want) { w.Target.Sum = "" },
			"no hex":           func(w *Want) { w.Target.Sum = strings.Repeat("x", sumDigits) },
			"negative size":    func(w *Want) { w.Target.Size = -1 },
		} {
			bad := good
			wrong(&bad)
			if err := bob.again.Want(bad); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		if err := errors.Join(bob.again.Want(good)); err != nil {
			t.Error(err)
		}
		if err := bob.again.Want(good); !errors.Is(err, ErrWanted) {
			t.Errorf("twice: %v", err)
		}
		if bob.again.Forget(talk, "other") || !bob.again.Forget(talk, "photo") || bob.again.Forget(talk, "photo") {
			t.Error("Forget says something else")
		}
		bob.again.Close()
		if err := bob.again.Want(good); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

// Ten thousand files can be wanted, and no more; nobody is there, and it stays
// cheap.
func TestTooManyWants(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		bob, alice := w.device("bob"), w.bare("alice")
		alice.goesOff()
		target := filexfer.Target{Dir: bob.folder, Name: "x", Sum: strings.Repeat("0", sumDigits)}
		for i := range MaxWants {
			if err := bob.again.Want(Want{talk, string(rune('a' + i)), target}); err != nil {
				t.Fatal(err)
			}
		}
		if err := bob.again.Want(Want{talk, "one more", target}); !errors.Is(err, ErrTooMany) {
			t.Errorf("%v", err)
		}
		settle(5 * time.Minute)
		if n := len(bob.dials); n == 0 || n > 10 {
			t.Errorf("dialled %d times", n)
		}
	})
}

// Forget ends a running transfer and leaves nothing: at once when the app
// cancels it by its ID, as it should, or with the next byte.
func TestForgetDuringClaim(t *testing.T) {
	for name, end := range map[string]func(bob *testDevice, id string, stop *stopper){
		"cancelled": func(bob *testDevice, id string, _ *stopper) {
			if err := bob.files.Cancel(id); err != nil {
				bob.world.t.Error(err)
			}
		},
		"next byte": func(_ *testDevice, _ string, stop *stopper) { stop.open() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				alice, bob := w.device("alice"), w.device("bob")
				alice.holds("photo", bytesOf("photo", 4<<20))
				stop := alice.stops(2 << 20)
				alice.meets(bob)
				bob.wants("photo")
				claimed := bob.events.await(t, 1, is(Claimed))
				settle(time.Second)
				if !bob.again.Forget(talk, "photo") {
					t.Error("it was not wanted")
				}
				end(bob, claimed.Offer.ID, stop)
				bob.views.await(t, 1, func(v filexfer.View) bool { return v.State.Final() })
				settle(time.Hour)
				bob.wantFolder()
				bob.wantStory("asked alice", "claimed alice")
			})
		})
	}
}

// What is there of a file goes with the want, if nobody brings it.
func TestForgetIdle(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		bob := w.device("bob")
		w.announce("photo", bytesOf("photo", 64_000))
		bob.part("photo", bytesOf("photo", 1000))
		bob.wants("photo")
		settle(time.Second)
		bob.again.Forget(talk, "photo")
		bob.wantFolder()
	})
}

// Nobody hears of a want that is forgotten while a device thinks about it.
func TestForgetWhileAsking(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		bob, alice := w.device("bob"), w.bare("alice")
		ended := alice.silent()
		w.announce("photo", bytesOf("photo", 64_000))
		alice.meets(bob)
		bob.wants("photo")
		bob.events.await(t, 1, is(Asked))
		settle(time.Second)
		bob.again.Forget(talk, "photo")
		<-ended
		settle(time.Hour)
		bob.wantStory("asked alice")
	})
}

// Who is found to be a member while he is connected is asked at once.
func TestMemberAmongTheConnected(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		bob, alice := w.device("bob"), w.device("alice")
		content := bytesOf("photo", 64_000)
		alice.holds("photo", content)
		w.judge(alice, ErrNotMember)
		alice.meets(bob)
		bob.wants("photo")
		settle(time.Second)
		before := time.Now()
		w.judge(alice, nil)
		bob.again.Changed("another conversation")
		bob.again.Changed(talk)
		bob.events.await(t, 1, is(Done))
		if waited := time.Since(before); waited > time.Second {
			t.Errorf("it took %v", waited)
		}
		bob.got("photo", content)
	})
}

// A device that appears anew is asked at once, even if a request to it hangs in
// the connection that it had before.
func TestAppearedWhileAsking(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		bob, alice := w.device("bob"), w.device("alice")
		serve := alice.handle[ID]
		alice.silent()
		content := bytesOf("photo", 64_000)
		alice.holds("photo", content)
		alice.meets(bob)
		bob.wants("photo")
		bob.events.await(t, 1, is(Asked))
		settle(time.Second)
		alice.handle[ID] = serve
		before := time.Now()
		bob.again.Appeared(alice.id)
		settle(time.Second)
		alice.cut(bob)
		alice.connect(bob)
		bob.events.await(t, 1, is(Done))
		if waited := time.Since(before); waited > 5*time.Second {
			t.Errorf("it took %v", waited)
		}
		bob.got("photo", content)
	})
}

// Everything is under way at once when a device closes: a claim, an ask, a
// promise, a dial, a file that is served, a request half read.
func TestCloseWithEverythingUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		mute, idle, off := w.bare("mute"), w.bare("idle"), w.bare("off")
		mute.silent()
		idle.says("OK\n")
		off.goesOff()
		for _, name := range []string{"one", "two", "three"} {
			alice.holds(name, bytesOf(name, 4<<20))
		}
		bob.holds("four", bytesOf("four", 4<<20))
		alice.stops(1 << 20)
		bob.stops(1 << 20)
		bob.meets(alice, mute, idle)
		alice.wants("four")
		bob.wants("one")
		bob.wants("two")
		w.announce("nowhere", bytesOf("nowhere", 1))
		bob.wants("nowhere")
		half := mute.opens(bob)
		half.Write([]byte{0, 0})
		alice.events.await(t, 1, is(Claimed))
		bob.events.await(t, 2, is(Claimed))
		settle(10 * time.Second)
		bob.again.Close()
		bob.again.Close()
		bob.again.Appeared(alice.id)
		if sink, wanted, err := bob.again.Accept(t.Context(), offer(bob, "nowhere", alice)); sink != nil || !wanted || !errors.Is(err, filexfer.ErrClosed) {
			t.Errorf("Accept after Close: %v, %v, %v", sink, wanted, err)
		}
		if served := bob.events.await(t, 1, is(Served)); served.Err == nil {
			t.Error("the file was served")
		}
	})
}

// offer is what a device would offer of a file.
func offer(to *testDevice, interaction string, from *testDevice) filexfer.Offer {
	target := to.target(interaction)
	return filexfer.Offer{From: from.id, Size: target.Size, Sum: target.Sum, Conversation: talk, Interaction: interaction}
}
