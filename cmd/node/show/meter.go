package show

import "time"

// smoothing is the weight of the newest second in a Meter's rate.
const smoothing = 0.3

// Meter measures how fast bytes cross. Its zero value is ready.
type Meter struct {
	begun, last           time.Time
	first, previous, rate float64
}

// Add tells the meter that bytes had crossed at the time now, and gives the
// rate in bytes per second, smoothed over a few seconds; 0 if not known yet.
func (m *Meter) Add(now time.Time, bytes int64) float64 {
	n := float64(bytes)
	if m.begun.IsZero() {
		m.begun, m.last, m.first, m.previous = now, now, n, n
		return 0
	}
	step := now.Sub(m.last).Seconds()
	if step <= 0 {
		return m.rate
	}
	current := max(n-m.previous, 0) / step
	if m.rate == 0 {
		m.rate = current
	}
	weight := min(1, step*smoothing)
	m.rate += weight * (current - m.rate)
	m.last, m.previous = now, n
	return m.rate
}

// Mean gives the rate from the first Add to the last, 0 if not known.
func (m *Meter) Mean() float64 {
	took := m.last.Sub(m.begun).Seconds()
	if took <= 0 {
		return 0
	}
	return max(m.previous-m.first, 0) / took
}
