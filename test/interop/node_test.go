package interop

import (
	"slices"
	"strings"
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

// stranger is what a peer learns of a node that it is nothing to.
type stranger struct {
	Security, Muxer, AgentVersion string
	Protocols                     []string
	Strange                       string // what became of a protocol that nobody speaks
	Connections                   int
}

// A node and a libp2p peer that is no contact: they agree on TLS and yamux, the node
// says who it is and answers a ping, and what it does not speak or give is refused
// without an end of the connection.
func meetNode(t *testing.T, p *peer, n *people.Person, addr string) {
	var got stranger
	p.do(t, order{"do": "meet", "to": addr}, &got)
	if got.Security != "/tls/1.0.0" || got.Muxer != "/yamux/1.0.0" || !strings.HasPrefix(got.AgentVersion, "passeur") {
		t.Errorf("%+v", got)
	}
	for _, id := range []string{"/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", "/passeur/filexfer/1.0.0", "/passeur/rerequest/1.0.0"} {
		if !slices.Contains(got.Protocols, id) {
			t.Errorf("the node does not say that it speaks %s: %q", id, got.Protocols)
		}
	}
	if got.Strange != "UnsupportedProtocolError" || got.Connections != 1 {
		t.Errorf("%+v", got)
	}
	private, err := n.CreateConversation(t.Context(), "private", nil)
	check(t, err)
	var answer string
	for conversation, want := range map[string]string{
		strings.Repeat("c3", 32): "NO unknown-conversation",
		private.ID:               "NO not-a-member",
	} {
		ask := order{"do": "ask", "to": addr, "conversation": conversation, "interaction": strings.Repeat("1e", 32)}
		if p.do(t, ask, &answer); answer != want {
			t.Errorf("asked for a file of %s, the node answered %q", conversation, answer)
		}
	}
	offer := order{"do": "send", "to": addr, "file": newFile(t, 5), "name": "x", "sum": "header"}
	if p.do(t, offer, &answer); !strings.HasPrefix(answer, "NGO") {
		t.Errorf("offered a file, the node answered %q", answer)
	}
}

// A node joins the DHT by one peer, and another peer by the node. The first puts the
// record of an account, which the node checks and keeps, for the other, who knows the
// node alone; and it finds the node's account.
func joinANode(t *testing.T, first, second *peer) {
	n := people.Start(t, here{}, people.Config{
		Name: "node", Server: true, Bootstrap: []string{first.Addr}, Args: []string{"--listen", "127.0.0.1:0"},
	}).Ready()
	addr := n.AddrsAt("127.0.0.1")[0]
	t.Run("stranger", func(t *testing.T) { meetNode(t, second, n, addr) })
	var account string
	lab.Eventually(t, "the peer puts a record", func() bool {
		return first.begin(t, order{"do": "publish", "name": "javascript"})(&account) == nil
	})
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
