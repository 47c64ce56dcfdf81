package conversation

import (
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/sha3"
)

const revokeLabel = "passeur/device-revoke/1\x00"

// RevokeContent is the content of a device entry that revokes device in a
// conversation. The account signs, so that a stolen device cannot revoke its
// siblings; it signs the parents (any order here) that the entry must have, so
// that nobody uses it again with others: what the revoked device wrote and is
// not in their past is void for ever. The account's signature is over
//
//	"passeur/device-revoke/1\0" ‖ conversation 32 ‖ device key 32 ‖ SHA3-256(parents, ascending, 32 each)
func (k AccountKey) RevokeContent(conversation ID, device peer.ID, parents []ID) ([]byte, error) {
	if k.IsZero() {
		return nil, fmt.Errorf("revoke %s: the account key is not on this device", device)
	}
	message, err := revokeMessage(conversation, device, slices.SortedFunc(slices.Values(parents), ID.Compare))
	if err != nil {
		return nil, err
	}
	return revokeContent(device, k.Sign(revokeLabel, message)), nil
}

func (e *Entry) checkRevocation() error {
	message, err := revokeMessage(e.Conversation, e.Control.Device, e.Parents)
	if err != nil {
		return fmt.Errorf("%w: entry %s: %w", ErrSignature, e.ID, err)
	}
	if !e.Account.Verify(revokeLabel, message, e.Control.Signature) {
		return fmt.Errorf("%w: entry %s: the account did not revoke device %s here and at these parents",
			ErrSignature, e.ID, e.Control.Device)
	}
	return nil
}

func revokeMessage(conversation ID, device peer.ID, parents []ID) ([]byte, error) {
	key, err := DeviceKey(device)
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, p := range parents {
		all = append(all, p[:]...)
	}
	sum := sha3.Sum256(all)
	return slices.Concat(conversation[:], key, sum[:]), nil
}
