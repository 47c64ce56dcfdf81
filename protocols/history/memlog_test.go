package history

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/passeur-p2p/passeur/conversation"
)

// memLog is a Log in memory for which every entry that is signed is valid and
// live. Real rules are conversation/logstore's; here it is about the protocol.
type memLog struct {
	mu      sync.Mutex
	convs   map[conversation.ID]*memConv
	common  map[peer.ID][]conversation.ID
	tell    func(conversation.ID, []conversation.ID)
	batches int // Ingest was called
	served  int // entries given
	most    int // in one answer
	asked   int // Missing was called

	// What a test may change.
	judge   func(*conversation.Entry) error // nil: valid
	defers  func(*conversation.Entry) bool  // nil: no
	pauses  func(*conversation.Entry) bool  // nil: no
	bodyOut func(*conversation.Entry) bool  // nil: bodies are given
	reading func(conversation.ID)           // called before entries are read
	writing func(context.Context) error     // called before entries are stored
	silent  bool                            // does not tell of changes
	fails   func(op string) error           // nil: nothing fails
}

// memConv is one conversation: its entries in the order in which they came.
type memConv struct {
	rows  []*conversation.Entry
	row   map[conversation.ID]int
	young map[conversation.ID]bool // has children
}

var _ Log = (*memLog)(nil)

// verified remembers what tests have signed: it need not be verified again.
var verified sync.Map

func isVerified(e *conversation.Entry) bool {
	signature, ok := verified.Load(e.ID)
	return ok && signature == string(e.Raw.Signature)
}

func newMemLog() *memLog {
	return &memLog{convs: make(map[conversation.ID]*memConv), common: make(map[peer.ID][]conversation.ID)}
}

func (l *memLog) observe(tell func(conversation.ID, []conversation.ID)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell = tell
}

func (l *memLog) set(change func(*memLog)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *memLog) conversations() []conversation.ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []conversation.ID
	for id := range l.convs {
		all = append(all, id)
	}
	slices.SortFunc(all, conversation.ID.Compare)
	return all
}

func (l *memLog) ingested() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.batches
}

func (l *memLog) given() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.served
}

func (l *memLog) fail(op string) error {
	if l.fails == nil {
		return nil
	}
	return l.fails(op)
}

func (l *memLog) convLocked(conv conversation.ID) *memConv {
	if c := l.convs[conv]; c != nil {
		return c
	}
	return &memConv{}
}

// put stores an own entry and tells of it.
func (l *memLog) put(all ...*conversation.Entry) {
	l.mu.Lock()
	var added []conversation.ID
	for _, e := range all {
		l.addLocked(e)
		added = append(added, e.ID)
	}
	tell := l.tellLocked()
	l.mu.Unlock()
	tell(all[0].Conversation, added)
}

func (l *memLog) tellLocked() func(conversation.ID, []conversation.ID) {
	if l.tell == nil || l.silent {
		return func(conversation.ID, []conversation.ID) {}
	}
	return l.tell
}

func (l *memLog) addLocked(e *conversation.Entry) {
	c := l.convs[e.Conversation]
	if c == nil {
		c = &memConv{row: make(map[conversation.ID]int), young: make(map[conversation.ID]bool)}
		l.convs[e.Conversation] = c
	}
	c.row[e.ID] = len(c.rows)
	c.rows = append(c.rows, e)
	for _, p := range e.Parents {
		c.young[p] = true
	}
}

func (l *memLog) all(conv conversation.ID) []*conversation.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.convLocked(conv).rows)
}

// dump gives all entries as bytes, in the order of their ids.
func (l *memLog) dump(conv conversation.ID) []byte {
	rows := l.all(conv)
	slices.SortFunc(rows, func(a, b *conversation.Entry) int { return a.ID.Compare(b.ID) })
	var out []byte
	for _, e := range rows {
		out = fmt.Appendf(out, "%x %x %x\n", e.Raw.Header, e.Raw.Signature, e.Raw.Body)
	}
	return out
}

func (l *memLog) Heads(conv conversation.ID) ([]conversation.ID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.convLocked(conv)
	var heads []conversation.ID
	for _, e := range slices.Backward(c.rows) {
		if !c.young[e.ID] {
			heads = append(heads, e.ID)
		}
	}
	return heads, l.fail("heads")
}

func (l *memLog) Known(conv conversation.ID, ids []conversation.ID) ([]conversation.ID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var known []conversation.ID
	for _, id := range ids {
		if _, ok := l.convLocked(conv).row[id]; ok {
			known = append(known, id)
		}
	}
	return known, l.fail("known")
}

func (l *memLog) Locator(conv conversation.ID) ([]conversation.ID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := l.convLocked(conv).rows
	var ids []conversation.ID
	for back := 1; back <= len(rows); back *= 2 {
		ids = append(ids, rows[len(rows)-back].ID)
	}
	return ids, nil
}

func (l *memLog) Common(device peer.ID, _ conversation.ID) ([]conversation.ID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.common[device], nil
}

