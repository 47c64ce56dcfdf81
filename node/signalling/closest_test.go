package signalling

import (
	"context"
	"crypto/hpke"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

const slow = 2 * time.Second

// tardyRouting takes two seconds to find servers. It counts how often it is asked for one
// key's.
type tardyRouting struct {
	Routing
	counted string
	asked   *atomic.Int32
}

func (r tardyRouting) GetClosestPeers(ctx context.Context, key string) ([]peer.ID, error) {
	if key == r.counted {
		r.asked.Add(1)
	}
	if !pause(ctx, slow) {
		return nil, ctx.Err()
	}
	return r.Routing.GetClosestPeers(ctx, key)
}

// tardyKeys take two seconds to find a key.
type tardyKeys struct{ Keys }

func (k tardyKeys) SealKey(ctx context.Context, p peer.ID) (hpke.PublicKey, error) {
	if !pause(ctx, slow) {
		return nil, ctx.Err()
	}
	return k.Keys.SealKey(ctx, p)
}

func tardily(s *sim) func(*Config) {
	return func(c *Config) { c.Routing, c.Keys = tardyRouting{Routing: s}, tardyKeys{c.Keys} }
}

// The servers of an inbox are looked up while the key is, and by who answers while the
// request is handled.
func TestServersAreLookedUpMeanwhile(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		s.node(true, nil)
		alice, bob := s.node(false, tardily(s)), s.node(false, tardily(s))
		bob.Handle("ice", func(ctx context.Context, r Request) ([]byte, error) {
			pause(ctx, slow)
			return echo(ctx, r)
		})
		pass(10 * time.Second)
		began := time.Now()
		mustEcho(t, alice, bob, "ice")
		if took := time.Since(began); took >= 3*slow {
			t.Errorf("a key, servers, a handler and servers took %v, of %v each", took, slow)
		}
	})
}

// Who asks for the same servers at the same time waits for the same lookup, and whoever
// gives up leaves it to the others.
func TestALookupIsShared(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		server := s.node(true, nil)
		bob := s.node(false, nil)
		var asked atomic.Int32
		alice := s.node(false, func(c *Config) { c.Routing = tardyRouting{s, bob.inbox().Key(), &asked} })
		hasty, cancel := context.WithTimeout(t.Context(), slow/2)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := alice.closest.servers(hasty, bob.inbox()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("in a hurry: %v", err)
			}
		})
		for range 9 {
			wg.Go(func() {
				if servers, err := alice.closest.servers(t.Context(), bob.inbox()); err != nil || len(servers) != 1 {
					t.Errorf("%v, %v", servers, err)
				}
			})
		}
		wg.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("%d lookups", n)
		}
		alice.Service.Close()
		if _, err := alice.closest.servers(t.Context(), server.inbox()); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}
