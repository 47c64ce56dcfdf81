package link_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/protocols/link"
)

// A laptop that has the account key makes a phone one of the account's devices.
func Example() {
	laptop, phone := newHost(), newHost()
	defer laptop.Close()
	defer phone.Close()
	key, err := conversation.NewAccountKey(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}

	// The laptop has met the phone already, by a code say (package pairing).
	service := link.New(link.Config{
		Offer: func(_ context.Context, device peer.ID, _ string) (link.Handover, error) {
			if device != phone.ID() {
				return link.Handover{}, &link.Refusal{Reason: "we have not met"}
			}
			certificate, err := key.Certify(device)
			return link.Handover{
				Account:     key.Account(),
				Certificate: certificate[:],
				Record:      []byte("the account's record"), // that of directory.SignRecord
			}, err
		},
	})
	defer service.Close()
	laptop.SetStreamHandler(service.ID(), service.HandleStream)

	// The phone asks, and keeps what it gets.
	ctx := context.Background()
	if err := phone.Connect(ctx, *host.InfoFromHost(laptop)); err != nil {
		log.Fatal(err)
	}
	err = link.Join(ctx, phone, laptop.ID(), phone.ID(), "phone", func(h *link.Handover) error {
		fmt.Println("of the same account:", h.Account == key.Account())
		return nil // it is safe on the disk
	})
	fmt.Println(err)

	// Output:
	// of the same account: true
	// <nil>
}

func newHost() host.Host {
	h, err := libp2p.New(
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.DisableRelay(),
	)
	if err != nil {
		log.Fatal(err)
	}
	return h
}
