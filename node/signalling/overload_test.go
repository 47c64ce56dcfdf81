package signalling

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

func TestRecipientLimits(t *testing.T) {
	blocked := make(chan struct{})
	server, alice, bob := trio(t, nil, nil, func(c *Config) {
		c.Limits = Limits{Handlers: 4, SenderRate: 1e-9, SenderBurst: 3}
	})
	defer close(blocked)
	bob.Handle("ice", func(ctx context.Context, _ Request) ([]byte, error) {
		select {
		case <-blocked:
		case <-ctx.Done():
		}
		return nil, nil
	})
	receive := func(n *node) error {
		_, _, err := bob.receive(n.sealFor(t, bob, newReplyKey(t), nil), "")
		return err
	}
	if err := receive(alice); err != nil {
		t.Error(err)
	}
	if err := receive(alice); !errors.Is(err, errSlots) {
		t.Errorf("a second one of one device: %v", err)
	}
	mallory := newNode(t, server.dir, dht.ModeClient)
	if err := receive(mallory); err != nil {
		t.Error(err)
	}
	if err := receive(newNode(t, server.dir, dht.ModeClient)); !errors.Is(err, errSlots) {
		t.Errorf("a third stranger, where half of four slots are strangers': %v", err)
	}
	if err := receive(alice); !errors.Is(err, errSlots) {
		t.Errorf("the third of one device: %v", err)
	}
	if err := receive(alice); !errors.Is(err, errRate) {
		t.Errorf("too often: %v", err)
	}
}

func TestDirectFlood(t *testing.T) {
	server, _, bob := trio(t, nil, nil, func(c *Config) { c.Limits = Limits{SenderRate: 1e-9, SenderBurst: 2} })
	mallory := newNode(t, server.dir, dht.ModeClient, bob)
	resets := 0
	for range 12 {
		st := mallory.raw(t, bob, DirectProtocol, wire(message{[]byte("x")}))
		if reply, err := readFrame(st); err != nil {
			resets++
		} else if reply != codeMalformed {
			t.Errorf("%v", reply)
		}
	}
	if resets != 4 {
		t.Errorf("%d of 12 streams were reset, want 4", resets)
	}
}

// A server leaves inboxes alone that twenty connected servers are nearer to.
func TestServerElsewhere(t *testing.T) {
	simulate(t, func(t *testing.T, s *sim) {
		server, sender := s.node(true, nil), s.node(false, nil)
		others := []peer.ID{server.host.ID()}
		for range elsewhere + 5 {
			h, err := s.net.GenPeer()
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			h.SetStreamHandler(InboxProtocol, func(st network.Stream) { st.Reset() })
			others = append(others, h.ID())
		}
		if err := s.net.LinkAll(); err != nil {
			t.Fatal(err)
		}
		for _, p := range others[1:] {
			if _, err := s.net.ConnectPeers(server.host.ID(), p); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		for i := range 40 {
			inbox := Inbox{byte(i)}
			sortByDistance(inbox.Key(), others)
			rank := slices.Index(others, server.host.ID())
			_, err := sender.put(t.Context(), server.host.ID(), put{inbox, time.Minute, []byte("x")})
			if elsewhere <= rank && !errors.Is(err, codeElsewhere) || rank < elsewhere && err != nil {
				t.Errorf("%d servers are nearer: %v", rank, err)
			}
		}
	})
}
