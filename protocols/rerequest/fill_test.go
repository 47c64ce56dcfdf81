package rerequest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// trees is a bubble in which files are announced with the roots of their trees.
func trees(t *testing.T, run func(*testing.T, *world)) {
	t.Helper()
	bubble(t, func(t *testing.T, w *world) {
		w.hasTrees = true
		run(t, w)
	})
}

// at makes the device read its files so many bytes a second, whatever is read at
// a time.
func (d *testDevice) at(rate float64) {
	line := make(chan struct{}, 1) // held by who reads
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate = func(r io.ReadCloser) io.ReadCloser { return &slowReader{r, rate, line} }
}

type slowReader struct {
	io.ReadCloser
	rate float64
	line chan struct{}
}

func (r *slowReader) Seek(offset int64, whence int) (int64, error) {
	return r.ReadCloser.(io.Seeker).Seek(offset, whence)
}

func (r *slowReader) Read(p []byte) (int, error) {
	r.line <- struct{}{}
	defer func() { <-r.line }()
	n, err := r.ReadCloser.Read(p[:min(len(p), 64<<10)])
	<-time.After(time.Duration(float64(n) / r.rate * float64(time.Second)))
	return n, err
}

// brought is how many bytes a device was offered by another and has taken, by all
// transfers that have ended by now.
func (d *testDevice) brought(other *testDevice) (n int64) {
	settle(time.Second)
	last := make(map[string]filexfer.View)
	for _, v := range d.views.those(func(v filexfer.View) bool { return v.Incoming && v.Peer == other.id }) {
		last[v.ID] = v
	}
	for _, v := range last {
		n += v.Bytes
	}
	return n
}

// A file with a tree, from one device: one request, one transfer, as without.
func TestTreeFromOne(t *testing.T) {
	for _, size := range []int{0, 1, 1 << 20, 5<<20 + 3, 20 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			trees(t, func(t *testing.T, w *world) {
				alice, bob := w.device("alice"), w.device("bob")
				content := bytesOf("film", size)
				alice.holds("film", content)
				alice.meets(bob)
				bob.wants("film")
				done := bob.events.await(t, 1, is(Done))
				bob.got("film", content)
				settle(time.Hour)
				if size == 0 { // nothing is missing
					bob.wantStory("done bob")
					return
				}
				bob.wantStory("asked alice", "claimed alice", "done alice")
				alice.wantStory("serving bob", "served bob")
				if alice.looks != 1 || done.Path != filepath.Join(bob.folder, "film") || done.Have != int64(size) {
					t.Errorf("%d looks, %+v", alice.looks, done)
				}
			})
		})
	}
}

// Three holders of the same speed are nearly three times as fast as one.
func TestThreeHolders(t *testing.T) {
	took := func(holders int) (took time.Duration) {
		trees(t, func(t *testing.T, w *world) {
			bob := w.device("bob")
			content := bytesOf("film", 48<<20)
			for i := range holders {
				holder := w.device(fmt.Sprint("holder ", i))
				holder.holds("film", content)
				holder.at(2 << 20)
				holder.meets(bob)
			}
			before := time.Now()
			bob.wants("film")
			bob.events.await(t, 1, is(Done))
			took = time.Since(before)
			bob.got("film", content)
		})
		return took
	}
	one, three := took(1), took(3)
	if ratio := float64(one) / float64(three); ratio < 2.5 { // units are large against the file
		t.Errorf("%v with one, %v with three: %.2f times as fast", one, three, ratio)
	}
}

// Two holders are asked at once, and the offer of one comes before the other's request
// goes out: the other is not asked for the nothing that is left, nor rests for it, but
// becomes the second source.
func TestLateAsker(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		early, late, bob := w.device("early"), w.device("late"), w.device("bob")
		content := bytesOf("film", 40<<20)
		for _, holder := range []*testDevice{early, late} {
			holder.holds("film", content)
			holder.at(1 << 20)
		}
		bob.wants("film")
		synctest.Wait()
		a := bob.again.next(late.id, bob.again.appearances(late.id))
		early.meets(bob)
		bob.events.await(t, 1, by(Claimed, early))
		start, end, err := bob.again.rangeOf(a)
		if !errors.Is(err, errNotNeeded) {
			t.Errorf("the late one is asked for %d to %d, %v", start, end, err)
		}
		bob.again.settle(a, err)
		late.meets(bob)
		bob.events.await(t, 1, is(Done))
		bob.got("film", content)
		if bob.brought(late) == 0 {
			t.Error("only one holder brought something")
		}
	})
}

