package history

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"pgregory.net/rapid"
)

// shape is a random history: for each entry, how far back its parents lie
// (0: all heads, at most 16).
type shape [][]int

func drawShape(rt *rapid.T, name string, most int) shape {
	back := rapid.SliceOfN(rapid.IntRange(0, 40), 1, 5)
	return rapid.SliceOfN(back, 0, most).Draw(rt, name)
}

// grow writes a shape to a device.
func (d *device) grow(t testing.TB, conv conversation.ID, s shape) {
	t.Helper()
	for i, backs := range s {
		rows := d.log.all(conv)
		var parents []conversation.ID
		seen := make(map[conversation.ID]bool)
		for _, back := range backs {
			ids := []conversation.ID{rows[max(0, len(rows)-back)%len(rows)].ID}
			if back == 0 {
				ids, _ = d.log.Heads(conv)
			}
			for _, id := range ids {
				if !seen[id] && len(parents) < conversation.MaxParents {
					seen[id] = true
					parents = append(parents, id)
				}
			}
		}
		d.log.put(d.after(t, conv, fmt.Sprintf("%s %d", d.name, i), parents...))
	}
}

// random makes two devices with a common history and different ones since.
type random struct {
	common, alices, bobs shape
	entries              int // in an answer
}

func drawRandom(rt *rapid.T, most int) random {
	return random{
		drawShape(rt, "common", most), drawShape(rt, "alice's", most), drawShape(rt, "bob's", most),
		rapid.SampledFrom([]int{1, 2, 7, 512}).Draw(rt, "entries in an answer"),
	}
}

func (r random) build(t testing.TB, knife *scissors) (alice, bob *device, conv conversation.ID) {
	w := newWorld(t)
	small := func(c *Config) { c.Limits.Entries = r.entries }
	alice = w.device("alice", newPerson(t, "alice"), small)
	bob = w.device("bob", newPerson(t, "bob"), small)
	if knife != nil {
		alice.wrap, bob.wrap = knife.wrap, knife.wrap
	}
	w.connect(alice, bob)
	conv = alice.first(t)
	alice.grow(t, conv, r.common)
	bob.log.put(alice.log.all(conv)...)
	alice.grow(t, conv, r.alices)
	bob.grow(t, conv, r.bobs)
	return alice, bob, conv
}

// P7: two random stores are equal after one exchange: as many WANTs as the
// answers need, and one more; nothing is given twice; and one who is merely
// behind is given what he lacks and no more, if one answer holds his heads.
func TestP7TwoRandomStores(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRandom(rt, 30)
		var failure error
		bubble(t, func(t *testing.T) {
			alice, bob, conv := r.build(t, nil)
			failure = errors.Join(bob.trySync(t, alice), same(conv, alice, bob),
				bounded(alice, len(r.common)+1+len(r.alices), r), bounded(bob, len(r.common)+1+len(r.bobs), r))
		})
		if failure != nil {
			rt.Fatal(failure)
		}
	})
}

func bounded(d *device, entries int, r random) error {
	if d.log.served > entries || d.log.asked > d.log.served/r.entries+2 {
		return fmt.Errorf("%s gives %d of %d entries in %d answers of %d", d.name, d.log.served, entries, d.log.asked, r.entries)
	}
	return nil
}

// P7, behind: nothing is given that is here already.
func TestP7Behind(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRandom(rt, 30)
		r.bobs = nil
		var failure error
		bubble(t, func(t *testing.T) {
			alice, bob, conv := r.build(t, nil)
			heads, _ := bob.log.Heads(conv)
			failure = errors.Join(bob.trySync(t, alice), same(conv, alice, bob))
			if given := alice.log.served; len(heads) <= 16 && given != len(r.alices) {
				failure = errors.Join(failure, fmt.Errorf("%d entries given for %d", given, len(r.alices)))
			}
		})
		if failure != nil {
			rt.Fatal(failure)
		}
	})
}

// P7, cut: whatever frame a stream is cut in, the next one ends it.
func TestP7CutInEveryFrame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRandom(rt, 15)
		frames := rapid.IntRange(0, 40).Draw(rt, "frames until the cut")
		var failure error
		bubble(t, func(t *testing.T) {
			knife := &scissors{left: frames}
			alice, bob, conv := r.build(t, knife)
			bob.trySync(t, alice)
			settle(time.Second)
			knife.set(-1)
			failure = errors.Join(bob.trySync(t, alice), same(conv, alice, bob))
		})
		if failure != nil {
			rt.Fatal(failure)
		}
	})
}

// P7, relay: two who never meet have the same in the end through a third.
func TestP7ThirdMemberRelays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRandom(rt, 20)
		var failure error
		bubble(t, func(t *testing.T) {
			alice, bob, conv := r.build(t, nil)
			w := newWorld(t)
			middle := w.device("carol", newPerson(t, "carol"), nil)
			w.devices = append(w.devices, alice, bob)
			middle.service.cfg.SourceOf = w.sourceFor(middle.person)
			for _, d := range []*device{alice, bob} {
				d.service.cfg.SourceOf = w.sourceFor(d.person)
			}
			w.part(alice, bob)
			w.connect(alice, middle)
			failure = middle.trySync(t, alice)
			w.part(alice, middle) // alice is absent
			w.connect(middle, bob)
			failure = errors.Join(failure, bob.trySync(t, middle), same(conv, middle, bob))
			w.connect(middle, alice)
			failure = errors.Join(failure, alice.trySync(t, middle), same(conv, alice, middle, bob))
			last := alice.write(t, conv, "through carol")
			settle(time.Second)
			failure = errors.Join(failure, same(conv, alice, middle, bob))
			if _, here := bob.log.convs[conv].row[last.ID]; !here {
				failure = errors.Join(failure, errors.New("the last word did not come"))
			}
		})
		if failure != nil {
			rt.Fatal(failure)
		}
	})
}
