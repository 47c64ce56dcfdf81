package signalling_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"

	"github.com/passeur-p2p/passeur/node/signalling"
)

// near is the routing of a network so small that the same servers are the closest to
// every key. An app gives its *dht.IpfsDHT.
type near []peer.ID

func (n near) GetClosestPeers(context.Context, string) ([]peer.ID, error) { return n, nil }

// Alice asks Bob something, although the two have no connection: a server that both
// reach keeps what is sealed to Bob.
func Example() {
	server, alice, bob := newHost(), newHost(), newHost()
	defer server.Close()
	defer alice.Close()
	defer bob.Close()
	for _, h := range []host.Host{alice, bob} { // that is what a DHT's routing does
		h.Peerstore().AddAddrs(server.ID(), server.Addrs(), time.Hour)
	}
	start := func(h host.Host, serves bool) *signalling.Service {
		s, err := signalling.New(signalling.Config{Host: h, Routing: near{server.ID()}, ServeInboxes: serves})
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	defer start(server, true).Close()
	asks, answers := start(alice, false), start(bob, false)
	defer asks.Close()
	defer answers.Close()

	answers.Handle("greeting", func(_ context.Context, r signalling.Request) ([]byte, error) {
		if r.From != alice.ID() { // as its signature has proven
			return nil, signalling.ErrSilent
		}
		return append(r.Payload, " yourself"...), nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	answer, err := asks.Request(ctx, bob.ID(), "greeting", []byte("good morning"))
	fmt.Printf("%s %v\n", answer, err)
	fmt.Println("connected:", len(alice.Network().ConnsToPeer(bob.ID())) > 0)

	// Output:
	// good morning yourself <nil>
	// connected: false
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