// A source of a tenth of the speed does not hold the file.
func TestSlowHolder(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		slow, fast, bob := w.device("slow"), w.device("fast"), w.device("bob")
		content := bytesOf("film", 40<<20)
		slow.holds("film", content)
		fast.holds("film", content)
		slow.at(400 << 10)
		fast.at(4 << 20)
		slow.meets(bob)
		bob.wants("film")
		bob.events.await(t, 1, by(Claimed, slow))
		before := time.Now()
		fast.meets(bob)
		bob.events.await(t, 1, is(Done))
		if took := time.Since(before); took > 13*time.Second {
			t.Errorf("it took %v", took)
		}
		bob.got("film", content)
		if all := bob.brought(slow) + bob.brought(fast); all > int64(len(content))+4<<20 {
			t.Errorf("%d bytes came of %d", all, len(content))
		}
	})
}

// wantOf is what a device makes of an offer that its user accepts.
func wantOf(d *testDevice, interaction string) func(filexfer.Offer) Want {
	return func(o filexfer.Offer) Want {
		target := d.target(interaction)
		target.Root = o.Root
		return Want{o.Conversation, o.Interaction, target}
	}
}

// An offer that is accepted brings the whole file, and its verdict is that of the
// file. It costs no request.
func TestAdopt(t *testing.T) {
	for _, size := range []int{0, 1, 40 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			trees(t, func(t *testing.T, w *world) {
				alice, bob := w.device("alice"), w.device("bob")
				content := bytesOf("film", size)
				alice.holds("film", content)
				alice.meets(bob)
				bob.adopts = wantOf(bob, "film")
				if err := alice.sends(bob, "film", 0); err != nil {
					t.Fatal(err)
				}
				if len(bob.events.those(is(Done))) != 1 {
					t.Error("the verdict came before Done")
				}
				bob.got("film", content)
				finished := bob.views.await(t, 1, func(v filexfer.View) bool { return v.State == filexfer.Finished })
				if finished.Path != filepath.Join(bob.folder, "film") {
					t.Errorf("path %q", finished.Path)
				}
				settle(time.Hour)
				bob.wantStory("done alice")
				alice.wantStory()
			})
		})
	}
}

// Neither the root nor the entry is known when the file is offered.
func TestAdoptWhatFollows(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("film", 20<<20)
		alice.holds("film", content)
		alice.meets(bob)
		bob.adopts = wantOf(bob, "film")
		file, _ := alice.Held(t.Context(), talk, "film")
		file.Conversation, file.Sum, file.Root = talk, "", ""
		tree := *w.announced["film"].tree
		tree.Interaction = "film"
		file.Tree = func(context.Context) (filexfer.Tree, error) { return tree, nil }
		if _, err := alice.files.Send(t.Context(), bob.id, file); err != nil {
			t.Fatal(err)
		}
		bob.got("film", content)
		bob.wantStory("summed alice", "done alice")
		summed := bob.events.await(t, 1, is(Summed))
		if summed.Root != tree.Root.String() || summed.Interaction != "film" {
			t.Errorf("%+v", summed)
		}
	})
}

// What belongs to no entry is wanted as long as it is offered, and what came stays.
func TestAdoptNameless(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("film", 5<<20)
		alice.holds("film", content)
		alice.stops(3 << 20)
		alice.meets(bob)
		bob.adopts = func(filexfer.Offer) Want { return Want{Target: bob.target("film")} }
		file, _ := alice.Held(t.Context(), talk, "film")
		file.Tree = func(context.Context) (filexfer.Tree, error) { return *w.announced["film"].tree, nil }
		file.Root = ""
		ctx, cancel := context.WithCancel(t.Context())
		sent := make(chan error, 1)
		go func() { _, err := alice.files.Send(ctx, bob.id, file); sent <- err }()
		bob.events.await(t, 1, is(Progress))
		settle(time.Second)
		cancel()
		<-sent
		bob.events.await(t, 1, is(Freed))
		settle(time.Second)
		if there := filexfer.PartSize(bob.target("film")); there != 3<<20 {
			t.Errorf("%d bytes are there", there)
		}
		bob.wants("film") // by its entry, which is known meanwhile
		alice.mu.Lock()
		alice.gate = nil
		alice.mu.Unlock()
		bob.events.await(t, 1, is(Done))
		bob.got("film", content)
	})
}

