package rerequest

import "time"

const (
	meterSlots = 16                     // how many moments a meter remembers
	meterGrain = 100 * time.Millisecond // how far they are apart at least
	slowest    = 1.0                    // bytes a second: what never came counts as this fast
)

// meter measures how fast bytes come, over the last meterSlots moments in which
// some did. The zero value has seen none.
type meter struct {
	total  int64
	seen   []reading
	before float64 // the rate up to begin
}

// reading is how many bytes had come at a moment.
type reading struct {
	at    time.Time
	total int64
}

// begin notes that bytes are to come from now on, after a time in which none
// were.
func (m *meter) begin(now time.Time) {
	m.before = m.rate()
	m.seen = []reading{{now, m.total}}
}

// add notes that n bytes have come.
func (m *meter) add(n int64, now time.Time) {
	m.total += n
	last := len(m.seen) - 1
	if last >= 1 && now.Sub(m.seen[last-1].at) < meterGrain {
		m.seen[last].total = m.total // the one before is fresh: this moment is as good as the last
		m.seen[last].at = now
		return
	}
	if len(m.seen) == meterSlots {
		m.seen = append(m.seen[:0], m.seen[1:]...)
	}
	m.seen = append(m.seen, reading{now, m.total})
}

// rate is bytes a second; 0 before anything was measured, that of before begin
// before anything was since.
func (m *meter) rate() float64 {
	last := len(m.seen) - 1
	if last < 1 {
		return m.before
	}
	came, took := m.seen[last].total-m.seen[0].total, m.seen[last].at.Sub(m.seen[0].at)
	return float64(came) / max(took, time.Millisecond).Seconds()
}
