package logstore

import (
	"database/sql"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// Summary tells of a conversation what a list shows.
type Summary struct {
	ID      conversation.ID
	Mode    conversation.Mode
	Creator conversation.Account
	// With is the other account that the first entry of a one-to-one conversation
	// names; zero otherwise. The Creator may be the other one.
	With conversation.Account
	// Name is hostile text, as the creator gave it.
	Name string
	// Entries counts everything that is stored, void entries too.
	Entries int
	Heads   int
	// Last is the time of the newest entry that is shown; zero if there is none.
	Last time.Time
	// Me is what Config.Self is in it.
	Me membership.Status
}

const summaryColumns = `key, id, mode, creator, other, name,
	(SELECT coalesce(max(n) & 4294967295, -1) + 1 FROM entry WHERE n >= key << 32 AND n < (key + 1) << 32),
	(SELECT count(*) FROM head WHERE n >= key << 32 AND n < (key + 1) << 32),
	(SELECT time FROM entry WHERE conv = key AND shown = 1 ORDER BY time DESC LIMIT 1)`

// Conversations lists all, in the order in which they came.
func (s *Store) Conversations() ([]Summary, error) {
	return s.summaries("ORDER BY key")
}

// Summary gives one, or ErrUnknownConversation.
func (s *Store) Summary(id conversation.ID) (Summary, error) {
	list, err := s.summaries("WHERE id = ?", id[:])
	if err == nil && len(list) == 0 {
		err = unknown(id)
	}
	if err != nil {
		return Summary{}, err
	}
	return list[0], nil
}

// Unanswered counts the conversations in which Config.Self has written nothing:
// others founded them, and it has neither joined nor declined.
func (s *Store) Unanswered() (count int, err error) {
	err = s.db.Reader.QueryRow(`SELECT count(*) FROM conversation WHERE NOT EXISTS (SELECT 1 FROM usage
		WHERE usage.conv = conversation.key AND usage.account = (SELECT key FROM party WHERE bytes = ?))`, s.cfg.Self[:]).Scan(&count)
	return count, s.fail("count the conversations", err)
}

func (s *Store) summaries(which string, args ...any) (list []Summary, err error) {
	err = s.view(func(q queryer) error {
		return each(q, func(scan func(...any) error) error {
			one, err := s.scanSummary(q, scan)
			list = append(list, one)
			return err
		}, "SELECT "+summaryColumns+" FROM conversation "+which, args...)
	})
	return list, s.fail("read the conversations", err)
}

func (s *Store) scanSummary(q queryer, scan func(...any) error) (one Summary, err error) {
	var key, creator int64
	var id []byte
	var other, last sql.NullInt64
	if err := scan(&key, &id, &one.Mode, &creator, &other, &one.Name, &one.Entries, &one.Heads, &last); err != nil {
		return one, err
	}
	if last.Valid {
		one.Last = fromMilli(last.Int64)
	}
	if one.ID, err = toID(id); err != nil {
		return one, err
	}
	if one.Creator, err = s.account(q, creator); err == nil && other.Valid {
		one.With, err = s.account(q, other.Int64)
	}
	if err == nil {
		one.Me, err = s.status(q, key, s.cfg.Self)
	}
	return one, err
}

// Members lists all who ever had a status, also those who left or are banned.
func (s *Store) Members(id conversation.ID) (list []membership.MemberStatus, err error) {
	err = s.inView(id, func(q queryer, key int64) error {
		list, err = s.members(q, key)
		return err
	})
	return list, s.fail("read the members", err)
}

func (s *Store) members(q queryer, key int64) (list []membership.MemberStatus, err error) {
	err = each(q, func(scan func(...any) error) error {
		var n, rank int64
		var m membership.MemberStatus
		if err := scan(&n, &m.Status, &rank); err != nil {
			return err
		}
		m.Rank = membership.Rank(rank)
		m.Account, err = s.account(q, n)
		list = append(list, m)
		return err
	}, "SELECT account, status, rank FROM member JOIN party ON party.key = account WHERE conv = ? ORDER BY bytes", key)
	return list, err
}

// Status is what an account is in a conversation; None also where either is
// unknown.
func (s *Store) Status(id conversation.ID, a conversation.Account) (status membership.Status, err error) {
	err = s.inView(id, func(q queryer, key int64) error {
		status, err = s.status(q, key, a)
		return err
	})
	if errors.Is(err, ErrUnknownConversation) {
		return membership.None, nil
	}
	return status, s.fail("read a status", err)
}

func (s *Store) status(q queryer, key int64, a conversation.Account) (status membership.Status, err error) {
	n, err := s.numberOf(q, a)
	if err != nil || n == 0 {
		return membership.None, err
	}
	err = q.QueryRow("SELECT status FROM member WHERE conv = ? AND account = ?", key, n).Scan(&status)
	if errors.Is(err, sql.ErrNoRows) {
		return membership.None, nil
	}
	return status, err
}

// MayRead tells whether a device may be given a conversation: its account is in
// it or invited, and no entry of it revokes the device. That the device is the
// account's, and is not revoked elsewhere, is for the caller to know.
func (s *Store) MayRead(id conversation.ID, a conversation.Account, device peer.ID) (may bool, err error) {
	err = s.inView(id, func(q queryer, key int64) error {
		status, err := s.status(q, key, a)
		if err != nil || !status.In() && status != membership.Invited {
			return err
		}
		revoked, err := s.isRevoked(q, a, device, "AND conv = ?", key)
		may = !revoked
		return err
	})
	if errors.Is(err, ErrUnknownConversation) {
		return false, nil
	}
	return may, s.fail("ask who may read", err)
}

// IsRevoked tells whether an entry of any conversation revokes the device.
func (s *Store) IsRevoked(a conversation.Account, device peer.ID) (revoked bool, err error) {
	err = s.view(func(q queryer) error {
		revoked, err = s.isRevoked(q, a, device, "")
		return err
	})
	return revoked, s.fail("ask for a revocation", err)
}

func (s *Store) isRevoked(q queryer, a conversation.Account, device peer.ID, and string, args ...any) (revoked bool, err error) {
	key, err := deviceKey(device)
	if err != nil {
		return false, nil // no device at all: it signed nothing
	}
	account, err := s.numberOf(q, a)
	if err != nil || account == 0 {
		return false, err
	}
	number, err := s.numberOf(q, key)
	if err != nil || number == 0 {
		return false, err
	}
	err = q.QueryRow("SELECT EXISTS (SELECT 1 FROM revoked WHERE account = ? AND device = ? "+and+")",
		append([]any{account, number}, args...)...).Scan(&revoked)
	return revoked, err
}

// Devices lists the devices of an account whose certificates are in the
// conversation, revoked ones too.
func (s *Store) Devices(id conversation.ID, a conversation.Account) (list []peer.ID, err error) {
	err = s.inView(id, func(q queryer, key int64) error {
		n, err := s.numberOf(q, a)
		if err != nil || n == 0 {
			return err
		}
		return each(q, func(scan func(...any) error) error {
			number, err := scanInt(scan)
			if err != nil {
				return err
			}
			device, err := s.device(q, number)
			list = append(list, device)
			return err
		}, "SELECT device FROM device WHERE conv = ? AND account = ? ORDER BY device", key, n)
	})
	return list, s.fail("read devices", err)
}

// Pair lists the one-to-one conversations between Config.Self and another
// account, the one with the smallest ID first. Both sides may have founded one
// at the same time: people see them as one, and what is new goes into the first.
func (s *Store) Pair(with conversation.Account) ([]Summary, error) {
	return s.summaries(`WHERE mode = 'one-to-one' AND (
		creator = (SELECT key FROM party WHERE bytes = ?1) AND other = (SELECT key FROM party WHERE bytes = ?2) OR
		creator = (SELECT key FROM party WHERE bytes = ?2) AND other = (SELECT key FROM party WHERE bytes = ?1)) ORDER BY id`,
		s.cfg.Self[:], with[:])
}

// inView is view for one conversation.
func (s *Store) inView(id conversation.ID, f func(q queryer, key int64) error) error {
	return s.view(func(q queryer) error {
		key, err := s.key(q, id)
		if err != nil {
			return err
		}
		return f(q, key)
	})
}