// Others who are connected bring the rest of what one offers slowly; its offer
// ends well all the same.
func TestAdoptAndOthers(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		alice, bob, carla := w.device("alice"), w.device("bob"), w.device("carla")
		content := bytesOf("film", 40<<20)
		alice.holds("film", content)
		carla.holds("film", content)
		alice.at(1 << 20)
		carla.at(8 << 20)
		bob.meets(alice, carla)
		bob.adopts = wantOf(bob, "film")
		before := time.Now()
		if err := alice.sends(bob, "film", 0); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took > 9*time.Second {
			t.Errorf("it took %v", took)
		}
		bob.got("film", content)
	})
}

// One unit is wrong: it alone is fetched again, from another, and who brought it
// is asked for nothing more.
func TestWrongUnit(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		alice, bob, mallory := w.device("alice"), w.device("bob"), w.device("mallory")
		content := bytesOf("film", 8<<20)
		wrong := bytes.Clone(content)
		wrong[5<<20+17] ^= 1
		alice.holds("film", content)
		mallory.holds("film", wrong)
		mallory.meets(bob)
		bob.wants("film")
		if freed := bob.events.await(t, 1, by(Freed, mallory)); !errors.Is(freed.Err, ErrBadSum) {
			t.Errorf("%v", freed.Err)
		}
		mallory.cut(bob)
		mallory.meets(bob)
		alice.meets(bob)
		bob.events.await(t, 1, by(Done, alice))
		bob.got("film", content)
		if n := bob.brought(alice); n != 3<<20 {
			t.Errorf("alice brought %d bytes", n)
		}
	})
}

// Sources that never bring anything, and die, among others who do.
func TestMuteAndMortalHolders(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		alice, bob, mute, mortal := w.device("alice"), w.device("bob"), w.device("mute"), w.device("mortal")
		content := bytesOf("film", 40<<20)
		for _, d := range []*testDevice{alice, mute, mortal} {
			d.holds("film", content)
		}
		mute.stops(0)
		alice.at(2 << 20)
		mortal.at(2 << 20)
		bob.meets(mute)
		bob.wants("film")
		bob.events.await(t, 1, by(Claimed, mute))
		bob.meets(alice, mortal)
		bob.events.await(t, 1, by(Claimed, mortal))
		settle(3 * time.Second)
		mortal.goesOff()
		bob.events.await(t, 1, is(Done))
		bob.got("film", content)
		settle(time.Minute)
		if n := len(mute.events.those(is(Served))); n != len(mute.events.those(is(Serving))) {
			t.Errorf("%d transfers of mute have ended", n)
		}
	})
}

// A process ends in the middle; the next one goes on with what is missing.
func TestTreeAfterRestart(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("film", 12<<20)
		alice.holds("film", content)
		stop := alice.stops(7 << 20)
		alice.meets(bob)
		bob.wants("film")
		bob.events.await(t, 1, func(e Event) bool { return e.Have > 0 })
		settle(time.Second)
		bob.files.Close()
		bob.again.Close()
		stop.open()
		before := len(bob.events.those(is(Progress)))
		first := bob.brought(alice)
		bob.mount(Config{})
		bob.wants("film")
		if there := bob.events.await(t, before+1, is(Progress)); there.Have != 7<<20 || there.Device != "" || there.Size != int64(len(content)) {
			t.Errorf("%+v", there)
		}
		bob.again.Appeared(alice.id)
		bob.events.await(t, 1, is(Done))
		bob.got("film", content)
		if second := bob.brought(alice) - first; second != 5<<20 {
			t.Errorf("%d bytes came the second time", second)
		}
	})
}

// What a process before has left goes, too, if the file is given up while somebody is
// about to look at it.
func TestForgetBeforeTheFirstLook(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		alice.holds("film", bytesOf("film", 12<<20))
		alice.stops(7 << 20)
		alice.meets(bob)
		bob.wants("film")
		bob.events.await(t, 1, func(e Event) bool { return e.Have > 0 })
		settle(time.Second)
		bob.files.Close()
		bob.again.Close()
		bob.mount(Config{})
		bob.wants("film")
		bob.again.mu.Lock()
		film := bob.again.wants[key{talk, "film"}]
		bob.again.mu.Unlock()
		bob.again.use(film)
		if !bob.again.Forget(talk, "film") {
			t.Error("it was not wanted")
		}
		bob.again.unuse(film)
		settle(time.Second)
		if left, err := os.ReadDir(bob.folder); err != nil || len(left) > 0 {
			t.Errorf("%v is left, %v", left, err)
		}
	})
}

