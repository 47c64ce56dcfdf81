package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/protocols/history"
)

// historyLog lets the history protocol read and write the logs.
type historyLog struct{ *logstore.Store }

var _ history.Log = historyLog{}

// orNone: a conversation that is not here is an empty one.
func orNone[T any](list []T, err error) ([]T, error) {
	if errors.Is(err, logstore.ErrUnknownConversation) {
		return nil, nil
	}
	return list, err
}

func (l historyLog) Heads(conv conversation.ID) ([]conversation.ID, error) {
	return orNone(l.Store.Heads(conv))
}

func (l historyLog) Known(conv conversation.ID, ids []conversation.ID) ([]conversation.ID, error) {
	return orNone(l.Store.Known(conv, ids))
}

func (l historyLog) Locator(conv conversation.ID) ([]conversation.ID, error) {
	return orNone(l.Store.Locator(conv))
}

func (l historyLog) Common(device peer.ID, conv conversation.ID) ([]conversation.ID, error) {
	return orNone(l.Store.Common(device, conv))
}

func (l historyLog) SetCommon(device peer.ID, conv conversation.ID, heads []conversation.ID) error {
	_, err := orNone[conversation.ID](nil, l.Store.SetCommon(device, conv, heads))
	return err
}

func (l historyLog) Missing(ctx context.Context, conv conversation.ID, want, have []conversation.ID, after conversation.ID,
	maxEntries, maxBytes int, send func(conversation.Raw) error) (more bool, err error) {
	more, err = l.Store.Missing(ctx, conv, want, have, after, maxEntries, maxBytes, send)
	_, err = orNone[conversation.ID](nil, err)
	return more, err
}

func (l historyLog) Raws(ctx context.Context, conv conversation.ID, ids []conversation.ID, send func(conversation.Raw) error) error {
	_, err := orNone[conversation.ID](nil, l.Store.Raws(ctx, conv, ids, send))
	return err
}

func (l historyLog) Lacking(conv, after conversation.ID, n int) ([]conversation.ID, error) {
	return orNone(l.Store.Lacking(conv, after, n))
}

func (l historyLog) Ingest(ctx context.Context, conv conversation.ID, batch []conversation.Raw, from history.Source, last bool) (history.Ingested, error) {
	r, err := l.Store.Ingest(ctx, conv, batch, logstore.Source{Account: from.Account, Own: from.Own, Last: last})
	switch {
	case errors.Is(err, logstore.ErrInvalid), errors.Is(err, logstore.ErrBatch):
		err = fmt.Errorf("%w: %w", history.ErrInvalid, err)
	case errors.Is(err, logstore.ErrParent):
		err = fmt.Errorf("%w: %w", history.ErrParent, err)
	}
	return history.Ingested{Added: len(r.Added), Deferred: r.Deferred, Paused: r.Paused, Left: r.Void > 0}, err
}
