package membership_test

import (
	"flag"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	. "github.com/passeur-p2p/passeur/conversation/membership"
)

// TestMain lets PASSEUR_HISTORIES=2600 ask for more histories than the few that
// each property is tried on by default.
func TestMain(m *testing.M) {
	flag.Parse()
	checks := "25"
	if n := os.Getenv("PASSEUR_HISTORIES"); n != "" {
		checks = n
	}
	if err := flag.Set("rapid.checks", checks); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestPropertyAnyOrderOfArrivalGivesTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, nil)
		b, at := h.arrive()
		if got, want := b.Members(), h.book.Members(); !slices.Equal(got, want) {
			t.Fatalf("members are %v, in another order %v", want, got)
		}
		if got, want := b.Heads(), there(at, h.book.Heads()); !slices.Equal(got, want) {
			t.Fatalf("heads are %v, in another order %v", want, got)
		}
		for row := range h.entries {
			want, _ := h.book.Void(row)
			if got, _ := b.Void(at[row]); got != want {
				t.Fatalf("row %d is void %q, in another order %q", row, want, got)
			}
		}
		if got, want := h.shown(b, at), h.shown(h.book, rows(len(h.entries))); !slices.Equal(got, want) {
			t.Fatalf("shown as %v, in another order as %v", want, got)
		}
	})
}

func TestPropertyBookAgreesWithReferenceAfterEveryEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		void := map[int]bool{}
		var members []MemberStatus
		drawHistory(t, func(h *history, row int, c Change) {
			want := h.ref.State()
			compare(t, h.book, want)
			applyChange(t, void, c)
			for r, reason := range want.Void {
				if void[r] != (reason != "") {
					t.Fatalf("after row %d the changes say that row %d is void: %v; it is %q", row, r, void[r], reason)
				}
			}
			if c.State == slices.Equal(members, want.Members) {
				t.Fatalf("row %d: state changed: %v; members were %v, are %v", row, c.State, members, want.Members)
			}
			members = want.Members
		})
	})
}

// applyChange keeps a set of void rows by what Add reports.
func applyChange(t *rapid.T, void map[int]bool, c Change) {
	t.Helper()
	for _, row := range c.Void {
		if void[row] {
			t.Fatalf("row %d is void again", row)
		}
		void[row] = true
	}
	for _, row := range c.Live {
		if !void[row] {
			t.Fatalf("row %d lives again", row)
		}
		delete(void, row)
	}
	if !slices.IsSorted(c.Void) || !slices.IsSorted(c.Live) {
		t.Fatalf("changes are not in order: %+v", c)
	}
}

func TestPropertyRestoredBookIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, nil)
		b, judge := NewBook(), &Reference{}
		for _, e := range h.entries {
			v, err := judge.Judge(e)
			if err != nil {
				t.Fatalf("%v", err)
			}
			judge.Add(e, v)
			b.Restore(e, Verdict{Rank: v.Rank})
		}
		b.Settle()
		compare(t, b, h.ref.State())
		last := h.options(b.Heads(), Data)
		for _, e := range last {
			got, err := b.Judge(e)
			want, wantErr := h.book.Judge(e)
			if (err == nil) != (wantErr == nil) || got.Rank != want.Rank || got.FirstOfDevice != want.FirstOfDevice {
				t.Fatalf("restored: %+v %v, before: %+v %v", got, err, want, wantErr)
			}
		}
	})
}

func TestPropertyAncestors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, nil)
		for young := range h.entries {
			closure := h.book.Ancestors([]int{young})
			for old := range h.entries {
				want := h.ref.IsAncestor(old, young)
				if got := h.book.IsAncestor(old, young); got != want {
					t.Fatalf("%d ancestor of %d: %v, want %v", old, young, got, want)
				}
				if got := closure.Has(old); got != (want || old == young) {
					t.Fatalf("%d in the closure of %d: %v", old, young, got)
				}
			}
		}
	})
}

func TestPropertyWhoIsInCanWriteAndItCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, nil)
		for _, who := range h.accounts {
			e := Entry{Parents: h.book.Heads(), Account: who, Device: "new", Action: Data}
			in := h.book.Status(who).In()
			if may := h.book.May(who, "new", Data, Account{}); (may == nil) != in {
				t.Fatalf("%s is %q, and may write: %v", who[:1], h.book.Status(who), may)
			}
			if !in {
				continue
			}
			h.add(e)
			if why, void := h.book.Void(len(h.entries) - 1); void {
				t.Fatalf("%s is %q, what it writes is void: %s", who[:1], h.book.Status(who), why)
			}
		}
	})
}