// What is not wanted any more leaves nothing, at once.
func TestForgetFill(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		alice, bob, carla := w.device("alice"), w.device("bob"), w.device("carla")
		content := bytesOf("film", 40<<20)
		alice.holds("film", content)
		carla.holds("film", content)
		alice.stops(2 << 20)
		carla.stops(30 << 20)
		bob.meets(alice, carla)
		bob.wants("film")
		bob.events.await(t, 2, is(Claimed))
		settle(time.Second)
		if !bob.again.Forget(talk, "film") {
			t.Error("it was not wanted")
		}
		settle(time.Second)
		bob.wantFolder()
		bob.wants("film")
		settle(time.Second)
		bob.again.Forget(talk, "film")
		settle(time.Hour)
		bob.wantFolder()
	})
}

// testLinks makes connections of which each is one more pipe.
type testLinks struct {
	from, to *testDevice
	rtt      time.Duration
	opened   atomic.Int32
}

func (l *testLinks) RTT(network.Conn) time.Duration { return l.rtt }

func (l *testLinks) Another(context.Context, peer.ID) (network.Conn, error) {
	l.opened.Add(1)
	l.from.connect(l.to)
	l.from.mu.Lock()
	defer l.from.mu.Unlock()
	links := l.from.links[l.to]
	return links[len(links)-1], nil
}

// On a long path a second connection is opened at once and used, on a short one
// none.
func TestSeveralLinks(t *testing.T) {
	for _, tt := range []struct {
		rtt  time.Duration
		size int
		more bool
	}{{50 * time.Millisecond, 40 << 20, true}, {time.Millisecond, 40 << 20, false}, {50 * time.Millisecond, 15 << 20, false}} {
		t.Run(fmt.Sprintf("%v %d", tt.rtt, tt.size), func(t *testing.T) {
			trees(t, func(t *testing.T, w *world) {
				links := &testLinks{rtt: tt.rtt}
				alice, bob := w.device("alice"), w.deviceWith("bob", Config{Links: links})
				links.from, links.to = bob, alice
				content := bytesOf("film", tt.size)
				alice.holds("film", content)
				alice.at(4 << 20)
				alice.meets(bob)
				bob.wants("film")
				bob.events.await(t, 1, is(Done))
				bob.got("film", content)
				conns := make(map[network.Conn]bool)
				for _, e := range bob.events.those(is(Claimed)) {
					conns[e.Offer.Conn] = true
				}
				opened := int(links.opened.Load())
				if (opened > 0) != tt.more || opened >= maxLinks || len(bob.events.those(is(Linked))) != opened || (len(conns) > 1) != tt.more {
					t.Errorf("%d more connections, used %d: %q", opened, len(conns), bob.story())
				}
			})
		})
	}
}

// Offers of a wanted file with a tree that are not what is wanted.
func TestOfferOfAnotherTree(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*filexfer.Offer)
		reason string
	}{
		{"other root", func(o *filexfer.Offer) { o.Root = anyRoot }, "root"},
		{"other total", func(o *filexfer.Offer) { o.Total++ }, "bytes"},
		{"more than the file", func(o *filexfer.Offer) { o.Offset += 1 << 20 }, "bytes"},
		{"within a unit", func(o *filexfer.Offer) { o.Offset, o.Size = 5, o.Size-5 }, "unit"},
		{"to within a unit", func(o *filexfer.Offer) { o.Size -= 5 }, "unit"},
		{"not what is missing", func(o *filexfer.Offer) { o.Offset, o.Size = 1<<20, o.Size-1<<20 }, "byte 0 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trees(t, func(t *testing.T, w *world) {
				alice, bob := w.device("alice"), w.device("bob")
				w.announce("film", bytesOf("film", 3<<20))
				bob.wants("film")
				settle(time.Second)
				o := offer(bob, "film", alice)
				o.Total, o.Root = o.Size, bob.target("film").Root
				tt.change(&o)
				sink, wanted, err := bob.again.Accept(t.Context(), o)
				if sink != nil || !wanted {
					t.Errorf("%v, %v", sink, wanted)
				}
				wantRefused(t, err, tt.reason)
			})
		})
	}
}

