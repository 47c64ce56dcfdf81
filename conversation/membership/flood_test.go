package membership_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	. "github.com/passeur-p2p/passeur/conversation/membership"
)

// large is a size as an attacker would choose it, if PASSEUR_LARGE is set, or
// one small enough for every day.
func large(attack, everyDay int) int {
	if os.Getenv("PASSEUR_LARGE") != "" {
		return attack
	}
	return everyDay
}

// flood is a scene without the memory of what was told.
type flood struct {
	*scene
	base int
}

func newFlood(t *testing.T) *flood {
	s, h := group(t)
	return &flood{s, h}
}

func (f *flood) data(who string, after ...int) int {
	f.t.Helper()
	row, _, err := f.book.Add(entry(who, Data, "", after...))
	if err != nil {
		f.t.Fatal(err)
	}
	return row
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// bounded checks what each row cost since before.
func (f *flood) bounded(before uint64, most int) {
	f.t.Helper()
	if after := heap(); after > before && int(after-before)/f.book.Len() > most {
		f.t.Errorf("%d rows take %d bytes each, want %d at most", f.book.Len(), int(after-before)/f.book.Len(), most)
	}
	runtime.KeepAlive(f.book)
}

func TestAttackFanOfHeads(t *testing.T) {
	before := heap()
	f := newFlood(t)
	n := large(1_000_000, 20_000)
	for range n {
		f.data("m2", f.base)
	}
	f.bounded(before, 100)
	if got := len(f.book.Heads()); got != n {
		t.Errorf("%d heads, want %d", got, n)
	}
	ban := f.add("a", Ban, "m", f.base)
	f.heads(ban)
	if err := f.book.May(account("n"), "n1", Data, Account{}); err != nil {
		t.Error(err)
	}
}

func TestAttackLongChain(t *testing.T) {
	before := heap()
	f := newFlood(t)
	last := f.base
	for range large(100_000, 20_000) {
		last = f.data("m", last)
	}
	f.bounded(before, 100)
	if !f.book.IsAncestor(f.base+1, last) || f.book.Ancestors([]int{last}).Count() != f.book.Len() {
		t.Error("the chain is broken")
	}
	ban := f.add("b", Ban, "m", f.base)
	f.heads(ban)
	// A colluder takes up the whole void chain.
	colluder := f.data("n", last)
	f.heads(ban, colluder)
	if _, void := f.book.Void(last); !void {
		t.Error("the end of the chain is live")
	}
	// Once the owner has banned the banner the chain counts again.
	_, change, err := f.book.Add(entry("a", Ban, "b", colluder))
	if err != nil || len(change.Live) != last-f.base {
		t.Errorf("%d rows live again, %v; want %d", len(change.Live), err, last-f.base)
	}
}

func TestAttackWideComb(t *testing.T) {
	before := heap()
	f := newFlood(t)
	width, length := 1000, large(100, 10)
	tips := make([]int, width)
	for i := range tips {
		tips[i] = f.base
	}
	for range length {
		for i := range tips {
			tips[i] = f.data([]string{"m", "n", "b", "c"}[i%4], tips[i])
		}
	}
	f.bounded(before, 100)
	if got := len(f.book.Heads()); got != width {
		t.Errorf("%d heads, want %d", got, width)
	}
	for len(tips) > 1 {
		n := min(16, len(tips))
		tips = append(tips[n:], f.data("m", tips[:n]...))
	}
	f.heads(tips[0])
	if f.book.Ancestors(tips).Count() != f.book.Len() {
		t.Error("the merge misses rows")
	}
}

// A comb of invitations that know nothing of each other, and entries that merge
// more and more of them: each has another past.
func TestAttackCombOfControlEntries(t *testing.T) {
	before := heap()
	f := newFlood(t)
	width := large(2000, 300)
	zip := f.base
	for i := range width {
		e := entry("b", Invite, "", f.base)
		e.Target = account(fmt.Sprint("sybil ", i))
		row, _, err := f.book.Add(e)
		if err != nil {
			t.Fatal(err)
		}
		zip = f.data("m", zip, row)
	}
	f.bounded(before, 1000)
	f.heads(zip)
	ban := f.add("a", Ban, "b", f.base)
	f.heads(zip, ban)
	if got := f.book.Status(account("sybil 7")); got != None {
		t.Errorf("sybil is %q", got)
	}
}

// An admin invites and removes the same account for ever.
func TestAttackControlStormEndsAtTheCap(t *testing.T) {
	f := newFlood(t)
	last, controls := f.base, f.base+1
	storm := func(who string, upTo int) {
		for ; controls <= upTo; controls++ {
			e := entry(who, Invite, "z", last)
			if f.book.Status(account("z")) == Invited {
				e.Action = Remove
			}
			row, _, err := f.book.Add(e)
			if err != nil {
				t.Fatalf("after %d control entries: %v", controls, err)
			}
			last = row
		}
	}
	storm("b", ControlCap)
	f.refused("b", Invite, "y", last)
	f.refused("m", Leave, "", last)
	text := f.data("m", last)
	storm("a", OwnerControlCap)
	f.refused("a", Invite, "y", last)
	f.refused("a", Ban, "b", last)
	text = f.data("m", last, text)
	f.heads(text)
	// Old parents are no way round: there the past is short, but so is the effect.
	f.add("b", Invite, "y", f.base)
}

func TestAttackFloodFromManyDevices(t *testing.T) {
	before := heap()
	f := newFlood(t)
	last := f.base
	for i := range large(100_000, 10_000) {
		e := entry("m", Data, "", last)
		e.Device = peer.ID(fmt.Sprint("device ", i))
		v, err := f.book.Judge(e)
		if err != nil || !v.FirstOfDevice {
			t.Fatalf("%+v, %v", v, err)
		}
		if last, _, err = f.book.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	f.bounded(before, 400)
	ban := f.add("b", Ban, "m", f.base)
	f.heads(ban)
}
