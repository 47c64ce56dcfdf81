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

	parts  map[string]*part
	most   int64 // Bytes, but for the 0 of rule 3
	failed State // the last failure other than Unjoinable
}

// part is what a Meta remembers of one device.
type part struct {
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
	p.state, p.bytes = s, max(p.bytes, bytes)
	p.started = p.started || s > Created && s <= Finished

	if m.State > TimeoutExpired {
		m.State = Invalid // rule 1
	}
	fallBack := false
	switch {
	case isProgress(s):
		m.State = m.further(s)
	case isFailure(s):
		fallBack = m.fail(s)
	}
	m.count(fallBack)
	return m.State != before || m.Bytes != shown
}

func isProgress(s State) bool { return s >= Created && s <= Finished }
func isFailure(s State) bool  { return s >= ClosedByHost && s <= TimeoutExpired }

func (m *Meta) part(name string) *part {
	if m.parts == nil {
		m.parts = make(map[string]*part)
	}
	if m.parts[name] == nil {
		m.parts[name] = new(part)
	}
	return m.parts[name]
}

// further is rule 2; a final State is further than all progress (rule 4).
func (m *Meta) further(s State) State { return max(m.State, s) }

// fail is rule 3. It tells whether what is shown fell back from Ongoing.
func (m *Meta) fail(s State) (fellBack bool) {
	if s != Unjoinable {
		m.failed = s
	}
	if m.State.Final() {
		return false // rule 4
	}
	best, started := m.living()
	switch {
	case best == Invalid:
		m.State = s
		if s == Unjoinable && started && m.failed != Invalid {
			m.State = m.failed
		}
		return false
	case m.State == Ongoing:
		m.State = best
		return true
	}
	return false
}

// living gives the furthest state of the parts that have not failed, Invalid
// when there are none, and whether any part ever started.
func (m *Meta) living() (best State, started bool) {
	for _, p := range m.parts {
		if isProgress(p.state) {
			best = max(best, p.state)
		}
		started = started || p.started
	}
	return best, started
}

// count is rule 5.
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
