// Ice is an app with a libp2p host of its own that reaches a peer of which it knows
// nothing but the peer ID: passeur's signalling brings an offer to it through the DHT,
// sealed, and the ICE transport finds a way, through NATs if there are any. Here all
// is on the loopback: a node of the DHT, Bob who waits, and Alice who calls.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/signalling"
)

const hello = "/example/hello/1.0.0"

func main() {
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server := newApp(ctx, dht.ModeServer, nil)
	defer server.close()
	bob := newApp(ctx, dht.ModeClient, server.host)
	defer bob.close()
	alice := newApp(ctx, dht.ModeClient, server.host)
	defer alice.close()

	bob.host.SetStreamHandler(hello, func(s network.Stream) {
		fmt.Fprintf(s, "hello from Bob")
		s.Close()
	})

	// All that Alice knows of Bob is who he is.
	alice.host.Peerstore().ClearAddrs(bob.host.ID())
	alice.host.Peerstore().AddAddr(bob.host.ID(), icetcp.Addr, peerstore.PermanentAddrTTL)
	s, err := alice.host.NewStream(ctx, bob.host.ID(), hello)
	if err != nil {
		log.Fatal(err)
	}
	said, err := io.ReadAll(s)
	if err != nil {
		log.Fatal(err)
	}
	path, byICE := icetcp.PathOf(s.Conn())
	if !byICE {
		log.Fatal("the connection is not one of the ICE transport")
	}
	fmt.Printf("%s, path %s\n", said, path.Kind)
}

// app is a host as any libp2p app has one, and its DHT; and what is added to it.
type app struct {
	host    host.Host
	dht     *dht.IpfsDHT
	signals *signalling.Service
}

func newApp(ctx context.Context, mode dht.ModeOpt, bootstrap host.Host) *app {
	a := &app{}
	var err error
	a.host, err = libp2p.New(
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), // its own transports, as before
		libp2p.AddrsFactory(icetcp.HideAddr),             // others need not hear of /ice
		libp2p.SwarmOpts(swarm.WithDialTimeout(30*time.Second)),
	)
	if err != nil {
		log.Fatal(err)
	}
	// The DHT is the app's. A prefix of its own keeps it apart from others'.
	if a.dht, err = dht.New(a.host, dht.ProtocolPrefix("/example"), dht.Mode(mode)); err != nil {
		log.Fatal(err)
	}
	if bootstrap != nil {
		if err := a.host.Connect(ctx, *host.InfoFromHost(bootstrap)); err != nil {
			log.Fatal(err)
		}
	}
	if err := a.addICE(mode == dht.ModeServer); err != nil {
		log.Fatal(err)
	}
	return a
}

// addICE is what an app adds. DHT servers keep the inboxes of others; without STUN
// servers, TURN servers and routers (see icetcp.Config) it reaches who is on the LAN.
func (a *app) addICE(server bool) (err error) {
	a.signals, err = signalling.New(signalling.Config{Host: a.host, Routing: a.dht, ServeInboxes: server})
	if err != nil {
		return err
	}
	_, err = icetcp.AddTo(a.host, icetcp.Config{
		Listen:    netip.MustParseAddrPort("127.0.0.1:0"), // leave it out to listen everywhere
		Signaller: a.signals.Offers("ice"),
	})
	return err
}

func (a *app) close() {
	a.signals.Close()
	a.dht.Close()
	a.host.Close()
}
