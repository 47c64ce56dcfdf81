package node_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/internal/throttle"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// A transfer keeps to the limit of the sender's node, or to the one that the receiver
// has for the sender, and is free in the moment that there is none any more.
func TestLimitsOfTransfers(t *testing.T) {
	net := nodetest.NewTrio(t)
	nodetest.Befriend(t, net.Alice, net.Bob)
	for name, limit := range map[string]func(perSecond int64) error{
		"up.bin": func(perSecond int64) error {
			_, err := net.Alice.SetLimits(t.Context(), "", &perSecond, nil)
			return err
		},
		"down.bin": func(perSecond int64) error {
			_, err := net.Bob.SetLimits(t.Context(), "alice", nil, &perSecond)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := limit(throttle.MinRate); err != nil {
				t.Fatal(err)
			}
			path, content := randomFile(t, name, 16<<20) // 17 minutes' worth
			sent, err := net.Alice.SendFile(t.Context(), path, "bob")
			if err != nil {
				t.Fatal(err)
			}
			offer := nodetest.Offer(t, net.Bob, name)
			if _, err := net.Bob.Accept(t.Context(), offer.ID, t.TempDir()); err != nil {
				t.Fatal(err)
			}
			for _, n := range []*node.Node{net.Alice, net.Bob} {
				nodetest.Transfer(t, n, "the transfer to go", func(x node.Transfer) bool {
					return x.Name == name && x.State == filexfer.Ongoing
				})
			}
			if x, _ := net.Bob.Transfer(offer.ID); x.State != filexfer.Ongoing || x.Bytes == int64(len(content)) {
				t.Errorf("before the limit has ended: %+v", x)
			}
			if err := limit(0); err != nil {
				t.Fatal(err)
			}
			for n, id := range map[*node.Node]string{net.Alice: sent.ID, net.Bob: offer.ID} {
				if end := nodetest.Ended(t, n, id); end.State != filexfer.Finished {
					t.Errorf("ended as %+v", end)
				}
			}
		})
	}
}

func TestLimitsAreKept(t *testing.T) {
	home := t.TempDir()
	w := newWorld(t)
	alice, bob := w.start("alice", home), w.start("bob", "")
	nodetest.Befriend(t, alice, bob)
	up, down, none, little := int64(10_000_000), int64(1<<20), int64(0), int64(1)
	bobs := node.Limit{Contact: "bob", Account: bob.Identity().Account, Down: down}
	if _, err := alice.SetLimits(t.Context(), "", &up, &down); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.SetLimits(t.Context(), "", nil, &none); err != nil {
		t.Fatal(err)
	}
	if got, err := alice.SetLimits(t.Context(), bob.Identity().Account.String(), nil, &down); err != nil || got != bobs {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := alice.SetLimits(t.Context(), "", &little, nil); !errors.Is(err, node.ErrBadLimit) {
		t.Errorf("one byte a second: %v", err)
	}
	if _, err := alice.SetLimits(t.Context(), "carol", &up, nil); !errors.Is(err, node.ErrUnknownContact) {
		t.Errorf("of a stranger: %v", err)
	}
	if err := alice.Close(); err != nil {
		t.Fatal(err)
	}
	alice = w.start("", home)
	if got := alice.Limits(); !slices.Equal(got, []node.Limit{{Up: up}, bobs}) {
		t.Errorf("after a restart: %+v", got)
	}
	if _, err := alice.SetLimits(t.Context(), "BOB", nil, &none); err != nil {
		t.Fatal(err)
	}
	if got := alice.Limits(); !slices.Equal(got, []node.Limit{{Up: up}}) {
		t.Errorf("without bob's: %+v", got)
	}
}
