package logstore

import (
	"cmp"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// Message is an entry as people see it.
type Message struct {
	conversation.Message
	// Seen is when it was stored here. See [Message.Time].
	Seen time.Time
	// Depth is 0 for the first entry, else 1 more than the deepest parent's.
	Depth int
	// Void: it does not count, because of Reason.
	Void   bool
	Reason string
}

// Time is what the author's clock said, or when it was stored here if that was
// earlier.
func (m Message) Time() time.Time {
	if m.Seen.Before(m.Entry.Time) {
		return m.Seen
	}
	return m.Entry.Time
}

// Page asks for a part of a conversation.
type Page struct {
	// Before ends the page just before this entry; zero, or not stored: at the
	// newest.
	Before conversation.ID
	// Limit is the most messages given; 0 is 50.
	Limit int
	// All gives everything that is stored, one message an entry: also edits,
	// merges, void entries and notes between own devices.
	All bool
	// Type: only entries of this media or control type; "": of any.
	Type string
}

const (
	defaultPage = 50
	// maxPage bounds what a page holds in memory: 500 bodies of 64 KiB.
	maxPage = 500
	// maxChanges is how many edits and deletions of each message are read, the
	// newest.
	maxChanges = 256
)

// Messages gives a page in the order in which it is shown, oldest first: by
// time, depth, ID. It is the same on every device, and parents come before
// children. Edits and deletions are worked in.
func (s *Store) Messages(id conversation.ID, p Page) ([]Message, error) {
	return s.PairMessages([]conversation.ID{id}, p)
}

// PairMessages is Messages of several conversations as if they were one, such as
// those of [Store.Pair].
func (s *Store) PairMessages(ids []conversation.ID, p Page) (list []Message, err error) {
	for _, id := range ids {
		part, err := s.page(ids, id, p)
		if err != nil {
			return nil, s.fail("read messages", err)
		}
		list = append(list, part...)
	}
	slices.SortFunc(list, func(a, b Message) int { return spotOf(a).compare(spotOf(b)) })
	return list[max(0, len(list)-p.limit()):], nil
}

// Message gives one entry as Messages with Page.All does, or ErrUnknownEntry.
func (s *Store) Message(id, entry conversation.ID) (Message, error) {
	var lines []line
	var list []Message
	err := s.inView(id, func(q queryer, _ int64) error {
		n, err := s.find(q, id, entry)
		if err == nil {
			lines, err = collect(q, scanLine, lineQuery+" JOIN raw USING (n) WHERE n = ?", n)
		}
		if err == nil {
			list, err = resolveAll(q, lines)
		}
		return err
	})
	if err == nil {
		err = s.giveReasons(id, lines, list)
	}
	if err != nil || len(list) == 0 {
		return Message{}, s.fail("read a message", cmp.Or(err, ErrUnknownEntry))
	}
	return list[0], nil
}

func (p Page) limit() int {
	if p.Limit <= 0 {
		return defaultPage
	}
	return min(p.Limit, maxPage)
}

// spot is a place in the order in which messages are shown.
type spot struct {
	milli int64
	depth int
	id    conversation.ID
}

// afterAll is behind every entry: no time is as late.
var afterAll = spot{milli: math.MaxInt64}

func spotOf(m Message) spot { return spot{m.Entry.Time.UnixMilli(), m.Depth, m.Entry.ID} }

func (a spot) compare(b spot) int {
	return cmp.Or(cmp.Compare(a.milli, b.milli), cmp.Compare(a.depth, b.depth), a.id.Compare(b.id))
}

// spotIn finds an entry in any of the conversations; afterAll if in none.
func (s *Store) spotIn(q queryer, ids []conversation.ID, entry conversation.ID) (spot, error) {
	at := spot{id: entry}
	for _, id := range ids {
		key, err := s.key(q, id)
		if err != nil {
			return at, err
		}
		err = q.QueryRow("SELECT time, depth FROM entry WHERE id = ? AND +conv = ?", entry[:], key).Scan(&at.milli, &at.depth)
		if !errors.Is(err, sql.ErrNoRows) {
			return at, err
		}
	}
	return afterAll, nil
}

// page gives the messages of one conversation.
func (s *Store) page(ids []conversation.ID, id conversation.ID, p Page) (list []Message, err error) {
	var lines []line
	err = s.inView(id, func(q queryer, key int64) error {
		before, err := s.spotIn(q, ids, p.Before)
		if err == nil {
			lines, err = readLines(q, key, p, before)
		}
		if err == nil {
			list, err = resolveAll(q, lines)
		}
		return err
	})
	if err == nil {
		err = s.giveReasons(id, lines, list)
	}
	return list, err
}

// resolveAll works into each line what changed it. Most were never changed, so
// those that were are looked up first, all at once.
func resolveAll(q queryer, lines []line) (list []Message, err error) {
	changed := map[int64]bool{}
	for chunk := range slices.Chunk(lines, idChunk) {
		args := make([]any, len(chunk))
		for i, l := range chunk {
			args[i] = l.n
		}
		targets, err := collect(q, scanInt, "SELECT DISTINCT target FROM link WHERE target IN ("+marks(len(chunk))+")", args...)
		if err != nil {
			return nil, err
		}
		for _, n := range targets {
			changed[n] = true
		}
	}
	for _, l := range lines {
		m := Message{Seen: fromMilli(l.seen), Depth: l.depth, Void: l.void}
		if m.Message, err = resolve(q, l, changed[l.n] && !l.void); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// giveReasons asks the rules why entries are void.
func (s *Store) giveReasons(id conversation.ID, lines []line, list []Message) error {
	if !slices.ContainsFunc(lines, func(l line) bool { return l.void }) {
		return nil
	}
	return s.known(id, func(c *conv) error {
		for i, l := range lines {
			if l.void {
				list[i].Reason, list[i].Void = c.book.Void(c.row(seqOf(l.n)))
			}
		}
		return nil
	})
}

// line is a row of a page.
type line struct {
	n     int64
	depth int
	void  bool
	seen  int64
	entry *conversation.Entry
}

const lineQuery = "SELECT n, depth, void, seen, header, signature, body FROM entry"

// readLines gives the newest rows before a spot, oldest first.
func readLines(q queryer, key int64, p Page, before spot) ([]line, error) {
	args := []any{key, before.milli, before.depth, before.id[:]}
	which, index := "", "entry_all"
	if !p.All {
		which, index = " AND shown = 1", "entry_shown"
	}
	if p.Type != "" {
		which, args = which+" AND type = ?", append(args, p.Type)
	}
	if p.Type != "" && p.Type != conversation.TypeText {
		which, index = which+" AND type <> 'text/plain'", "entry_typed" // that index has no texts
	}
	lines, err := collect(q, scanLine, lineQuery+" INDEXED BY "+index+` JOIN raw USING (n)
		WHERE conv = ? AND (time, depth, id) < (?, ?, ?)`+which+`
		ORDER BY time DESC, depth DESC, id DESC LIMIT ?`, append(args, p.limit())...)
	slices.Reverse(lines)
	return lines, err
}

func scanLine(scan func(...any) error) (l line, err error) {
	var raw conversation.Raw
	if err := scan(&l.n, &l.depth, &l.void, &l.seen, &raw.Header, &raw.Signature, &raw.Body); err != nil {
		return l, err
	}
	l.entry, err = decodeStored(raw)
	return l, err
}

// resolve works the live edits and deletions of an entry into it, if there are
// any. A void one is shown as it was written.
func resolve(q queryer, l line, changed bool) (conversation.Message, error) {
	live := []*conversation.Entry{l.entry}
	if changed {
		changes, err := collect(q, scanEntry, `SELECT header, signature, body FROM raw WHERE n IN (
			SELECT n FROM link JOIN entry USING (n) WHERE link.target = ? AND void = 0 AND kind < 2
			ORDER BY kind DESC, time DESC, id DESC LIMIT ?)`, l.n, maxChanges)
		if err != nil {
			return conversation.Message{}, err
		}
		live = append(live, changes...)
	}
	seen := conversation.View(live, func(conversation.ID, conversation.ID) bool { return true })
	for _, m := range seen {
		if m.Entry.ID == l.entry.ID {
			return m, nil
		}
	}
	return conversation.Message{Entry: l.entry}, nil // an edit, or a merge
}

func scanEntry(scan func(...any) error) (*conversation.Entry, error) {
	var raw conversation.Raw
	if err := scan(&raw.Header, &raw.Signature, &raw.Body); err != nil {
		return nil, err
	}
	return decodeStored(raw)
}
