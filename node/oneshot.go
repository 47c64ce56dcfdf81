package node

import (
	"context"
	"errors"
	"time"
)

// OneShot says how files are to be sent by a one-shot code.
type OneShot struct {
	// Lifetime is how long the code can be entered: 0 is 10 minutes, at most 24 hours.
	Lifetime time.Duration
}

var errNoOneShot = errors.New("one-shot codes are not there yet")

// SendByCode offers what lies at paths (as in SendFiles) to whoever enters the
// one-time code that it gives. It returns when the code can be entered.
func (n *Node) SendByCode(ctx context.Context, paths []string, o OneShot) (Transfer, Pairing, error) {
	return Transfer{}, Pairing{}, errNoOneShot
}

// ReceiveByCode takes what is sent by a one-shot code; path as in Accept. It returns
// at once; Watch tells the pairing's steps, and the transfer that Pairing.Transfer
// names.
func (n *Node) ReceiveByCode(ctx context.Context, code, path string) (Pairing, error) {
	return Pairing{}, errNoOneShot
}
