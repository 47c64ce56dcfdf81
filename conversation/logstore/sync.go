package logstore

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
)

// Heads gives the live entries that no other live one follows, in the order in
// which they came.
func (s *Store) Heads(id conversation.ID) (ids []conversation.ID, err error) {
	err = s.inView(id, func(q queryer, key int64) error {
		from, to := bounds(key)
		ids, err = collect(q, scanID, "SELECT id FROM head JOIN entry USING (n) WHERE n >= ? AND n < ? ORDER BY n", from, to)
		return err
	})
	return ids, s.fail("read the heads", err)
}

// Known gives those of ids that are stored, live or void, in the order of ids.
func (s *Store) Known(id conversation.ID, ids []conversation.ID) (known []conversation.ID, err error) {
	err = s.inView(id, func(q queryer, key int64) error {
		found, err := numbers(q, key, ids)
		known = slices.DeleteFunc(slices.Clone(ids), func(id conversation.ID) bool { return found[id] == 0 })
		return err
	})
	return known, s.fail("look up entries", err)
}

// numbers gives the numbers of those of ids that are stored.
func numbers(q queryer, key int64, ids []conversation.ID) (map[conversation.ID]int64, error) {
	found := map[conversation.ID]int64{}
	for chunk := range slices.Chunk(ids, idChunk) {
		args := []any{key}
		for i := range chunk {
			args = append(args, chunk[i][:])
		}
		err := each(q, func(scan func(...any) error) error {
			var raw sql.RawBytes
			var n int64
			if err := scan(&raw, &n); err != nil {
				return err
			}
			id, err := toID(raw)
			found[id] = n
			return err
		}, "SELECT id, n FROM entry WHERE +conv = ? AND id IN ("+marks(len(chunk))+")", args...)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Locator gives at most 32 entries, 1, 2, 4, 8 … back in the order in which they
// came, and the first: enough for another device to see about how far the two
// logs are alike.
func (s *Store) Locator(id conversation.ID) (ids []conversation.ID, err error) {
	err = s.inView(id, func(q queryer, key int64) error {
		var last int64
		from, to := bounds(key)
		if err := q.QueryRow("SELECT max(n) FROM entry WHERE n >= ? AND n < ?", from, to).Scan(&last); err != nil {
			return err
		}
		for _, n := range steps(from, last) {
			entry, err := scanID(q.QueryRow("SELECT id FROM entry WHERE n = ?", n).Scan)
			if err != nil {
				return err
			}
			ids = append(ids, entry)
		}
		return nil
	})
	return ids, s.fail("make a locator", err)
}

// steps are last, and 1, 3, 7, 15 … before it, and first: 33 numbers lie no
// further apart than 2^32.
func steps(first, last int64) (at []int64) {
	for back := int64(1); last > first && len(at) < 31; back *= 2 {
		at, last = append(at, last), last-back
	}
	return append(at, first)
}

// What is read at once before it is sent: a slow receiver holds no connection.
const (
	pageEntries = 64
	pageBytes   = 256 << 10
)

// Missing calls send for what a device lacks: the ancestors of want (want
// included) that are no ancestors of have (have included), in the order in which
// they came here, so parents first. IDs that are not stored are passed over.
// Entries up to the entry after, in that order, are left out, unless after is
// zero or not stored: so a device goes on where an answer ended. It ends when
// maxEntries are sent or maxBytes reached, the last one going beyond, and tells
// whether there is more. The bodies of void and of deleted entries are left out.
//
// It holds a bit for each entry of the conversation, and 256 KiB of entries. An
// error of send ends it.
func (s *Store) Missing(ctx context.Context, id conversation.ID, want, have []conversation.ID, after conversation.ID,
	maxEntries, maxBytes int, send func(conversation.Raw) error) (more bool, err error) {
	todo, err := s.lacked(id, want, have, after)
	if err != nil {
		return false, s.fail("see what is missing", err)
	}
	for left := maxEntries; ; {
		next := todo.next(min(pageEntries, left))
		if len(next) == 0 || maxBytes <= 0 {
			return todo.more(), ctx.Err()
		}
		page, err := s.readPage(ctx, next)
		if err != nil {
			return false, s.fail("read entries", err)
		}
		for _, raw := range page {
			if maxBytes <= 0 {
				return true, nil
			}
			if err := send(raw); err != nil {
				return false, err
			}
			left, maxBytes = left-1, maxBytes-len(raw.Header)-len(raw.Signature)-len(raw.Body)
		}
		todo.done(len(page))
	}
}

// Raws calls send for each of ids that is stored, in the order in which they
// came, the bodies as in Missing.
func (s *Store) Raws(ctx context.Context, id conversation.ID, ids []conversation.ID, send func(conversation.Raw) error) error {
	var all []int64
	err := s.inView(id, func(q queryer, key int64) error {
		found, err := numbers(q, key, ids)
		all = slices.Sorted(maps.Values(found))
		return err
	})
	for err == nil && len(all) > 0 {
		var page []conversation.Raw
		if page, err = s.readPage(ctx, all[:min(len(all), pageEntries)]); err != nil {
			break
		}
		all = all[len(page):]
		for _, raw := range page {
			if err := send(raw); err != nil {
				return err
			}
		}
	}
	return s.fail("read entries", err)
}

// Lacking gives at most most live entries whose bodies are not here though no
// live deletion names them, in the order in which they came and behind the entry after
// (zero: from the first). Whoever left them out was not believed.
func (s *Store) Lacking(id, after conversation.ID, most int) (ids []conversation.ID, err error) {
	err = s.inView(id, func(q queryer, key int64) error {
		from, to := bounds(key)
		found, err := numbers(q, key, []conversation.ID{after})
		if err != nil {
			return err
		}
		if n := found[after]; n != 0 {
			from = n + 1
		}
		ids, err = collect(q, scanID, `SELECT id FROM entry INDEXED BY entry_missing
			WHERE missing = 1 AND n >= ? AND n < ? AND void = 0
				AND NOT EXISTS (SELECT 1 FROM link JOIN entry AS later ON later.n = link.n
					WHERE link.target = entry.n AND link.kind > 0 AND later.void = 0)
			ORDER BY n LIMIT ?`, from, to, most)
		return err
	})
	return ids, s.fail("look for bodies", err)
}

// maxCommon is how many heads are remembered for a device.
const maxCommon = 64

// Common gives the heads that were last set for a device.
func (s *Store) Common(device peer.ID, id conversation.ID) (ids []conversation.ID, err error) {
	err = s.inView(id, func(q queryer, key int64) error {
		var raw []byte
		err := q.QueryRow("SELECT heads FROM common WHERE conv = ? AND peer = ?", key, []byte(device)).Scan(&raw)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		for part := range slices.Chunk(raw, len(conversation.ID{})) {
			one, err := toID(part)
			if err != nil {
				return err
			}
			ids = append(ids, one)
		}
		return err
	})
	return ids, s.fail("read common heads", err)
}

// SetCommon remembers heads that both this and another device have, 64 of them.
func (s *Store) SetCommon(device peer.ID, id conversation.ID, heads []conversation.ID) error {
	raw := []byte{}
	for _, h := range heads[:min(len(heads), maxCommon)] {
		raw = append(raw, h[:]...)
	}
	_, err := s.db.Writer.Exec(`INSERT INTO common (conv, peer, heads) SELECT key, ?, ? FROM conversation WHERE id = ?
		ON CONFLICT (conv, peer) DO UPDATE SET heads = excluded.heads WHERE heads IS NOT excluded.heads`,
		[]byte(device), raw, id[:])
	return s.fail("remember common heads", err)
}
