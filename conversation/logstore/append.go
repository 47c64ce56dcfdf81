package logstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/database"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// Author is who writes: a device, and the account that certified it.
type Author struct {
	Device      crypto.PrivKey
	Account     conversation.Account
	Certificate conversation.Certificate
}

// Create founds a conversation. with is zero but for conversation.OneToOne; name
// may be empty.
func (s *Store) Create(ctx context.Context, a Author, mode conversation.Mode, with conversation.Account, name string) (Summary, error) {
	first, err := conversation.Draft{
		Account: a.Account, Time: s.now(), Type: conversation.TypeInitial,
		Content: conversation.InitialContent(mode, with, name), Certificate: &a.Certificate,
	}.Sign(a.Device)
	if err != nil {
		return Summary{}, fmt.Errorf("create a conversation: %w", err)
	}
	err = s.append(first.ID, func(c *conv) (*writer, error) {
		return s.write(ctx, c, func(w *writer) error {
			w.caught = true
			return w.take(first)
		})
	})
	if err != nil {
		return Summary{}, err
	}
	return s.Summary(first.ID)
}

// Append writes an entry after the live heads: the newest 16 for data, all for
// control (joined by merge entries first, if there are more), so that an act is
// about everything seen. Its time is now, or the latest parent's if that is
// later. It is judged, and on the disk, when Append returns. Errors wrap
// ErrNotAllowed where the rules forbid it.
//
// Heads that this device wrote when its clock was further ahead than
// conversation.FutureLimit of what it is now are passed by: what hangs on them,
// nobody would take. If other devices wrote as late, it is this clock that is
// behind, and nothing is passed by.
func (s *Store) Append(ctx context.Context, id conversation.ID, a Author, mediaType string, content []byte) (*conversation.Entry, error) {
	return s.compose(ctx, id, draft{Author: a, mediaType: mediaType, content: fixed(content)})
}

// AppendAfter is Append with the entries that it follows, such as [Store.Cut]
// gives, instead of the heads. They are joined if they are more than 16.
func (s *Store) AppendAfter(ctx context.Context, id conversation.ID, a Author, mediaType string, content []byte, after []conversation.ID) (*conversation.Entry, error) {
	return s.compose(ctx, id, draft{Author: a, mediaType: mediaType, content: fixed(content), after: after})
}

// Revoke appends the revocation of a device of the author's account, signed by
// the account: what that device wrote and is not stored here by now is void.
func (s *Store) Revoke(ctx context.Context, id conversation.ID, key conversation.AccountKey, a Author, device peer.ID) (*conversation.Entry, error) {
	return s.compose(ctx, id, draft{Author: a, mediaType: conversation.TypeDevice, content: func(parents []conversation.ID) ([]byte, error) {
		return key.RevokeContent(id, device, parents)
	}})
}

// draft is what is to be written.
type draft struct {
	Author
	mediaType string
	// content is asked for once the parents are known.
	content func(parents []conversation.ID) ([]byte, error)
	after   []conversation.ID // nil: the heads
}

func fixed(content []byte) func([]conversation.ID) ([]byte, error) {
	return func([]conversation.ID) ([]byte, error) { return content, nil }
}

// control tells whether the entry decides who belongs to the conversation.
func (d draft) control() bool {
	return d.mediaType == conversation.TypeMember || d.mediaType == conversation.TypeDevice
}

