package filexfer

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// report is what a part says, and what is to be shown after it.
type report struct {
	part  string
	state State
	bytes int64
	shown State
	count int64
}

// Jami's rules, and its usual sequences of event codes.
func TestMetaRules(t *testing.T) {
	cases := map[string]struct {
		parts   string // known beforehand, one letter each
		reports []report
	}{
		"sequence: accepted, 1 3 5 6": {"a", []report{
			{"a", AwaitingPeer, 0, AwaitingPeer, 0},
			{"a", Ongoing, 0, Ongoing, 0},
			{"a", Ongoing, 64, Ongoing, 64},
			{"a", Finished, 64, Finished, 64},
		}},
		"sequence: refused, 1 3 8": {"a", []report{
			{"a", AwaitingPeer, 0, AwaitingPeer, 0},
			{"a", ClosedByPeer, 0, ClosedByPeer, 0},
		}},
		"rule 2: the furthest of all progress": {"abc", []report{
			{"a", AwaitingPeer, 0, AwaitingPeer, 0},
			{"b", Ongoing, 0, Ongoing, 0},
			{"c", AwaitingPeer, 0, Ongoing, 0},
			{"a", Ongoing, 0, Ongoing, 0},
			{"a", Finished, 9, Finished, 9},
			{"b", Ongoing, 5, Finished, 9},
		}},
		"rule 3: one refuses, another still asks its user": {"ab", []report{
			{"a", AwaitingPeer, 0, AwaitingPeer, 0},
			{"b", AwaitingPeer, 0, AwaitingPeer, 0},
			{"a", ClosedByPeer, 0, AwaitingPeer, 0},
			{"b", Ongoing, 0, Ongoing, 0},
		}},
		"rule 3: all refuse, the last one is shown": {"abc", []report{
			{"a", AwaitingPeer, 0, AwaitingPeer, 0},
			{"b", AwaitingPeer, 0, AwaitingPeer, 0},
			{"c", AwaitingPeer, 0, AwaitingPeer, 0},
			{"a", ClosedByPeer, 0, AwaitingPeer, 0},
			{"c", ClosedByPeer, 0, AwaitingPeer, 0},
			{"b", TimeoutExpired, 0, TimeoutExpired, 0},
		}},
		"rule 3: the one that flows fails, back to the furthest of the living": {"abc", []report{
			{"a", Ongoing, 70, Ongoing, 70},
			{"b", AwaitingPeer, 0, Ongoing, 70},
			{"a", ClosedByPeer, 80, AwaitingPeer, 0},
			{"c", AwaitingPeer, 0, AwaitingPeer, 0},
			{"b", Ongoing, 0, Ongoing, 0},
		}},
		"rule 3: one that was never shown fails beside one that flows": {"ab", []report{
			{"a", Ongoing, 70, Ongoing, 70},
			{"b", ClosedByPeer, 0, Ongoing, 0},
			{"a", Ongoing, 70, Ongoing, 0},
			{"a", Ongoing, 71, Ongoing, 71},
		}},
		"rule 4: one has finished, the others refuse": {"abc", []report{
			{"a", Ongoing, 5, Ongoing, 5},
			{"b", Ongoing, 5, Ongoing, 5},
			{"a", Finished, 9, Finished, 9},
			{"b", ClosedByPeer, 5, Finished, 9},
			{"c", TimeoutExpired, 0, Finished, 9},
		}},
		"rule 4: all have failed, a new part does not revive it": {"a", []report{
			{"a", ClosedByPeer, 0, ClosedByPeer, 0},
			{"b", Created, 0, ClosedByPeer, 0},
			{"b", TimeoutExpired, 0, ClosedByPeer, 0},
		}},
		"rule 5: the most that one has passed": {"ab", []report{
			{"a", Ongoing, 10, Ongoing, 10},
			{"b", Ongoing, 4, Ongoing, 10},
			{"b", Ongoing, 12, Ongoing, 12},
			{"a", Ongoing, 11, Ongoing, 12},
		}},
		"rule 5: after falling back 0, until the most is passed": {"ab", []report{
			{"a", Ongoing, 70, Ongoing, 70},
			{"b", Ongoing, 20, Ongoing, 70},
			{"a", ClosedByPeer, 70, Ongoing, 0},
			{"b", Ongoing, 69, Ongoing, 0},
			{"b", Ongoing, 71, Ongoing, 71},
		}},
		"unjoinable: none could be reached": {"ab", []report{
			{"a", Unjoinable, 0, Created, 0},
			{"b", Unjoinable, 0, Unjoinable, 0},
		}},
		"unjoinable: not while another is being dialled": {"ab", []report{
			{"a", Unjoinable, 0, Created, 0},
			{"b", AwaitingPeer, 0, AwaitingPeer, 0},
			{"b", Ongoing, 0, Ongoing, 0},
			{"b", Finished, 9, Finished, 9},
		}},
		"unjoinable: the last one, but another had started": {"ab", []report{
			{"a", AwaitingPeer, 0, AwaitingPeer, 0},
			{"a", ClosedByPeer, 0, AwaitingPeer, 0},
			{"b", Unjoinable, 0, ClosedByPeer, 0},
		}},
		"unjoinable: the first one, and the other refuses": {"ab", []report{
			{"a", Unjoinable, 0, Created, 0},
			{"b", AwaitingPeer, 0, AwaitingPeer, 0},
			{"b", ClosedByPeer, 0, ClosedByPeer, 0},
		}},
		"an ended part says nothing more": {"ab", []report{
			{"a", ClosedByPeer, 0, Created, 0},
			{"a", Ongoing, 50, Created, 0},
		}},
		"a code that no rule knows": {"a", []report{
			{"a", Ongoing, 3, Ongoing, 3},
			{"a", Invalid, 4, Ongoing, 4},
			{"a", TimeoutExpired + 1, 5, Ongoing, 5},
			{"a", ClosedByHost, 5, ClosedByHost, 5},
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var m Meta
			for _, part := range c.parts {
				m.Add(string(part))
			}
			for i, r := range c.reports {
				before := [2]any{m.State, m.Bytes}
				changed := m.Update(r.part, r.state, r.bytes)
				if m.State != r.shown || m.Bytes != r.count {
					t.Fatalf("report %d: shown %v, %d; want %v, %d", i+1, m.State, m.Bytes, r.shown, r.count)
				}
				if changed != (before != [2]any{m.State, m.Bytes}) {
					t.Errorf("report %d: changed %v", i+1, changed)
				}
			}
		})
	}
}