func (l *memLog) SetCommon(device peer.ID, _ conversation.ID, heads []conversation.ID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.common[device] = heads
	return nil
}

// closure marks the rows of ids and of their ancestors.
func (c *memConv) closure(ids []conversation.ID) []bool {
	in := make([]bool, len(c.rows))
	for _, id := range ids {
		if n, ok := c.row[id]; ok {
			in[n] = true
		}
	}
	for n := len(c.rows) - 1; n >= 0; n-- {
		if in[n] {
			for _, p := range c.rows[n].Parents {
				in[c.row[p]] = true
			}
		}
	}
	return in
}

func (l *memLog) Missing(_ context.Context, conv conversation.ID, want, have []conversation.ID, after conversation.ID,
	maxEntries, maxBytes int, send func(conversation.Raw) error) (bool, error) {
	l.mu.Lock()
	reading := l.reading
	c := l.convLocked(conv)
	wanted, here := c.closure(want), c.closure(have)
	from := 0
	if n, ok := c.row[after]; ok {
		from = n + 1
	}
	var out []conversation.Raw
	more := false
	for n, bytes := from, 0; n < len(c.rows); n++ {
		if !wanted[n] || here[n] {
			continue
		}
		if len(out) == maxEntries || bytes >= maxBytes {
			more = true
			break
		}
		out = append(out, l.servedLocked(c.rows[n]))
		bytes += sizeOf(c.rows[n].Raw)
	}
	l.most = max(l.most, len(out))
	l.asked++
	err := l.fail("missing")
	l.mu.Unlock()
	if reading != nil {
		reading(conv)
	}
	for _, r := range out {
		if err := send(r); err != nil {
			return false, err
		}
	}
	return more, err
}

func (l *memLog) servedLocked(e *conversation.Entry) conversation.Raw {
	l.served++
	r := e.Raw
	if l.bodyOut != nil && l.bodyOut(e) {
		r.Body = nil
	}
	return r
}

func (l *memLog) Raws(_ context.Context, conv conversation.ID, ids []conversation.ID, send func(conversation.Raw) error) error {
	l.mu.Lock()
	var out []conversation.Raw
	c := l.convLocked(conv)
	for _, id := range ids {
		if n, ok := c.row[id]; ok {
			out = append(out, l.servedLocked(c.rows[n]))
		}
	}
	l.mu.Unlock()
	for _, r := range out {
		if err := send(r); err != nil {
			return err
		}
	}
	return nil
}

func (l *memLog) Lacking(conv, after conversation.ID, n int) ([]conversation.ID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.convLocked(conv)
	from := 0
	if row, ok := c.row[after]; ok {
		from = row + 1
	}
	var ids []conversation.ID
	for _, e := range c.rows[from:] {
		if e.Raw.Body == nil && len(ids) < n {
			ids = append(ids, e.ID)
		}
	}
	return ids, nil
}

func (l *memLog) Ingest(ctx context.Context, conv conversation.ID, batch []conversation.Raw, _ Source, _ bool) (Ingested, error) {
	l.mu.Lock()
	writing := l.writing
	l.mu.Unlock()
	if writing != nil {
		if err := writing(ctx); err != nil {
			return Ingested{}, err
		}
	}
	l.mu.Lock()
	l.batches++
	got, added, err := l.ingestLocked(conv, batch)
	tell := l.tellLocked()
	l.mu.Unlock()
	if len(added) > 0 {
		tell(conv, added)
	}
	return got, err
}

func (l *memLog) ingestLocked(conv conversation.ID, batch []conversation.Raw) (got Ingested, added []conversation.ID, err error) {
	if err := l.fail("ingest"); err != nil {
		return got, nil, err
	}
	deferred := make(map[conversation.ID]bool)
	for _, raw := range batch {
		e, err := l.check(conv, raw)
		if err != nil {
			return got, added, err
		}
		c := l.convLocked(conv)
		if n, ok := c.row[e.ID]; ok {
			if c.rows[n].Raw.Body == nil {
				c.rows[n] = e
			}
			continue
		}
		later := l.defers != nil && l.defers(e)
		for _, p := range e.Parents {
			later = later || deferred[p]
			if _, ok := c.row[p]; !ok && !deferred[p] {
				return got, added, fmt.Errorf("%w: %s", ErrParent, p)
			}
		}
		if l.pauses != nil && l.pauses(e) {
			got.Paused = true
			return got, added, nil
		}
		if later {
			deferred[e.ID], got.Deferred = true, true
			continue
		}
		l.addLocked(e)
		got.Added++
		added = append(added, e.ID)
	}
	return got, added, nil
}

func (l *memLog) check(conv conversation.ID, raw conversation.Raw) (*conversation.Entry, error) {
	e, err := conversation.Decode(raw)
	if err == nil && !isVerified(e) {
		err = e.Verify()
	}
	if err == nil && e.Conversation != conv {
		err = fmt.Errorf("of conversation %s", e.Conversation)
	}
	if err == nil && l.judge != nil {
		err = l.judge(e)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return e, nil
}
