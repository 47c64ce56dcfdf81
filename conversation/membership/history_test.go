package membership_test

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	"pgregory.net/rapid"

	"github.com/passeur-p2p/passeur/conversation"
	. "github.com/passeur-p2p/passeur/conversation/membership"
)

// history is a random conversation in one order of arrival.
type history struct {
	t        *rapid.T
	dice     *rand.Rand
	accounts []Account
	entries  []Entry
	times    []int // nondecreasing along parents
	book     *Book
	ref      *Reference
	// each, if set, is called after every entry.
	each func(h *history, row int, c Change)
}

// actions are what people do, the common things more often.
var actions = []conversation.Action{
	Data, Data, Data, Data, Data, Data, Invite, Invite, Invite, Invite, Join, Join, Join, Join, Join, Join,
	Promote, Promote, Promote, Ban, Ban, Remove, Remove, Unban, Unban, Demote, Demote, Leave, Revoke,
}

// modes are mostly groups, where most can happen.
var modes = []conversation.Mode{Group, Group, Group, Group, Group, OneToOne, Own}

// moves are what a history is drawn as: each number is one step, that is the
// seed of all choices in it. 0 is no step, so that what fails shrinks to few.
var moves = rapid.SliceOfN(rapid.Uint64(), 30, 80)

// drawHistory tells a story. Each step draws what it follows, the action, and who
// does it to whom among those who may; now and then somebody tries what he may
// not.
func drawHistory(t *rapid.T, each func(h *history, row int, c Change)) *history {
	h := &history{t: t, book: NewBook(), ref: &Reference{}, each: each}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"}[:rapid.IntRange(3, 6).Draw(t, "accounts")] {
		h.accounts = append(h.accounts, account(name))
	}
	first := Entry{Account: h.accounts[0], Device: "a1", Action: Initial, Mode: rapid.SampledFrom(modes).Draw(t, "mode")}
	if first.Mode == OneToOne {
		first.With = h.accounts[1]
	}
	h.dice = dice(0)
	h.add(first)
	if first.Mode == Group && rapid.Bool().Draw(t, "gathered") {
		h.gather()
	}
	for _, move := range moves.Draw(t, "moves") {
		if h.dice = dice(move); move != 0 {
			h.step()
		}
	}
	return h
}

// gather lets everybody join, and makes admins of the first two.
func (h *history) gather() {
	last := func() []int { return []int{len(h.entries) - 1} }
	for _, who := range h.accounts[1:] {
		h.add(Entry{Parents: last(), Account: h.accounts[0], Device: "a1", Action: Invite, Target: who})
		h.add(Entry{Parents: last(), Account: who, Device: peer.ID(string(who[:1]) + "1"), Action: Join})
	}
	for _, who := range h.accounts[1:3] {
		h.add(Entry{Parents: last(), Account: h.accounts[0], Device: "a1", Action: Promote, Target: who})
	}
}