func TestMetaRule1UnknownCodeCountsAsInvalid(t *testing.T) {
	m := Meta{State: TimeoutExpired + 1}
	if changed := m.Add("a"); !changed || m.State != Created {
		t.Errorf("changed %v, shown %v", changed, m.State)
	}
}

func TestMetaAddsOnce(t *testing.T) {
	var m Meta
	if m.State != Invalid || !m.Add("a") || m.Add("a") || m.Add("b") || m.State != Created {
		t.Errorf("shown %v", m.State)
	}
}

// Whatever the parts do, in whatever order: what holds of every view.
func TestMetaInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Meta
		parts := map[string]*witness{}
		for i := range rapid.IntRange(1, 5).Draw(t, "parts") {
			name := fmt.Sprint(i)
			m.Add(name)
			parts[name] = &witness{state: Created}
		}
		for range rapid.IntRange(0, 40).Draw(t, "reports") {
			name := fmt.Sprint(rapid.IntRange(0, len(parts)-1).Draw(t, "part"))
			before := m
			p := parts[name]
			if p.step(t); p.late {
				m.Update(name, p.said, p.bytes+100)
				if m.State != before.State || m.Bytes != before.Bytes {
					t.Fatalf("an ended part changed %v to %v", before, m)
				}
				continue
			}
			changed := m.Update(name, p.state, p.bytes)
			if changed != (m.State != before.State || m.Bytes != before.Bytes) {
				t.Fatalf("changed %v from %v to %v", changed, before, m)
			}
			checkMeta(t, before, m, parts)
		}
	})
}

// witness is one part as the test drives it.
type witness struct {
	state, said   State
	bytes         int64
	late, started bool
}

// step lets the part report something that a transfer may report next.
func (w *witness) step(t *rapid.T) {
	failures := []State{ClosedByHost, ClosedByPeer, InvalidPath, Unjoinable, TimeoutExpired}
	next := map[State][]State{
		Created:      append(failures, AwaitingPeer),
		AwaitingPeer: append(failures[:3:3], TimeoutExpired, Ongoing),
		Ongoing:      append(failures[:3:3], Ongoing, Ongoing, Ongoing, Finished),
	}[w.state]
	if w.late = next == nil; w.late {
		w.said = rapid.SampledFrom([]State{Created, Ongoing, Finished, ClosedByHost}).Draw(t, "late")
		return
	}
	w.state = rapid.SampledFrom(next).Draw(t, "state")
	w.started = w.started || w.state > Created && w.state <= Finished
	if w.state == Ongoing || w.state == Finished {
		w.bytes += rapid.Int64Range(0, 10).Draw(t, "bytes")
	}
}

func checkMeta(t *rapid.T, before, m Meta, parts map[string]*witness) {
	furthest, most, started, finished := Invalid, int64(0), false, false
	for _, p := range parts {
		if p.state <= Finished {
			furthest = max(furthest, p.state)
		}
		most = max(most, p.bytes)
		started, finished = started || p.started, finished || p.state == Finished
	}
	switch {
	case finished && m.State != Finished:
		t.Fatalf("one has finished, shown is %v", m.State)
	case !finished && furthest == Invalid && m.State <= Finished:
		t.Fatalf("all have failed, shown is %v", m.State)
	case furthest != Invalid && m.State > Finished:
		t.Fatalf("one lives as %v, shown is %v", furthest, m.State)
	case m.State == Unjoinable && started:
		t.Fatal("unjoinable, though one had started")
	case m.State < before.State && before.State != Ongoing:
		t.Fatalf("back from %v to %v", before.State, m.State)
	case m.State == Ongoing && furthest != Ongoing:
		t.Fatalf("nothing flows (%v), shown is %v", furthest, m.State)
	case m.Bytes != 0 && m.Bytes != most:
		t.Fatalf("%d bytes shown, the most is %d", m.Bytes, most)
	case m.Bytes < before.Bytes && (before.State != Ongoing || m.Bytes != 0):
		t.Fatalf("bytes back from %d to %d", before.Bytes, m.Bytes)
	}
}
