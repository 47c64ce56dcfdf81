package signalling

import (
	"context"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Offers is what a part of an app needs that asks and answers requests of one kind, and
// nothing else: the Signaller of package icetcp, for instance.
type Offers struct {
	service *Service
	kind    string
}

// Offers gives the requests of a kind (see [Service.Handle]) as offers and answers.
func (s *Service) Offers(kind string) Offers { return Offers{s, kind} }

// Offer delivers offer to a device and returns its answer, as [Service.Request] does.
func (o Offers) Offer(ctx context.Context, to peer.ID, offer []byte) (answer []byte, err error) {
	return o.service.Request(ctx, to, o.kind, offer)
}

// HandleOffers sets the function that answers the offers of others, whose device is
// authenticated; nil removes it.
func (o Offers) HandleOffers(answer func(ctx context.Context, from peer.ID, offer []byte) ([]byte, error)) {
	if answer == nil {
		o.service.Handle(o.kind, nil)
		return
	}
	o.service.Handle(o.kind, func(ctx context.Context, r Request) ([]byte, error) {
		return answer(ctx, r.From, r.Payload)
	})
}