func TestPropertyAdminsWerePromotedByTheCreator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, nil)
		for _, m := range h.book.Members() {
			if m.Status != Admin {
				continue
			}
			if !slices.ContainsFunc(rows(len(h.entries)), func(row int) bool {
				e := h.entries[row]
				return e.Action == Promote && e.Target == m.Account && e.Account == h.book.Creator() && h.isLive(row)
			}) {
				t.Fatalf("%s is admin by nobody's word", m.Account[:1])
			}
		}
	})
}

func TestPropertyWhatIsCutOffStaysCutOff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, nil)
		for row, x := range h.entries {
			if !h.isLive(row) || x.Action != Ban && x.Action != Remove && x.Action != Revoke {
				continue
			}
			verdict, _ := h.book.Judge(x)
			for other, e := range h.entries {
				if h.ref.IsAncestor(other, row) || h.ref.IsAncestor(row, other) || other == row || !h.isLive(other) {
					continue
				}
				ev, _ := h.book.Judge(e)
				switch {
				case e.Action == Initial || e.Action == Revoke:
				case x.Action == Revoke && e.Account == x.Account && e.Device == x.Revoked,
					x.Action != Revoke && e.Account == x.Target && ev.Rank > verdict.Rank:
					t.Fatalf("row %d outlives row %d", other, row)
				}
			}
		}
	})
}

// A banned account may add what was valid in its own past, as much as it likes.
func TestPropertyTheBannedChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, nil)
		m, ok := drawZombie(h)
		if !ok {
			return
		}
		h.letLoose(func(e Entry) bool {
			return e.Account == m.Account && (e.Action != Revoke || m.Rank == RankOwner)
		})
	})
}

// drawZombie picks a banned account whose ban is for good: one that was admin is
// cut off by the owner only.
func drawZombie(h *history) (m MemberStatus, ok bool) {
	zombies := slices.DeleteFunc(h.book.Members(), func(m MemberStatus) bool {
		promoted := slices.ContainsFunc(h.entries, func(e Entry) bool { return e.Action == Promote && e.Target == m.Account })
		return m.Status != Banned || promoted && m.Rank > RankOwner
	})
	if len(zombies) == 0 {
		return m, false
	}
	return rapid.SampledFrom(zombies).Draw(h.t, "zombie"), true
}

// A thief of a revoked device has no account key, so he cannot revoke others.
func TestPropertyRevokedDevicesChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, nil)
		revocations := slices.DeleteFunc(rows(len(h.entries)), func(row int) bool {
			return h.entries[row].Action != Revoke || !h.isLive(row)
		})
		if len(revocations) == 0 {
			return
		}
		r := h.entries[rapid.SampledFrom(revocations).Draw(t, "revocation")]
		h.letLoose(func(e Entry) bool {
			return e.Account == r.Account && e.Device == r.Revoked && e.Action != Revoke
		})
	})
}

// letLoose adds what a cut off party can, after any old rows and after its own
// new ones, and checks that nothing of it counts.
func (h *history) letLoose(his func(Entry) bool) {
	h.t.Helper()
	members, before := h.book.Members(), len(h.entries)
	var void []bool
	for row := range before {
		void = append(void, !h.isLive(row))
	}
	heads, shown := h.book.Heads(), h.shown(h.book, rows(before))
	for _, move := range moves.Draw(h.t, "zombie moves") {
		h.dice = dice(move)
		parents := []int{h.dice.IntN(len(h.entries))}
		options := h.options(parents, pick(h.dice, actions))
		options = slices.DeleteFunc(options, func(e Entry) bool {
			_, err := h.book.Judge(e)
			return err != nil || !his(e)
		})
		if len(options) > 0 {
			h.add(pick(h.dice, options))
		}
	}
	if got := h.book.Members(); !slices.Equal(got, members) {
		h.t.Fatalf("members were %v, are %v", members, got)
	}
	for row := range h.entries {
		if row < before && h.isLive(row) == void[row] {
			h.t.Fatalf("row %d is live: %v", row, h.isLive(row))
		}
		if row >= before && h.isLive(row) && h.entries[row].Action != Revoke {
			h.t.Fatalf("row %d is live: %+v", row, h.entries[row])
		}
	}
	revokes := slices.ContainsFunc(h.entries[before:], func(e Entry) bool { return e.Action == Revoke })
	if !revokes && !slices.Equal(h.book.Heads(), heads) {
		h.t.Fatalf("heads were %v, are %v", heads, h.book.Heads())
	}
	if !revokes && !slices.Equal(h.shown(h.book, rows(len(h.entries))), shown) {
		h.t.Fatalf("shown in another order")
	}
}

func TestPropertyShownOrderPutsParentsFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, nil)
		order := h.shown(h.book, rows(len(h.entries)))
		for i, row := range order {
			for _, later := range order[i+1:] {
				if h.ref.IsAncestor(later, row) {
					t.Fatalf("row %d is shown after %d, which follows it", later, row)
				}
			}
		}
	})
}
