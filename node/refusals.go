package node

import (
	"fmt"
	"slices"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/store"
)

const (
	refusalsBlob = "refused-requests"
	// maxRefused bounds the accounts whose refusal is remembered; the oldest is
	// forgotten first.
	maxRefused = 1000
)

// refusals are the accounts whose contact request the user has turned down: they go on
// asking, and are not heard. They are in the store before they count.
type refusals struct {
	store    *store.Store
	accounts []conversation.Account // oldest first
}

func openRefusals(s *store.Store) (refusals, error) {
	r := refusals{store: s}
	raw, err := s.Blob(refusalsBlob)
	if err != nil {
		return r, err
	}
	const each = len(conversation.Account{})
	if len(raw)%each != 0 || len(raw) > maxRefused*each {
		return r, fmt.Errorf("the contact requests that were refused: %d bytes are no list of accounts", len(raw))
	}
	for one := range slices.Chunk(raw, each) {
		r.accounts = append(r.accounts, conversation.Account(one))
	}
	return r, nil
}

func (r *refusals) has(a conversation.Account) bool { return slices.Contains(r.accounts, a) }

func (r *refusals) add(a conversation.Account) error {
	if r.has(a) {
		return nil
	}
	all := append(slices.Clone(r.accounts), a)
	return r.put(all[max(0, len(all)-maxRefused):])
}

func (r *refusals) remove(a conversation.Account) error {
	i := slices.Index(r.accounts, a)
	if i < 0 {
		return nil
	}
	return r.put(slices.Delete(slices.Clone(r.accounts), i, i+1))
}

func (r *refusals) put(all []conversation.Account) error {
	var raw []byte
	for _, a := range all {
		raw = append(raw, a[:]...)
	}
	if err := r.store.PutBlob(refusalsBlob, raw); err != nil {
		return err
	}
	r.accounts = all
	return nil
}