func (s *Store) compose(ctx context.Context, id conversation.ID, d draft) (written *conversation.Entry, err error) {
	err = s.append(id, func(c *conv) (*writer, error) {
		if c.key == 0 {
			return nil, unknown(id)
		}
		return s.write(ctx, c, func(w *writer) (err error) {
			written, err = w.compose(d)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return written, nil
}

// append runs f with the lock of the conversation and tells what was written.
func (s *Store) append(id conversation.ID, f func(c *conv) (*writer, error)) error {
	var added []conversation.ID
	var changed bool
	err := s.retry(func() error {
		return s.use(id, func(c *conv) error {
			w, err := f(c)
			if err != nil {
				return notAllowed(err)
			}
			for _, f := range w.written {
				added = append(added, f.ID)
			}
			changed = w.changed
			return nil
		})
	})
	s.observe(id, added, changed)
	return err
}

// notAllowed: that one's own entry breaks a rule is no attack.
func notAllowed(err error) error {
	if !errors.Is(err, membership.ErrInvalid) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNotAllowed, err)
}

func (w *writer) compose(d draft) (*conversation.Entry, error) {
	parents, err := w.parentsFor(d)
	if err != nil {
		return nil, err
	}
	if parents, err = w.join(d.Author, parents); err != nil {
		return nil, err
	}
	content, err := d.content(parents)
	if err != nil {
		return nil, err
	}
	return w.sign(d.Author, parents, d.mediaType, content)
}

// join writes merge entries until there are few enough parents for one entry.
func (w *writer) join(a Author, parents []conversation.ID) ([]conversation.ID, error) {
	for len(parents) > conversation.MaxParents {
		merge, err := w.sign(a, parents[:conversation.MaxParents], conversation.TypeMerge, nil)
		if err != nil {
			return nil, fmt.Errorf("join %d branches: %w", len(parents), err)
		}
		parents = append(parents[conversation.MaxParents:], merge.ID)
	}
	return parents, nil
}

// sign makes an entry that follows parents, and takes it. Whether it is the
// device's first there, the rules say.
func (w *writer) sign(a Author, parents []conversation.ID, mediaType string, content []byte) (*conversation.Entry, error) {
	times := make([]time.Time, len(parents))
	for i, id := range parents {
		times[i] = w.places[id].time
	}
	d := conversation.Draft{
		Conversation: w.c.id, Account: a.Account, Parents: parents, Time: conversation.NextTime(w.now, times...),
		Type: mediaType, Content: content,
	}
	e, err := d.Sign(a.Device)
	if err != nil {
		return nil, err
	}
	rules, err := w.rulesOf(e)
	if err != nil {
		return nil, err
	}
	v, err := w.c.book.Judge(rules)
	if err != nil {
		return nil, err
	}
	if v.FirstOfDevice {
		d.Certificate = &a.Certificate
		if e, err = d.Sign(a.Device); err != nil {
			return nil, err
		}
	}
	return e, w.take(e)
}

// parentsFor gives what the entry is to follow, and looks up the places.
func (w *writer) parentsFor(d draft) (ids []conversation.ID, err error) {
	if ids = d.after; ids == nil {
		most := conversation.MaxParents
		if d.control() && w.mayJoin(d.Author) {
			most = -1
		}
		if ids, err = w.heads(d.Author, most); err == nil && len(ids) == most {
			ids, err = w.withControl(ids)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := w.locate(ids); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if w.places[id] == nil {
			return nil, fmt.Errorf("%w: %s", ErrUnknownEntry, id)
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%w: nothing to follow", ErrUnknownEntry)
	}
	return ids, nil
}

// withControl puts the newest control entries that heads do not follow in the
// place of the oldest heads, half of them at most: what decides who may write is
// to be followed first.
func (w *writer) withControl(heads []conversation.ID) ([]conversation.ID, error) {
	keep := heads[len(heads)/2:]
	if err := w.locate(keep); err != nil {
		return nil, err
	}
	var rows []int
	for _, id := range keep {
		rows = append(rows, w.places[id].row)
	}
	followed := w.c.book.Ancestors(rows)
	var control []conversation.ID
	err := each(w.tx, func(scan func(...any) error) error {
		var n int64
		var raw sql.RawBytes
		if err := scan(&n, &raw); err != nil {
			return err
		}
		if row := w.c.row(seqOf(n)); !followed.Has(row) && len(control) < len(heads)-len(keep) {
			followed = w.c.book.Ancestors(append(rows, row))
			rows = append(rows, row)
			id, err := toID(raw)
			control = append(control, id)
			return err
		}
		return nil
	}, `SELECT n, id FROM entry INDEXED BY entry_typed
		WHERE conv = ? AND type IN ('member', 'device') AND type <> 'text/plain' AND void = 0 ORDER BY n DESC`, w.c.key)
	rest := slices.DeleteFunc(slices.Clone(heads[len(control):len(heads)/2]), func(id conversation.ID) bool { return slices.Contains(control, id) })
	return slices.Concat(control, rest, keep), w.s.fail("read control entries", database.Explain(err))
}

// mayJoin: who is only invited cannot write merge entries.
func (w *writer) mayJoin(a Author) bool { return w.c.book.Status(a.Account).In() }

// heads gives the newest live heads, at most that many (-1: all), oldest first.
func (w *writer) heads(a Author, most int) ([]conversation.ID, error) {
	from, to := bounds(w.c.key)
	limit := w.now.Add(conversation.FutureLimit).UnixMilli()
	ids, ahead := []conversation.ID(nil), false
	err := each(w.tx, func(scan func(...any) error) error {
		var raw sql.RawBytes
		var ms int64
		if err := scan(&raw, &ms); err != nil {
			return err
		}
		id, err := toID(raw)
		ids, ahead = append(ids, id), ahead || ms > limit
		return err
	}, `SELECT id, time FROM head JOIN entry USING (n) WHERE n >= ? AND n < ? ORDER BY n DESC LIMIT ?`, from, to, most)
	if err == nil && ahead {
		ids, err = w.headsBefore(a, limit, most, ids)
	}
	slices.Reverse(ids)
	return ids, w.s.fail("read the heads", database.Explain(err))
}

// headsBefore gives the newest live entries that only entries later than limit
// follow, newest first; or heads, if the author is not the only one who wrote
// later than that.
func (w *writer) headsBefore(a Author, limit int64, most int, heads []conversation.ID) (ids []conversation.ID, err error) {
	own, err := w.numberOfDevice(a)
	if err != nil {
		return nil, err
	}
	var others bool
	err = w.tx.QueryRow("SELECT EXISTS (SELECT 1 FROM entry WHERE conv = ? AND time > ? AND device <> ?)", w.c.key, limit, own).Scan(&others)
	if err != nil || others {
		return heads, err
	}
	from, to := bounds(w.c.key)
	tops, err := collect(w.tx, scanInt, "SELECT n FROM head WHERE n >= ? AND n < ?", from, to)
	if err != nil {
		return nil, err
	}
	numbers, err := w.below(tops, limit)
	if err != nil || len(numbers) == 0 {
		return heads, err
	}
	if most >= 0 {
		numbers = numbers[:min(most, len(numbers))]
	}
	for _, n := range numbers {
		id, err := scanID(w.tx.QueryRow("SELECT id FROM entry WHERE n = ?", n).Scan)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (w *writer) numberOfDevice(a Author) (int64, error) {
	raw, err := a.Device.GetPublic().Raw()
	if err != nil || len(raw) != 32 {
		return 0, fmt.Errorf("%w: its key is no Ed25519 key", conversation.ErrDevice)
	}
	return w.number([32]byte(raw))
}

// below walks down from the entries to live ones that are not later than limit,
// and gives those, newest first.
func (w *writer) below(stack []int64, limit int64) (found []int64, err error) {
	seen := map[int64]bool{}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[n] {
			continue
		}
		seen[n] = true
		var ms int64
		var void bool
		var raw []byte
		if err := w.tx.QueryRow("SELECT time, void, parents FROM entry WHERE n = ?", n).Scan(&ms, &void, &raw); err != nil {
			return nil, err
		}
		if ms <= limit && !void {
			found = append(found, n)
			continue
		}
		seqs, err := unpackParents(raw)
		if err != nil {
			return nil, err
		}
		for _, seq := range seqs {
			stack = append(stack, number(w.c.key, seq))
		}
	}
	slices.SortFunc(found, func(a, b int64) int { return int(b - a) })
	return found, nil
}