func dice(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func pick[T any](d *rand.Rand, from []T) T { return from[d.IntN(len(from))] }

func (h *history) step() {
	parents, action, hostile := h.drawParents(), pick(h.dice, actions), h.dice.IntN(6) == 0
	options := h.options(parents, action)
	if !hostile {
		options = slices.DeleteFunc(options, func(e Entry) bool {
			_, err := h.book.Judge(e)
			return err != nil
		})
	}
	if len(options) > 0 {
		h.try(pick(h.dice, options))
	}
}

// drawParents: mostly heads, as honest devices do, else any old rows.
func (h *history) drawParents() []int {
	from, most := h.book.Heads(), len(h.book.Heads())
	switch h.dice.IntN(3) {
	case 0:
		from, most = rows(len(h.entries)), min(2, len(h.entries))
	case 1:
		return from
	}
	h.dice.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	parents := from[:1+h.dice.IntN(most)]
	slices.Sort(parents)
	return parents
}

func rows(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// options are all ways to do an action.
func (h *history) options(parents []int, action conversation.Action) (all []Entry) {
	for _, who := range h.accounts {
		for _, e := range h.ways(Entry{Parents: parents, Account: who, Action: action}) {
			for device := '1'; device <= '3'; device++ {
				e.Device = peer.ID(string(who[:1]) + string(device))
				all = append(all, e)
			}
		}
	}
	return all
}

func (h *history) ways(e Entry) (all []Entry) {
	switch e.Action {
	case Data, Join, Leave, Initial:
		return []Entry{e}
	case Revoke:
		for device := '1'; device <= '3'; device++ {
			e.Revoked = peer.ID(string(e.Account[:1]) + string(device))
			all = append(all, e)
		}
		return all
	}
	for _, whom := range h.accounts {
		e.Target = whom
		all = append(all, e)
	}
	return all
}

// try gives an entry to both, who must agree whether it is valid.
func (h *history) try(e Entry) {
	h.t.Helper()
	got, err := h.book.Judge(e)
	want, wantErr := h.ref.Judge(e)
	if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		h.t.Fatalf("book: %v, reference: %v, of %+v", err, wantErr, e)
	}
	if err != nil {
		return
	}
	if got.Rank != want.Rank || got.FirstOfDevice != want.FirstOfDevice {
		h.t.Fatalf("book: %+v, reference: %+v, of %+v", got, want, e)
	}
	h.accept(e, want)
}

func (h *history) add(e Entry) {
	h.t.Helper()
	v, err := h.ref.Judge(e)
	if err != nil {
		h.t.Fatalf("%+v: %v", e, err)
	}
	h.accept(e, v)
}

func (h *history) accept(e Entry, v Verdict) {
	h.t.Helper()
	h.ref.Add(e, v)
	row, c, err := h.book.Add(e)
	if err != nil {
		h.t.Fatalf("%+v: %v", e, err)
	}
	time := 0
	for _, p := range e.Parents {
		time = max(time, h.times[p]+h.dice.IntN(2))
	}
	h.entries, h.times = append(h.entries, e), append(h.times, time)
	if h.each != nil {
		h.each(h, row, c)
	}
}

// arrive is the same history in another order. It returns the book and the row
// there of each row here.
func (h *history) arrive() (b *Book, at []int) {
	h.t.Helper()
	b, at = NewBook(), slices.Repeat([]int{-1}, len(h.entries))
	order := dice(rapid.Uint64().Draw(h.t, "order"))
	for range h.entries {
		ready := slices.DeleteFunc(rows(len(h.entries)), func(row int) bool {
			return at[row] >= 0 || slices.ContainsFunc(h.entries[row].Parents, func(p int) bool { return at[p] < 0 })
		})
		row := pick(order, ready)
		e := h.entries[row]
		e.Parents = there(at, e.Parents)
		var err error
		if at[row], _, err = b.Add(e); err != nil {
			h.t.Fatalf("accepted in one order, refused in another: %v: %+v", err, e)
		}
	}
	return b, at
}

// there are rows of one order in another one.
func there(at, rows []int) (to []int) {
	for _, row := range rows {
		to = append(to, at[row])
	}
	slices.Sort(to)
	return to
}

func (h *history) isLive(row int) bool {
	_, void := h.book.Void(row)
	return !void
}

// shown are the live rows of a book in the order in which people see them: time,
// depth, name. at tells the row there of each row here, which serves as name.
func (h *history) shown(b *Book, at []int) (order []int) {
	depth := make([]int, len(h.entries))
	for row, e := range h.entries {
		for _, p := range e.Parents {
			depth[row] = max(depth[row], depth[p]+1)
		}
		if _, void := b.Void(at[row]); !void {
			order = append(order, row)
		}
	}
	slices.SortFunc(order, func(x, y int) int {
		return cmp.Or(h.times[x]-h.times[y], depth[x]-depth[y], x-y)
	})
	return order
}
