package directory

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/routing"

	"github.com/passeur-p2p/passeur/conversation"
)

// empty is a DHT that has nothing.
type empty struct{ routing.ValueStore }

func (empty) PutValue(context.Context, string, []byte, ...routing.Option) error { return nil }

func (empty) SearchValue(context.Context, string, ...routing.Option) (<-chan []byte, error) {
	return nil, routing.ErrNotFound
}

func TestMemoryIsBoundedWhateverIsLookedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, _, err := crypto.GenerateEd25519Key(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		memory := &volatile{records: map[string][]byte{}}
		d, err := New(Config{Store: empty{}, Key: key, Memory: memory})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for i := range maxVolatile + 10 {
			var a conversation.Account
			copy(a[:], fmt.Sprint(i))
			if i < 2*maxFlights {
				if _, err := d.Lookup(t.Context(), a); err == nil {
					t.Fatal("found")
				}
			}
			d.seen.mu.Lock() // the directory publishes meanwhile
			d.seen.keepLocked(fmt.Sprint(i), nil)
			d.seen.mu.Unlock()
			if err := memory.SaveRecord(fmt.Sprint(i), nil); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.flights) > maxFlights || len(d.seen.verified) > maxVerified || len(memory.records) > maxVolatile {
			t.Errorf("%d flights, %d records ready, %d remembered", len(d.flights), len(d.seen.verified), len(memory.records))
		}
	})
}