// The name is taken when the file is whole: it stays, and gets its name when it can.
func TestFillNameTaken(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("film", 3<<20)
		alice.holds("film", content)
		stop := alice.stops(2 << 20)
		alice.meets(bob)
		target := bob.target("film")
		target.Exact = true
		if err := bob.again.Want(Want{talk, "film", target}); err != nil {
			t.Fatal(err)
		}
		bob.events.await(t, 1, is(Claimed))
		settle(time.Second)
		other := filepath.Join(bob.folder, "film")
		if err := os.WriteFile(other, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		stop.open()
		if freed := bob.events.await(t, 1, is(Freed)); !errors.Is(freed.Err, filexfer.ErrExists) {
			t.Errorf("%v", freed.Err)
		}
		settle(time.Second)
		if err := os.Remove(other); err != nil {
			t.Fatal(err)
		}
		bob.events.await(t, 1, is(Done))
		bob.got("film", content)
		if n := bob.brought(alice); n != int64(len(content)) {
			t.Errorf("%d bytes came", n)
		}
	})
}

// The file is there already: no device is needed to give it its name.
func TestWholePart(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		bob := w.device("bob")
		content := bytesOf("film", 3<<20)
		w.announce("film", content)
		part, err := filexfer.OpenPart(t.Context(), bob.target("film"))
		if err != nil {
			t.Fatal(err)
		}
		sink := part.Range(0, int64(len(content)))
		if err := sink.SetSums(t.Context(), *w.announced["film"].tree); err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(content); at += 1 << 20 {
			if _, err := sink.Write(content[at : at+1<<20]); err != nil {
				t.Fatal(err)
			}
		}
		part.Close()
		bob.wants("film")
		bob.events.await(t, 1, is(Done))
		bob.got("film", content)
	})
}

// A sender that is lost when its last byte is there is not missed: the file gets its
// name, and nobody is asked for the rest of it, which is nothing.
func TestLostAfterTheLastByte(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("film", 3<<20+1)
		w.announce("film", content)
		bob.meets(alice)
		bob.wants("film")
		settle(time.Second)
		tree := *w.announced["film"].tree
		offer := filexfer.Offer{
			ID: "0123456789abcdef", From: alice.id, Conversation: talk, Interaction: "film",
			Name: "film", Size: int64(len(content)), Total: int64(len(content)), Root: tree.Root.String(),
		}
		sink, wanted, err := bob.again.Accept(t.Context(), offer)
		if err != nil || !wanted {
			t.Fatal(wanted, err)
		}
		units := sink.(filexfer.TreeSink)
		if err := units.SetSums(t.Context(), tree); err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(content) && err == nil; at += 1 << 20 {
			_, err = units.Write(content[at:min(at+1<<20, len(content))])
		}
		if !errors.Is(err, filexfer.ErrEnough) {
			t.Fatalf("the last unit: %v", err)
		}
		if err := units.Abort(); err != nil {
			t.Fatal(err)
		}
		bob.events.await(t, 1, is(Done))
		bob.got("film", content)
		settle(time.Hour)
		if n := len(bob.events.those(is(Freed))); n != 0 {
			t.Errorf("%d times freed", n)
		}
	})
}

// When the folder is missing nobody is asked; when it is there, the file comes.
func TestFillWithoutFolder(t *testing.T) {
	trees(t, func(t *testing.T, w *world) {
		alice, bob := w.device("alice"), w.device("bob")
		content := bytesOf("film", 3<<20)
		alice.holds("film", content)
		alice.meets(bob)
		target := bob.target("film")
		target.Dir = filepath.Join(bob.folder, "missing")
		if err := bob.again.Want(Want{talk, "film", target}); err != nil {
			t.Fatal(err)
		}
		if freed := bob.events.await(t, 1, is(Freed)); !errors.Is(freed.Err, filexfer.ErrNotWritable) {
			t.Errorf("%v", freed.Err)
		}
		settle(10 * time.Second)
		bob.wantStory("freed bob")
		if err := os.Mkdir(target.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		bob.events.await(t, 1, is(Done))
	})
}
