package logstore

import (
	"database/sql"
	"slices"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// store writes what was taken, and what it changed.
func (w *writer) store() error {
	for _, step := range []func() error{
		w.storeConversation, w.storeEntries, w.storeTurned, w.storeLinks, w.storeHeads, w.storeMembers, w.storeUsage, w.storeCaught,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// storeConversation writes what the first entry says of the conversation.
func (w *writer) storeConversation() error {
	if len(w.taken) == 0 || w.taken[0].row != 0 {
		return nil
	}
	first := w.taken[0]
	creator, err := w.number(first.Account)
	if err != nil {
		return err
	}
	var other any
	if with := first.Control.With; !with.IsZero() {
		if other, err = w.number(with); err != nil {
			return err
		}
	}
	if w.rebuilds {
		_, err := w.tx.Exec("UPDATE conversation SET id = ?, creator = ?, mode = ?, other = ?, name = ? WHERE key = ?",
			w.c.id[:], creator, string(first.Control.Mode), other, first.Control.Name, w.c.key)
		return err
	}
	return w.tx.QueryRow(`INSERT INTO conversation (id, creator, mode, other, name, caught) VALUES (?, ?, ?, ?, ?, 0) RETURNING key`,
		w.c.id[:], creator, string(first.Control.Mode), other, first.Control.Name).Scan(&w.c.key)
}

func (w *writer) storeEntries() error {
	for _, f := range w.taken {
		if err := w.storeEntry(f); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) storeEntry(f *fresh) error {
	f.n = w.c.number(f.row)
	account, err := w.number(f.Account)
	if err != nil {
		return err
	}
	device, err := w.deviceNumber(f)
	if err != nil {
		return err
	}
	target, err := w.targetNumber(f)
	if err != nil {
		return err
	}
	if err := w.storeRaw(f); err != nil {
		return err
	}
	seqs := make([]int, len(f.rules.Parents))
	for i, row := range f.rules.Parents {
		seqs[i], _ = w.c.seq(row)
	}
	quiet := isQuiet(f.Entry)
	_, err = w.st.entry.Exec(f.n, f.ID[:], w.c.key, account, device, f.Time.UnixMilli(), f.depth, f.Type, packParents(seqs),
		string(f.rules.Action), target, int(f.verdict.Rank), f.void, f.missing, quiet, !f.void && !quiet)
	if err != nil || f.rules.Action != conversation.Revoke {
		return err
	}
	_, err = w.tx.Exec("INSERT OR IGNORE INTO revoked (account, device, conv) VALUES (?, ?, ?)", account, target, w.c.key)
	return err
}

func (w *writer) storeRaw(f *fresh) error {
	if w.rebuilds {
		return nil
	}
	var body any
	if f.Raw.Body != nil {
		body = f.Raw.Body
	}
	_, err := w.st.raw.Exec(f.n, f.Raw.Header, f.Raw.Signature, body, w.now.UnixMilli())
	return err
}

// isQuiet tells whether an entry is none that people are shown for itself.
func isQuiet(e *conversation.Entry) bool {
	switch e.Type {
	case conversation.TypeMerge, conversation.TypeContact, conversation.TypeOwnDevice:
		return true
	}
	_, edits := e.Edit()
	return edits
}

func (w *writer) deviceNumber(f *fresh) (int64, error) {
	device, ok := w.devices[f.Device]
	if !ok {
		key, err := deviceKey(f.Device)
		if err != nil {
			return 0, err
		}
		if device, err = w.number(key); err != nil {
			return 0, err
		}
		w.devices[f.Device] = device
	}
	if !f.verdict.FirstOfDevice {
		return device, nil
	}
	account, err := w.number(f.Account)
	if err != nil {
		return 0, err
	}
	_, err = w.tx.Exec("INSERT OR IGNORE INTO device (conv, account, device) VALUES (?, ?, ?)", w.c.key, account, device)
	return device, err
}

func (w *writer) targetNumber(f *fresh) (any, error) {
	switch {
	case f.rules.Action == conversation.Revoke:
		key, err := deviceKey(f.rules.Revoked)
		if err != nil {
			return nil, err
		}
		return w.number(key)
	case f.rules.Target.IsZero():
		return nil, nil
	}
	return w.number(f.rules.Target)
}

// storeTurned writes which of the earlier entries are void now, and which not.
func (w *writer) storeTurned() error {
	for row := range w.turned {
		seq, stored := w.c.seq(row)
		if !stored {
			continue
		}
		_, void := w.c.book.Void(row)
		n := number(w.c.key, seq)
		if _, err := w.tx.Exec("UPDATE entry SET void = ? WHERE n = ?", void, n); err != nil {
			return err
		}
		if err := w.show(n); err != nil {
			return err
		}
	}
	return nil
}

// show works out whether an entry is shown.
func (w *writer) show(n int64) error {
	_, err := w.tx.Exec(`
		UPDATE entry SET shown = void = 0 AND quiet = 0 AND NOT (missing = 1 AND EXISTS (
			SELECT 1 FROM link JOIN entry AS later ON later.n = link.n
			WHERE link.target = entry.n AND link.kind = 2 AND later.void = 0))
		WHERE n = ?`, n)
	return err
}

// storeHeads keeps the table head up. Without void entries in play, the parents
// of what is new are heads no more, and what is new and no parent is one.
func (w *writer) storeHeads() error {
	parents, simple := map[int]bool{}, len(w.turned) == 0
	for _, f := range w.taken {
		simple = simple && !f.void
		for i, row := range f.rules.Parents {
			parents[row] = true
			simple = simple && !w.places[f.Parents[i]].void
		}
	}
	if !simple {
		return w.storeAllHeads()
	}
	for row := range parents {
		if row >= w.first {
			continue
		}
		if _, err := w.st.unhead.Exec(w.c.number(row)); err != nil {
			return err
		}
	}
	for _, f := range w.taken {
		if parents[f.row] {
			continue
		}
		if _, err := w.st.head.Exec(f.n); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) storeAllHeads() error {
	from, to := bounds(w.c.key)
	if _, err := w.tx.Exec("DELETE FROM head WHERE n >= ? AND n < ?", from, to); err != nil {
		return err
	}
	for _, row := range w.c.book.Heads() {
		if _, err := w.st.head.Exec(w.c.number(row)); err != nil {
			return err
		}
	}
	return nil
}

// storeMembers writes the statuses that changed.
func (w *writer) storeMembers() error {
	if !w.state {
		return nil
	}
	before := map[conversation.Account]membership.MemberStatus{}
	for _, m := range w.c.members {
		before[m.Account] = m
	}
	for _, m := range w.c.book.Members() {
		if was, ok := before[m.Account]; ok && was == m {
			delete(before, m.Account)
			continue
		}
		delete(before, m.Account)
		account, err := w.number(m.Account)
		if err != nil {
			return err
		}
		if _, err = w.tx.Exec("INSERT OR REPLACE INTO member (conv, account, status, rank) VALUES (?, ?, ?, ?)",
			w.c.key, account, string(m.Status), int(m.Rank)); err != nil {
			return err
		}
	}
	return w.dropMembers(before)
}

// dropMembers forgets those of whom nothing counts any more.
func (w *writer) dropMembers(gone map[conversation.Account]membership.MemberStatus) error {
	for a := range gone {
		account, err := w.number(a)
		if err != nil {
			return err
		}
		if _, err := w.tx.Exec("DELETE FROM member WHERE conv = ? AND account = ?", w.c.key, account); err != nil {
			return err
		}
	}
	return nil
}

// storeUsage adds up what each account's entries take.
func (w *writer) storeUsage() error {
	used := map[conversation.Account]usage{}
	for _, f := range w.taken {
		used[f.Account] = used[f.Account].plus(f.Entry)
	}
	for a, u := range used {
		account, err := w.number(a)
		if err != nil {
			return err
		}
		if _, err := w.st.usage.Exec(w.c.key, account, u.entries, u.control, u.bytes); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) storeCaught() error {
	if !w.caught || w.c.caught || w.c.key == 0 {
		return nil
	}
	_, err := w.tx.Exec("UPDATE conversation SET caught = 1 WHERE key = ?", w.c.key)
	return err
}

// in gives the statements as part of a transaction.
func (st statements) in(tx *sql.Tx) statements {
	return statements{
		party: tx.Stmt(st.party), raw: tx.Stmt(st.raw), entry: tx.Stmt(st.entry),
		unhead: tx.Stmt(st.unhead), head: tx.Stmt(st.head), usage: tx.Stmt(st.usage),
	}
}

// leave takes from what is to be written the void entries that carry nothing
// live. The book keeps them as rows that are not stored.
func (w *writer) leave(spare func(*fresh) bool) (left int) {
	w.settle()
	needed := map[int]bool{}
	for _, f := range slices.Backward(w.taken) {
		if !f.void || needed[f.row] || spare(f) {
			needed[f.row] = true
			for _, row := range f.rules.Parents {
				needed[row] = true
			}
		}
	}
	w.taken = slices.DeleteFunc(w.taken, func(f *fresh) bool {
		if needed[f.row] {
			return false
		}
		w.c.gaps = append(w.c.gaps, f.row)
		left++
		return true
	})
	return left
}
