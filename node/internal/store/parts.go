package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Part is what one device does with an outgoing transfer. The fields mean what
// they mean in a Transfer; Device is empty where none of the account's is known.
type Part struct {
	Device       peer.ID
	Account      conversation.Account
	State        filexfer.State
	Bytes        int64
	Reason, Code string
	PathKind     string
	Path         json.RawMessage
	Updated      time.Time
}

const partColumns = "transfer, device, account, state, bytes, reason, code, path_kind, path, updated"

func putParts(tx *sql.Tx, transfer string, parts []Part) error {
	for _, p := range parts {
		if !validPath(p.Path) {
			return fmt.Errorf("the path of the part of %s is not JSON", p.Device)
		}
		_, err := tx.Exec("INSERT INTO part ("+partColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			transfer, blob([]byte(p.Device)), p.Account[:], p.State.String(), p.Bytes, p.Reason, p.Code,
			p.PathKind, blob(p.Path), milli(p.Updated))
		if err != nil {
			return fmt.Errorf("the part of %s: %w", p.Device, err)
		}
	}
	return nil
}

type partRow struct {
	transfer string
	Part
}

// readParts gives the parts by the IDs of their transfers.
func readParts(tx *sql.Tx, whose string, args ...any) (map[string][]Part, error) {
	rows, err := collect(tx, scanPart, "SELECT "+partColumns+" FROM part"+whose+" ORDER BY number", args...)
	parts := map[string][]Part{}
	for _, row := range rows {
		parts[row.transfer] = append(parts[row.transfer], row.Part)
	}
	return parts, err
}

func scanPart(row scanner) (p partRow, err error) {
	var device, account, path []byte
	var state string
	var updated int64
	err = row.Scan(&p.transfer, &device, &account, &state, &p.Bytes, &p.Reason, &p.Code, &p.PathKind, &path, &updated)
	if err != nil {
		return p, err
	}
	p.Device, p.Updated = peer.ID(device), fromMilli(updated)
	if len(path) > 0 {
		p.Path = path
	}
	var errAccount error
	p.Account, errAccount = toAccount(account)
	if err := errors.Join(p.State.UnmarshalText([]byte(state)), errAccount); err != nil {
		return p, fmt.Errorf("%w: a part of transfer %s: %w", ErrCorrupt, p.transfer, err)
	}
	return p, nil
}
