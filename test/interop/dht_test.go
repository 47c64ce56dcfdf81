package interop

import (
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// record is what the peer reads of an account.
type record struct {
	Account string
	Devices []struct{ Name, Key string }
}

func (r record) has(device string) bool {
	return slices.ContainsFunc(r.Devices, func(d struct{ Name, Key string }) bool { return d.Name == device })
}

// A peer in JavaScript joins the DHT by a node. It puts the record of an account, which
// the node checks and keeps, for another peer that knows the node alone; and it finds
// the node's account.
func TestDHT(t *testing.T) {
	n := people.Start(t, here{}, people.Config{Name: "node", Server: true, Args: []string{"--listen", "127.0.0.1:0"}}).Ready()
	addr := n.AddrsAt("127.0.0.1")[0]
	first, second := startPeer(t), startPeer(t)
	first.do(t, order{"do": "connect", "to": addr}, nil)
	var account string
	lab.Eventually(t, "the peer puts a record", func() bool {
		return first.begin(t, order{"do": "publish", "name": "javascript"})(&account) == nil
	})
	second.do(t, order{"do": "connect", "to": addr}, nil)
	var got record
	lab.Eventually(t, "another peer finds it", func() bool {
		return second.begin(t, order{"do": "lookup", "account": account})(&got) == nil
	})
	if got.Account != account || !got.has("javascript") {
		t.Errorf("%s: %+v", account, got)
	}
	lab.Eventually(t, "the peer finds the node's account", func() bool {
		return first.begin(t, order{"do": "lookup", "account": n.Who.Account})(&got) == nil
	})
	if got.Account != n.Who.Account || !got.has("node") {
		t.Errorf("%s: %+v", n.Who.Account, got)
	}
}
