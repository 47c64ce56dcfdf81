package node_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
)

// texts are what a conversation says, "author: text" a line.
func texts(t *testing.T, n *node.Node, ref string) []string {
	t.Helper()
	messages, err := n.Messages(ref, node.Page{})
	if errors.Is(err, node.ErrUnknownConversation) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range messages {
		if m.Type == conversation.TypeText {
			lines = append(lines, m.Author+": "+m.Text)
		}
	}
	return lines
}

// reads waits until a conversation says exactly that.
func reads(t *testing.T, n *node.Node, ref string, want ...string) {
	t.Helper()
	nodetest.Until(t, n, ref+" to say "+strings.Join(want, ", "), func() bool {
		return slices.Equal(texts(t, n, ref), want)
	})
}

func say(t *testing.T, n *node.Node, ref, text string) node.Message {
	t.Helper()
	m, err := n.SendMessage(t.Context(), ref, text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// stands waits until an account, by its name there, has a status in a conversation.
func stands(t *testing.T, n *node.Node, ref, who string, want node.Status) {
	t.Helper()
	nodetest.Until(t, n, who+" to be "+string(want)+" in "+ref, func() bool {
		c, err := n.Conversation(ref)
		if err != nil {
			return false
		}
		return slices.ContainsFunc(c.Members, func(m node.Member) bool { return m.Name == who && m.Status == want })
	})
}

func TestMessagesBetweenContacts(t *testing.T) {
	net := nodetest.NewTrio(t)
	nodetest.Befriend(t, net.Alice, net.Bob)
	hello := say(t, net.Alice, "bob", "hello")
	reads(t, net.Bob, "alice", "alice: hello")
	say(t, net.Bob, "alice", "hello yourself")
	reads(t, net.Alice, "bob", "you: hello", "bob: hello yourself")

	if _, err := net.Alice.EditMessage(t.Context(), "bob", hello.ID.String()[:8], "good morning"); err != nil {
		t.Fatal(err)
	}
	reads(t, net.Bob, "alice", "alice: good morning", "you: hello yourself")
	all, err := net.Alice.Messages("bob", node.Page{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.Edit != hello.ID {
			continue
		}
		if _, err := net.Alice.EditMessage(t.Context(), "bob", m.ID.String(), "x"); !errors.Is(err, node.ErrNotAllowed) {
			t.Errorf("an edit is edited: %v", err)
		}
	}
	if _, err := net.Alice.EditMessage(t.Context(), "bob", hello.ID.String(), strings.Repeat("\n", 60_000)); !errors.Is(err, node.ErrTooLong) {
		t.Errorf("an edit that does not fit into an entry: %v", err)
	}
	if _, err := net.Alice.SendMessage(t.Context(), "bob", strings.Repeat("\x00", 60_000)); !errors.Is(err, node.ErrTooLong) {
		t.Errorf("a text that does not fit into an entry: %v", err)
	}
	if _, err := net.Alice.DeleteMessage(t.Context(), "bob", hello.ID.String()); err != nil {
		t.Fatal(err)
	}
	nodetest.Until(t, net.Bob, "the message to be taken back", func() bool {
		list, err := net.Bob.Messages("alice", node.Page{})
		return err == nil && slices.ContainsFunc(list, func(m node.Message) bool { return m.ID == hello.ID && m.Deleted && m.Text == "" })
	})
	if _, err := net.Bob.DeleteMessage(t.Context(), "alice", hello.ID.String()); !errors.Is(err, node.ErrNotAllowed) {
		t.Errorf("bob deletes what alice wrote: %v", err)
	}
	for _, n := range []*node.Node{net.Alice, net.Bob} {
		if list, err := n.Conversations(); err != nil || len(list) != 1 || list[0].Mode != conversation.OneToOne {
			t.Errorf("conversations: %+v, %v", list, err)
		}
	}
}

// newClub makes a group "club" of Alice, its owner, Bob and Carol; Bob and Carol are
// not each other's contacts.
func newClub(t *testing.T) (net nodetest.Trio, carol *node.Node, group node.Conversation) {
	t.Helper()
	net = nodetest.NewTrio(t)
	carol = nodetest.New(t, node.Config{Name: "carol", DHT: node.DHTClient, Bootstrap: nodetest.Addrs(net.Server)})
	nodetest.Befriend(t, net.Alice, net.Bob)
	nodetest.Befriend(t, net.Alice, carol)
	group, err := net.Alice.CreateConversation(t.Context(), "club", []string{"bob", "carol"})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node.Node{net.Bob, carol} {
		stands(t, n, "club", "you", "invited")
		if _, err := n.AcceptConversation(t.Context(), "club"); err != nil {
			t.Fatal(err)
		}
	}
	stands(t, net.Alice, "club", "bob", "member")
	stands(t, net.Alice, "club", "carol", "member")
	return net, carol, group
}

// Who is a contact no longer goes on in the groups that both are in, without being
// looked up first.
func TestAGroupOutlivesAContact(t *testing.T) {
	net, _, group := newClub(t)
	if err := net.Alice.RemoveContact(t.Context(), net.Bob.Identity().Account); err != nil {
		t.Fatal(err)
	}
	if !node.Takes(net.Alice, net.Bob, group.ID) {
		t.Error("what bob writes in the group is not taken")
	}
	say(t, net.Bob, "club", "still here")
	nodetest.Until(t, net.Alice, "bob's text", func() bool { return len(texts(t, net.Alice, "club")) == 1 })
}

func TestGroupWhereOneIsBanned(t *testing.T) {
	net, carol, group := newClub(t)
	ctx := t.Context()
	say(t, net.Alice, "club", "welcome")
	say(t, net.Bob, "club", "thanks")
	alice, bob := net.Alice.Identity().Account.String(), net.Bob.Identity().Account.String()
	nodetest.Until(t, carol, "both texts", func() bool { return len(texts(t, carol, "club")) == 2 })

	if _, err := net.Bob.ChangeMember(ctx, "club", conversation.Ban, alice, ""); !errors.Is(err, node.ErrNotAllowed) {
		t.Errorf("a member bans the owner: %v", err)
	}
	if _, err := net.Alice.ChangeMember(ctx, "club", conversation.Ban, "bob", ""); err != nil {
		t.Fatal(err)
	}
	stands(t, carol, "club", bob, "banned")
	stands(t, net.Bob, "club", "you", "banned")
	if _, err := net.Bob.SendMessage(ctx, "club", "and another thing"); !errors.Is(err, node.ErrNotAllowed) {
		t.Errorf("one who is banned writes: %v", err)
	}
	var exported bytes.Buffer
	if err := carol.ExportConversation(group.ID.String(), &exported); err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(exported.Bytes(), []byte("\n")); lines < 8 {
		t.Errorf("only %d entries are exported:\n%s", lines, &exported)
	}
	renewed, err := net.Alice.RenewConversation(ctx, "club")
	if err != nil || renewed.ID == group.ID {
		t.Fatalf("renewed as %s, %v", renewed.ID, err)
	}
	nodetest.Until(t, carol, "the renewal", func() bool {
		old, err := carol.Conversation(group.ID.String())
		return err == nil && old.Renewed == renewed.ID
	})
}

// TestBothBeginAtOnce: each side writes before it has heard of the other's
// conversation; people see one.
func TestBothBeginAtOnce(t *testing.T) {
	net := nodetest.NewTrio(t)
	nodetest.Befriend(t, net.Alice, net.Bob)
	say(t, net.Alice, "bob", "first")
	say(t, net.Bob, "alice", "me too")
	for _, n := range []*node.Node{net.Alice, net.Bob} {
		other := map[*node.Node]string{net.Alice: "bob", net.Bob: "alice"}[n]
		nodetest.Until(t, n, "both texts", func() bool { return len(texts(t, n, other)) == 2 })
		if list, err := n.Conversations(); err != nil || len(list) != 1 {
			t.Errorf("%d conversations, %v", len(list), err)
		}
	}
	eitherIDIsTheOne(t, net.Alice, "bob")
	eitherIDIsTheOne(t, net.Bob, "alice")
}

// eitherIDIsTheOne has the id of each one-to-one conversation mean the one that people
// see.
func eitherIDIsTheOne(t *testing.T, n *node.Node, other string) {
	t.Helper()
	seen, err := n.Conversation(other)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := n.Messages(other, node.Page{})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[conversation.ID]bool{}
	for _, m := range messages {
		ids[m.Conversation] = true
	}
	for id := range ids {
		if c, err := n.Conversation(id.String()); err != nil || c.ID != seen.ID || c.Name != other {
			t.Errorf("the conversation %s is shown as %s %q, %v; want %s", id, c.ID, c.Name, err, seen.ID)
		}
		if m := say(t, n, id.String(), "by its id"); m.Conversation != seen.ID {
			t.Errorf("what is written to %s goes to %s, want %s", id, m.Conversation, seen.ID)
		}
		if list, err := n.Messages(id.String(), node.Page{}); err != nil || len(list) <= len(messages) {
			t.Errorf("by %s there are %d messages, %v; want more than %d", id, len(list), err, len(messages))
		}
	}
}
