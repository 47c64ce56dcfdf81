package node

import (
	"github.com/passeur-p2p/passeur/node/rules"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// What the store does not take of a transfer it is given again: else one that has ended
// would go on, or be asked for once more, when the node starts anew.

// storeLocked stores a transfer, and then those that could not be stored before.
func (b *transferBook) storeLocked(e *entry) {
	if err := b.putLocked(e.Transfer); err != nil {
		if b.unstored[e.ID] == nil {
			b.log.Error("what became of a transfer cannot be stored; it is tried again", "transfer", e.ID, "state", e.State, "error", err)
		}
		b.unstored[e.ID] = e
		return
	}
	delete(b.unstored, e.ID)
	b.storeRestLocked() // it fails soon enough again
}

// storeRest stores what could not be stored before.
func (b *transferBook) storeRest() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.storeRestLocked()
}

func (b *transferBook) storeRestLocked() error {
	for id, e := range b.unstored {
		if err := b.putLocked(e.Transfer); err != nil {
			return err
		}
		delete(b.unstored, id)
	}
	return nil
}

// putLocked stores a transfer. One that came whole by a rule counts in its quota.
func (b *transferBook) putLocked(t Transfer) error {
	if t.Direction == Incoming && t.State == filexfer.Finished {
		return b.store.FinishTransfer(transferToRow(t), rules.Charge(t.Size))
	}
	return b.store.PutTransfer(transferToRow(t))
}
