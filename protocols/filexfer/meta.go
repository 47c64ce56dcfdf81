package filexfer

// Meta is one outgoing transfer as its user sees it, whatever its parts do: a
// file is offered to every device of the other side, each is a part with a
// state of its own, and what is shown is the most hopeful of them. It is Jami's
// OptimisticMetaOutgoingInfo of 2018 to 2022: States are ordered, and
//
//  1. a State beyond TimeoutExpired counts as Invalid;
//  2. progress (Created to Finished) that is further than what is shown is shown;
//  3. a failure, while what is shown is not final, is shown once every part has
//     ended, and then it is the last one. While a part lives, a failure changes
//     what is shown only if that is Ongoing: to the furthest of the living,
//     with Bytes 0;
//  4. a final State stays: who refuses after one device has finished is not seen;
//  5. Bytes is the most that one part has passed and only grows, but for rule 3;
//     the most is not forgotten then, so that Bytes stays 0 until it is passed.
//
// And, from 2020 on: Unjoinable is shown only when every known part has ended
// and none had started. Where some had, the last failure that was another one
// is shown.
//
// The zero Meta shows Invalid and knows no part. Every part must be known (Add)
// before the first may fail. It is data: no lock, no clock.
type Meta struct {
	// State and Bytes are what is shown.
	State State
	Bytes int64

	parts  map[string]*partView
	most   int64 // Bytes, but for the 0 of rule 3
	failed State // the last failure other than Unjoinable
}

// partView is what a Meta remembers of one part.
type partView struct {
	state   State
	bytes   int64
	started bool // came further than Created
}

// Add makes a part known, as Created. One that is known stays what it is.
func (m *Meta) Add(name string) (changed bool) {
	if _, known := m.parts[name]; known {
		return false
	}
	return m.Update(name, Created, 0)
}

// Update takes over what one part reports: its state and how many bytes have
// passed. It tells whether what is shown changed. What a part reports after its
// end is ignored.
func (m *Meta) Update(name string, s State, bytes int64) (changed bool) {
	before, shown := m.State, m.Bytes
	p := m.part(name)
	if p.state.Final() {
		return false
	}
	p.bytes = max(p.bytes, bytes)
	if m.State > TimeoutExpired {
		m.State = Invalid // rule 1
	}
	fellBack := false
	switch {
	case isProgress(s):
		p.state, p.started = s, p.started || s > Created
		m.State = max(m.State, s) // rule 2, and rule 4: what is final is more
	case isFailure(s):
		p.state = s
		fellBack = m.fail(s)
	}
	m.count(fellBack)
	return m.State != before || m.Bytes != shown
}

func isProgress(s State) bool { return s >= Created && s <= Finished }
func isFailure(s State) bool  { return s >= ClosedByHost && s <= TimeoutExpired }

func (m *Meta) part(name string) *partView {
	if m.parts == nil {
		m.parts = make(map[string]*partView)
	}
	if m.parts[name] == nil {
		m.parts[name] = new(partView)
	}
	return m.parts[name]
}

// fail is rule 3. It tells whether what is shown fell back from Ongoing.
func (m *Meta) fail(s State) (fellBack bool) {
	if s != Unjoinable {
		m.failed = s
	}
	if m.State.Final() {
		return false // rule 4
	}
	best, started := m.survey()
	switch {
	case best == Invalid && s == Unjoinable && started && m.failed != Invalid:
		m.State = m.failed
	case best == Invalid:
		m.State = s
	case m.State == Ongoing:
		m.State = best
		return true
	}
	return false
}

// survey gives the furthest state of the parts that have not failed, Invalid
// when all have, and whether any ever started.
func (m *Meta) survey() (best State, started bool) {
	for _, p := range m.parts {
		if isProgress(p.state) {
			best = max(best, p.state)
		}
		started = started || p.started
	}
	return best, started
}

// count is rule 5. What a part had passed before it failed counts.
func (m *Meta) count(fellBack bool) {
	for _, p := range m.parts {
		if p.bytes > m.most {
			m.most, m.Bytes = p.bytes, p.bytes
		}
	}
	if fellBack {
		m.Bytes = 0
	}
}
