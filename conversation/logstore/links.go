package logstore

import (
	"database/sql"
	"errors"

	"github.com/passeur-p2p/passeur/conversation"
)

// A link says what a later entry does to an earlier one of the same account and
// type that lies in its past. It is written whether the later one is live or
// not. Whether it counts is for conversation.View to say.
type linkKind int

const (
	linkEdits linkKind = iota
	linkDeletes
	linkDeletesToo // an edit of what is deleted
)

// storeLinks writes the links of new entries, and does what deletions say that
// are live since now.
func (w *writer) storeLinks() error {
	var deletions []*conversation.Entry
	for _, f := range w.taken {
		links, err := w.link(f.Entry, f.row, f.n)
		if err != nil {
			return err
		}
		if links && !f.void {
			deletions = append(deletions, f.Entry)
		}
	}
	for row := range w.turned {
		e, err := w.turnedDeletion(row)
		if err != nil {
			return err
		}
		if e != nil {
			deletions = append(deletions, e)
		}
	}
	for _, e := range deletions {
		if err := w.drop(e); err != nil {
			return err
		}
	}
	return nil
}

// link writes what e does to others, and tells whether it deletes something.
func (w *writer) link(e *conversation.Entry, row int, n int64) (deletes bool, err error) {
	edit, ok := e.Edit()
	if !ok {
		return false, nil
	}
	kind := linkEdits
	if edit.Deletes {
		kind = linkDeletes
	}
	past := func(old int) bool { return w.c.book.IsAncestor(old, row) }
	if len(edit.Also) > 0 { // one walk instead of many
		past = w.c.book.Ancestors([]int{row}).Has
	}
	if err := w.linkTo(edit.Target, e, past, n, kind); err != nil {
		return false, err
	}
	for _, id := range edit.Also {
		if err := w.linkTo(id, e, past, n, linkDeletesToo); err != nil {
			return false, err
		}
	}
	return edit.Deletes, nil
}

// linkTo writes a link if the target is an earlier entry of e's author and type;
// past tells whether a row lies in e's past.
func (w *writer) linkTo(id conversation.ID, e *conversation.Entry, past func(row int) bool, n int64, kind linkKind) error {
	account, err := w.number(e.Account)
	if err != nil {
		return err
	}
	var target int64
	from, to := bounds(w.c.key)
	err = w.tx.QueryRow("SELECT n FROM entry WHERE id = ? AND +n >= ? AND +n < ? AND account = ? AND type = ?",
		id[:], from, to, account, e.Type).Scan(&target)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil || target == n || !past(w.c.row(seqOf(target))) {
		return err
	}
	_, err = w.tx.Exec("INSERT OR IGNORE INTO link (target, n, kind) VALUES (?, ?, ?)", target, n, int(kind))
	if err != nil || kind != linkDeletesToo {
		return err
	}
	return w.show(target)
}

// turnedDeletion does what follows from a change of voidness for those that the
// entry deletes. It gives the entry if it is a deletion that counts since.
func (w *writer) turnedDeletion(row int) (*conversation.Entry, error) {
	seq, stored := w.c.seq(row)
	if !stored {
		return nil, nil
	}
	n := number(w.c.key, seq)
	targets, err := collect(w.tx, scanInt, "SELECT target FROM link WHERE n = ? AND kind > 0", n)
	if err != nil || len(targets) == 0 {
		return nil, err
	}
	for _, target := range targets {
		if err := w.show(target); err != nil {
			return nil, err
		}
	}
	if _, void := w.c.book.Void(row); void {
		return nil, nil
	}
	return readEntry(w.tx, n)
}

// drop takes the bodies from the file that a live deletion names: those of a
// message and of its edits. An edit, and a deletion, cannot be deleted by itself.
func (w *writer) drop(deletion *conversation.Entry) error {
	edit, _ := deletion.Edit()
	linked, err := w.linked(deletion.ID)
	if err != nil || linked[edit.Target] == nil {
		return err
	}
	message := linked[edit.Target]
	if _, edits := message.Edit(); edits {
		return nil
	}
	if err := w.dropBody(message); err != nil {
		return err
	}
	for _, id := range edit.Also {
		e := linked[id]
		if e == nil {
			continue
		}
		if earlier, ok := e.Edit(); ok && !earlier.Deletes && earlier.Target == edit.Target {
			if err := w.dropBody(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// linked gives the entries that a deletion has links to.
func (w *writer) linked(deletion conversation.ID) (map[conversation.ID]*conversation.Entry, error) {
	targets, err := collect(w.tx, scanInt, `SELECT DISTINCT target FROM link
		WHERE n = (SELECT n FROM entry WHERE id = ?) AND kind > 0`, deletion[:])
	if err != nil {
		return nil, err
	}
	entries := map[conversation.ID]*conversation.Entry{}
	for _, n := range targets {
		e, err := readEntry(w.tx, n)
		if err != nil {
			return nil, err
		}
		entries[e.ID] = e
	}
	return entries, nil
}

// dropBody takes a body from the file, with what followed from it.
func (w *writer) dropBody(e *conversation.Entry) error {
	if e.Raw.Body == nil {
		return nil
	}
	var n int64
	if err := w.tx.QueryRow("SELECT n FROM entry WHERE id = ?", e.ID[:]).Scan(&n); err != nil {
		return err
	}
	for _, step := range []struct {
		query string
		args  []any
	}{
		{"UPDATE raw SET body = NULL WHERE n = ?", []any{n}},
		{"UPDATE entry SET missing = 1, quiet = 0 WHERE n = ?", []any{n}},
		{"DELETE FROM link WHERE n = ?", []any{n}},
	} {
		if _, err := w.tx.Exec(step.query, step.args...); err != nil {
			return err
		}
	}
	return w.show(n)
}

// fill stores the body of an entry that is here without it, unless it was
// deleted. p is nil if the entry is not stored.
func (in *intake) fill(e *conversation.Entry, p *place) error {
	if p == nil || p.row < 0 || p.row >= in.first || !p.missing || e.Raw.Body == nil {
		return nil
	}
	n := in.c.number(p.row)
	var deleted bool
	err := in.tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM link JOIN entry AS later ON later.n = link.n
		WHERE link.target = ? AND link.kind > 0 AND later.void = 0)`, n).Scan(&deleted)
	if err != nil || deleted {
		return err
	}
	p.missing = false
	in.result.Filled = append(in.result.Filled, e.ID)
	return in.fillBody(e, p, n)
}

func (in *intake) fillBody(e *conversation.Entry, p *place, n int64) error {
	for _, step := range []struct {
		query string
		args  []any
	}{
		{"UPDATE raw SET body = ? WHERE n = ?", []any{e.Raw.Body, n}},
		{"UPDATE entry SET missing = 0, quiet = ? WHERE n = ?", []any{isQuiet(e), n}},
	} {
		if _, err := in.tx.Exec(step.query, step.args...); err != nil {
			return err
		}
	}
	deletes, err := in.link(e, p.row, n)
	if err == nil && deletes && !p.void {
		err = in.drop(e)
	}
	if err != nil {
		return err
	}
	return in.show(n)
}
