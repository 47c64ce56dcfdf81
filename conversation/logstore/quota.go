package logstore

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// Quotas bound what is taken from others, for each account in each conversation
// if nothing else is said. They only pause: what is beyond them is not taken
// now, is not wrong, and is asked for again. A quota that is 0 has its default.
type Quotas struct {
	// Entries that are no control entries: 100,000.
	Entries int
	// Control entries: 2,000.
	Control int
	// Bytes of an account's entries: 64 MiB.
	Bytes int64
	// Total is how many bytes a whole conversation may take: 512 MiB.
	Total int64
	// Rate is how many entries of an account are taken in a second, over all
	// conversations, after a Burst at once: 200, after 20,000. The first catch-up
	// of a conversation is exempt.
	Rate  float64
	Burst int
}

func (q Quotas) withDefaults() Quotas {
	return Quotas{
		Entries: cmp.Or(q.Entries, 100_000), Control: cmp.Or(q.Control, 2_000), Bytes: cmp.Or(q.Bytes, 64<<20),
		Total: cmp.Or(q.Total, 512<<20), Rate: cmp.Or(q.Rate, 200), Burst: cmp.Or(q.Burst, 20_000),
	}
}

// PauseReason is which quota is full.
type PauseReason string

const (
	PauseEntries PauseReason = "entries"
	PauseControl PauseReason = "control"
	PauseBytes   PauseReason = "bytes"
	PauseTotal   PauseReason = "total" // of the conversation
	PauseRate    PauseReason = "rate"  // passes by itself
)

// Pause says whose entries are not taken for now.
type Pause struct {
	Account conversation.Account
	Reason  PauseReason
	// Entries and Bytes are what is stored of the account.
	Entries int
	Bytes   int64
	// Until is when the next entry is taken, for PauseRate.
	Until time.Time
}

func (p Pause) String() string {
	switch p.Reason {
	case PauseTotal:
		return "the conversation fills what it may take on this device"
	case PauseRate:
		return fmt.Sprintf("%s writes faster than this device takes it", p.Account)
	}
	return fmt.Sprintf("%s has sent %d entries, %d bytes: allow more, or ban", p.Account, p.Entries, p.Bytes)
}

// usage is what is stored of an account. Bodies count whether they are here or
// not, for they may come.
type usage struct {
	entries, control int
	bytes            int64
}

func (u usage) plus(e *conversation.Entry) usage {
	if e.Control != nil {
		u.control++
	}
	u.entries++
	u.bytes += sizeOf(e)
	return u
}

func sizeOf(e *conversation.Entry) int64 {
	return int64(len(e.Raw.Header) + len(e.Raw.Signature) + e.BodySize)
}

// over gives the quota that u is beyond; "" if it is not.
func (q Quotas) over(u usage, times int64) PauseReason {
	switch {
	case int64(u.control) > int64(q.Control)*times:
		return PauseControl
	case int64(u.entries-u.control) > int64(q.Entries)*times:
		return PauseEntries
	case u.bytes > q.Bytes*times:
		return PauseBytes
	}
	return ""
}

// meter holds a batch against the quotas.
type meter struct {
	w     *writer
	from  Source
	total int64 // bytes of the conversation; -1: not read yet
	used  map[conversation.Account]*metered
}

type metered struct {
	usage
	times int64 // how often the quotas, by the user's leave
	taken int   // by this batch
}

func newMeter(w *writer, from Source) *meter {
	return &meter{w: w, from: from, total: -1, used: map[conversation.Account]*metered{}}
}

// admit tells whether e may be taken now, and counts it if so.
func (m *meter) admit(e *conversation.Entry) (*Pause, error) {
	if m.from.Own || e.Account == m.w.s.cfg.Self {
		return nil, nil
	}
	u, err := m.of(e.Account)
	if err != nil {
		return nil, err
	}
	p := Pause{Account: e.Account, Entries: u.entries, Bytes: u.bytes, Reason: m.w.s.cfg.Quotas.over(u.plus(e), u.times)}
	if p.Reason == "" && m.total+sizeOf(e) > m.w.s.cfg.Quotas.Total*m.allowedTotal() {
		p.Reason = PauseTotal
	}
	if p.Reason == "" && m.w.c.caught {
		if p.Until = m.w.s.buckets.next(e.Account, u.taken+1, m.w.now); !p.Until.IsZero() {
			p.Reason = PauseRate
		}
	}
	if p.Reason != "" {
		return &p, nil
	}
	u.usage, u.taken, m.total = u.plus(e), u.taken+1, m.total+sizeOf(e)
	return nil, nil
}

