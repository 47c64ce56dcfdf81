package pairing_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"log"
	"sync"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/pairing"
)

// drops are inboxes in memory that two devices of one process share; an app gives its
// *signalling.Service, which has them on the DHT.
type drops struct {
	mu    sync.Mutex
	boxes map[string]chan []byte
}

func (d *drops) box(owner ed25519.PublicKey) chan []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.boxes[string(owner)] == nil {
		d.boxes[string(owner)] = make(chan []byte, 16)
	}
	return d.boxes[string(owner)]
}

func (d *drops) Leave(_ context.Context, owner ed25519.PublicKey, message []byte) error {
	select {
	case d.box(owner) <- append([]byte(nil), message...):
	default: // full: whoever needs an answer comes again
	}
	return nil
}

func (d *drops) Listen(ctx context.Context, owner ed25519.PrivateKey) (<-chan []byte, error) {
	box, out := d.box(owner.Public().(ed25519.PublicKey)), make(chan []byte)
	go func() {
		defer close(out)
		for {
			select {
			case m := <-box:
				select {
				case out <- m:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// disk keeps the ledger of burnt codes; an app's has to outlive the process.
type disk map[string][]byte

func (d disk) Blob(name string) ([]byte, error) { return d[name], nil }

func (d disk) PutBlob(name string, raw []byte) error {
	d[name] = raw
	return nil
}

// Alice reads a code out, Bob types it, and each knows the other's device.
func Example() {
	inboxes := &drops{boxes: map[string]chan []byte{}}
	start := func() *pairing.Service {
		s, err := pairing.New(pairing.Config{Inboxes: inboxes, Memory: pairing.NewLedger(disk{})})
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	alice, bob := start(), start()
	defer alice.Close()
	defer bob.Close()

	ctx := context.Background()
	code := pairing.NewCode(pairing.Contact)
	atAlice := make(chan pairing.Result, 1)
	go func() {
		met, err := alice.Show(ctx, code, newParty("alice"))
		if err != nil {
			log.Fatal(err)
		}
		atAlice <- met
	}()

	typed, err := pairing.ParseCode(code.Words())
	if err != nil {
		log.Fatal(err)
	}
	atBob, err := bob.Enter(ctx, typed, newParty("bob"))
	if err != nil {
		log.Fatal(err)
	}
	met := <-atAlice
	fmt.Println(atBob.Other.Name, "and", met.Other.Name)
	fmt.Println("nobody sits between them:", atBob.Verifier == met.Verifier)

	// Output:
	// alice and bob
	// nobody sits between them: true
}

// newParty stands for an app's account and its host's ID.
func newParty(name string) pairing.Party {
	account, err := conversation.NewAccountKey(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	_, public, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	device, err := peer.IDFromPublicKey(public)
	if err != nil {
		log.Fatal(err)
	}
	return pairing.Party{Device: device, Account: account.Account(), Name: name}
}
