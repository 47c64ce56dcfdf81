package node_test

import (
	"errors"
	"testing"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Further connections to a device: a few, and none that nobody uses; what goes on
// over the first is not disturbed.
func TestMoreLinks(t *testing.T) {
	w := nodetest.NewTrio(t)
	nodetest.Befriend(t, w.Alice, w.Bob)
	links := node.LinksOf(w.Alice)
	device := w.Bob.Identity().Device
	sends := func() {
		path, content := randomFile(t, "proof.bin", 70_000)
		sent, err := w.Alice.SendFile(t.Context(), path, "bob")
		if err != nil {
			t.Fatal(err)
		}
		offer := nodetest.Offer(t, w.Bob, "proof.bin")
		if _, err := w.Bob.Accept(t.Context(), offer.ID, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		if end := nodetest.Ended(t, w.Alice, sent.ID); end.State != filexfer.Finished {
			t.Fatalf("ended as %+v", end)
		}
		came, _ := w.Bob.Transfer(offer.ID)
		lies(t, came.File, content)
	}
	sends()
	for range icetcp.MaxAnother {
		c, err := links.Another(t.Context(), device)
		if err != nil {
			t.Fatal(err)
		}
		if rtt := links.RTT(c); rtt < 0 {
			t.Errorf("a round trip takes %v", rtt)
		}
	}
	if _, err := links.Another(t.Context(), device); !errors.Is(err, icetcp.ErrEnough) {
		t.Errorf("one too many: %v", err)
	}
	sends()
	conns := func() int { return len(w.Alice.Host().Network().ConnsToPeer(device)) }
	eventually(t, w.Alice, "what nobody uses to be closed", func() bool {
		node.TidyLinks(w.Alice)
		return conns() < 1+icetcp.MaxAnother
	})
	sends()
	if conns() == 0 {
		t.Error("the first connection is closed, too")
	}
	if _, err := links.Another(t.Context(), w.Server.Identity().Device+"x"); err == nil {
		t.Error("connected to nobody")
	}
}
