package node_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
)

// club makes a group of the nodes' accounts, which the first one owns and whose contact
// everybody is.
func club(t *testing.T, owner *node.Node, members ...*node.Node) conversation.ID {
	t.Helper()
	var names []string
	for _, m := range members {
		nodetest.Befriend(t, owner, m)
		names = append(names, m.Identity().Name)
	}
	c, err := owner.CreateConversation(t.Context(), "club", names)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		stands(t, m, "club", "you", "invited")
		if _, err := m.AcceptConversation(t.Context(), "club"); err != nil {
			t.Fatal(err)
		}
		stands(t, owner, "club", m.Identity().Name, "member")
	}
	return c.ID
}

// share sends a file into a conversation, and gives its entry once all receivers are
// asked and know of it: those in takers accept, the others refuse.
func share(t *testing.T, from *node.Node, ref, path string, takers, others []*node.Node) conversation.ID {
	t.Helper()
	sent, err := from.SendFile(t.Context(), path, ref)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range others {
		if _, err := n.Refuse(t.Context(), nodetest.Offer(t, n, filepath.Base(path)).ID); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range takers {
		offer := nodetest.Offer(t, n, filepath.Base(path))
		if _, err := n.Accept(t.Context(), offer.ID, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		if end := nodetest.Ended(t, n, offer.ID); end.State != filexfer.Finished {
			t.Fatalf("%s's file ended as %+v", n.Identity().Name, end)
		}
	}
	sent, _ = from.Transfer(sent.ID)
	for _, n := range slices.Concat(takers, others) { // an offer may be there before its entry
		nodetest.Until(t, n, "the entry of the file", func() bool {
			list, err := n.Messages(sent.Conversation.String(), node.Page{})
			return err == nil && slices.ContainsFunc(list, func(m node.Message) bool { return m.ID == sent.Entry })
		})
	}
	return sent.Entry
}

// request is what a device writes that asks for a file, whatever it is.
type request map[string]string

func requestOf(n *node.Node, conv, entry conversation.ID) request {
	return request{"conversation": conv.String(), "interaction": entry.String(), "deviceId": n.Identity().Device.String()}
}

// with is the request with another value.
func (r request) with(key, value string) request {
	other := request{key: value}
	for k, v := range r {
		if k != key {
			other[k] = v
		}
	}
	return other
}

// ask sends a request from one node's device to another's and gives the answer, or why
// there is none.
func ask(t *testing.T, from, to *node.Node, r request) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ctx = network.WithNoDial(ctx, "the devices are connected, or one does not want the other")
	s, err := from.Host().NewStream(ctx, to.Identity().Device, rerequest.ID)
	if err != nil {
		return err.Error()
	}
	defer s.Reset()
	s.SetDeadline(time.Now().Add(time.Minute))
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)); err != nil {
		return err.Error()
	}
	answer, err := io.ReadAll(s)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(answer))
}

// holds waits until the node says so of the file that it has of an entry.
func holds(t *testing.T, n *node.Node, entry conversation.ID, state node.HeldState) (found node.HeldFile) {
	t.Helper()
	eventually(t, n, "the file to be "+string(state), func() bool {
		files, err := n.Files()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if f.Entry == entry {
				found = f
			}
		}
		return found.State == state
	})
	return found
}

// empty wants nothing in a folder.
func empty(t *testing.T, dir string) {
	t.Helper()
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("the folder holds %v, %v", list, err)
	}
}
