package oneshot_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/libp2p/go-libp2p/core/peer"
	mocknet "github.com/libp2p/go-libp2p/p2p/net/mock"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
	"github.com/passeur-p2p/passeur/protocols/oneshot"
)

// Alice sends 3 MiB of which Bob has the first already. The network is any libp2p; here
// it is one in memory.
func Example() {
	net, err := mocknet.FullMeshConnected(2)
	if err != nil {
		log.Fatal(err)
	}
	defer net.Close()
	alice, bob := net.Hosts()[0], net.Hosts()[1]

	// Bob expects one transfer, of a name that he and Alice alone know.
	expected := oneshot.Name{1, 2, 3}
	service := oneshot.New(oneshot.Config{
		Missing: func(_ context.Context, device peer.ID, o oneshot.Offer) ([]filexfer.Span, error) {
			if device != alice.ID() || o.Name != expected {
				return nil, errors.New("not expected") // Alice is reset, without a word
			}
			if o.Root.IsZero() {
				return nil, oneshot.ErrLater
			}
			return []filexfer.Span{{Start: 1 << 20, End: o.Size}}, nil
		},
	})
	defer service.Close()
	bob.SetStreamHandler(service.ID(), service.HandleStream)

	// Alice asks before she has read her file, and when she knows its sums.
	ctx := context.Background()
	offer := oneshot.Offer{Name: expected, Size: 3 << 20, FileName: "film.mkv"}
	_, err = oneshot.Ask(ctx, alice, bob.ID(), offer)
	fmt.Println(err)
	offer.Root = sha3tree.Sum{4, 5, 6}
	missing, err := oneshot.Ask(ctx, alice, bob.ID(), offer)
	fmt.Println(missing, err)

	// Output:
	// the sums are not known yet
	// [{1048576 3145728}] <nil>
}
