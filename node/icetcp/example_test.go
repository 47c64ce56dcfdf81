package icetcp_test

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"github.com/passeur-p2p/passeur/node/icetcp"
)

// An app with a host of its own, and a way of its own to bring an offer to a device,
// gets connections that ICE has found.
func ExampleAddTo() {
	connect := func(ctx context.Context, signaller icetcp.Signaller, to peer.ID) error {
		h, err := libp2p.New(
			libp2p.AddrsFactory(icetcp.HideAddr),
			libp2p.SwarmOpts(swarm.WithDialTimeout(time.Minute)),
		)
		if err != nil {
			return err
		}
		defer h.Close()
		if _, err := icetcp.AddTo(h, icetcp.Config{Signaller: signaller}); err != nil {
			return err
		}
		h.Peerstore().AddAddr(to, icetcp.Addr, time.Hour)
		s, err := h.NewStream(ctx, to, "/example/1.0.0")
		if err != nil {
			return err
		}
		path, _ := icetcp.PathOf(s.Conn())
		fmt.Println("connected:", path)
		return s.Close()
	}
	_ = connect
}
