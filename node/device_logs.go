package node

import (
	"context"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
)

// logHooks is what devices ask of the conversations. A nil function stands for
// conversations that there are none of.
type logHooks struct {
	// revoked tells whether some conversation's log revokes the account's device. It
	// is asked often and must be quick.
	revoked func(conversation.Account, peer.ID) bool
	// revoke writes the revocation of one of our own devices into every log.
	revoke func(context.Context, peer.ID) error
	// announce tells connected devices of a newer record of our account.
	announce func(record []byte)
	// used tells whether there are conversations that joining an account would lose.
	used func() bool
	// handover gives what a device that joins needs to take part, at most 1 MiB.
	handover func() []byte
	// takeover takes it in, at the start after. It may be called again with the same
	// bytes when that start was cut short.
	takeover func([]byte) error
}

func (h logHooks) isRevoked(a conversation.Account, device peer.ID) bool {
	return h.revoked != nil && h.revoked(a, device)
}

func (h logHooks) revokeDevice(ctx context.Context, device peer.ID) error {
	if h.revoke == nil {
		return nil
	}
	return h.revoke(ctx, device)
}

func (h logHooks) announceRecord(raw []byte) {
	if h.announce != nil {
		h.announce(raw)
	}
}

func (h logHooks) inUse() bool { return h.used != nil && h.used() }

func (h logHooks) handOver() []byte {
	if h.handover == nil {
		return nil
	}
	return h.handover()
}

func (h logHooks) takeOver(raw []byte) error {
	if h.takeover == nil {
		return nil
	}
	return h.takeover(raw)
}
