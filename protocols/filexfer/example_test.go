package filexfer_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Two plain libp2p hosts over TCP and TLS. Nothing else of passeur is needed.
func Example() {
	alice, bob := newHost(), newHost()
	defer alice.Close()
	defer bob.Close()
	folder, err := os.MkdirTemp("", "filexfer")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	ctx := context.Background()

	// Bob takes whatever Alice offers.
	inbox, err := filexfer.New(bob, filexfer.Config{
		Accept: func(_ context.Context, o filexfer.Offer) (filexfer.Sink, error) {
			if o.From != alice.ID() {
				return nil, &filexfer.Refusal{Reason: "we have not met"}
			}
			return filexfer.NewFileSink(filexfer.Target{Dir: folder, Name: o.Name, Size: o.Size})
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer inbox.Close()
	bob.SetStreamHandler(inbox.ID(), inbox.HandleStream)

	// Alice knows Bob's address and sends a file.
	letter := filepath.Join(folder, "letter to bob.txt")
	if err := os.WriteFile(letter, []byte("Dear Bob,\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	outbox, err := filexfer.New(alice, filexfer.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer outbox.Close()
	if err := alice.Connect(ctx, peer.AddrInfo{ID: bob.ID(), Addrs: bob.Addrs()}); err != nil {
		log.Fatal(err)
	}
	file, err := filexfer.FileFromPath(letter)
	if err != nil {
		log.Fatal(err)
	}
	view, err := outbox.Send(ctx, bob.ID(), file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(view.State, view.Name, view.Bytes, "bytes over", view.Conn.ConnState().Security)
	arrived, err := os.ReadFile(filepath.Join(folder, "letter to bob (2).txt"))
	fmt.Printf("%q %v\n", arrived, err)

	// Output:
	// finished letter to bob.txt 10 bytes over /tls/1.0.0
	// "Dear Bob,\n" <nil>
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