// allowedTotal: what the user allowed anybody, the conversation may take as well.
func (m *meter) allowedTotal() int64 {
	most := int64(1)
	for _, u := range m.used {
		most = max(most, u.times)
	}
	return most
}

// of reads what is stored of an account when it is asked for first.
func (m *meter) of(a conversation.Account) (*metered, error) {
	if m.total < 0 {
		if err := m.w.tx.QueryRow("SELECT coalesce(sum(bytes), 0) FROM usage WHERE conv = ?", m.w.c.key).Scan(&m.total); err != nil {
			return nil, err
		}
	}
	if u := m.used[a]; u != nil {
		return u, nil
	}
	u := &metered{times: 1}
	m.used[a] = u
	n, err := m.w.s.numberOf(m.w.tx, a)
	if err != nil || n == 0 {
		return u, err
	}
	err = m.w.tx.QueryRow("SELECT entries, control, bytes FROM usage WHERE conv = ? AND account = ?", m.w.c.key, n).
		Scan(&u.entries, &u.control, &u.bytes)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	err = m.w.tx.QueryRow("SELECT times FROM allowance WHERE conv = ? AND account = ?", m.w.c.key, n).Scan(&u.times)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return u, nil
}

// Allow lets an account fill its quotas once more in a conversation.
func (s *Store) Allow(id conversation.ID, a conversation.Account) error {
	return s.known(id, func(c *conv) error {
		n, err := s.numberOf(s.db.Writer, a)
		if err == nil && n == 0 {
			return fmt.Errorf("%w of %s", ErrUnknownEntry, a)
		}
		if err == nil {
			_, err = s.db.Writer.Exec(`INSERT INTO allowance (conv, account, times) VALUES (?, ?, 2)
				ON CONFLICT (conv, account) DO UPDATE SET times = times + 1`, c.key, n)
		}
		s.pauses.clear(id, a)
		return s.fail("allow more", err)
	})
}

// Paused lists whose entries were not taken when they last came, and are not
// banned since. It is forgotten when the store is closed.
func (s *Store) Paused(id conversation.ID) ([]Pause, error) {
	var list []Pause
	err := s.inView(id, func(q queryer, key int64) error {
		for _, p := range s.pauses.of(id, s.now()) {
			status, err := s.status(q, key, p.Account)
			if err != nil {
				return err
			}
			if status != membership.Banned {
				list = append(list, p)
			}
		}
		return nil
	})
	return list, s.fail("read what is paused", err)
}

// buckets are the token buckets of accounts.
type buckets struct {
	rate  float64
	burst float64

	mu    sync.Mutex
	level map[conversation.Account]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// maxBuckets bounds them; full ones are as good as none.
const maxBuckets = 4096

func newBuckets(q Quotas) *buckets {
	return &buckets{rate: q.Rate, burst: float64(q.Burst), level: map[conversation.Account]bucket{}}
}

func (b *buckets) nowLocked(a conversation.Account, now time.Time) float64 {
	l, ok := b.level[a]
	if !ok {
		return b.burst
	}
	return min(b.burst, l.tokens+b.rate*max(0, now.Sub(l.at).Seconds()))
}

// next is when n tokens are there; zero if they are now.
func (b *buckets) next(a conversation.Account, n int, now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	lacking := float64(n) - b.nowLocked(a, now)
	if lacking <= 0 {
		return time.Time{}
	}
	return now.Add(time.Duration(lacking / b.rate * float64(time.Second)))
}

// take uses n tokens up.
func (b *buckets) take(a conversation.Account, n int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.level) >= maxBuckets {
		b.dropFullLocked(now)
	}
	b.level[a] = bucket{b.nowLocked(a, now) - float64(n), now}
}

func (b *buckets) dropFullLocked(now time.Time) {
	for a := range b.level {
		if b.nowLocked(a, now) >= b.burst {
			delete(b.level, a)
		}
	}
}
