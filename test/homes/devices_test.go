package homes

import (
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// TestDevices: an account with three devices and one with two, paired by codes. What
// they write while they are apart appears on all, in the same order. A device that is
// revoked is refused by all others, and what it writes then appears nowhere.
func TestDevices(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	five := s.devices("laptop", "phone", "tablet", "desk", "pocket")
	laptop, phone, tablet, desk, pocket := five[0], five[1], five[2], five[3], five[4]
	laptop.link(phone)
	desk.link(pocket)
	laptop.meet("bob", desk, "alice")
	laptop.link(tablet) // which gets what the account has already
	for _, d := range []*device{laptop, phone, tablet} {
		d.knows("bob")
	}
	desk.knows("alice")
	pocket.knows("alice")

	parties := []party{{laptop, "bob"}, {phone, "bob"}, {tablet, "bob"}, {desk, "alice"}, {pocket, "alice"}}
	laptop.writes("bob", "hello")
	waitForConversation(t, parties)
	agree(t, parties, "hello")

	testApart(t, parties)
	testRevoked(t, parties)
}

// waitForConversation: a conversation that somebody else began is not there at once.
func waitForConversation(t *testing.T, parties []party) {
	t.Helper()
	for _, p := range parties {
		lab.Eventually(t, p.name+" has the conversation", func() bool {
			var all []api.Conversation
			p.Get(&all, "conversation", "list")
			return slices.ContainsFunc(all, func(c api.Conversation) bool { return c.Name == p.ref || c.ID == p.ref })
		})
	}
}

// testApart cuts the links of two devices and ends a third. Everybody writes, some of
// them twice, who cannot know of each other.
func testApart(t *testing.T, parties []party) {
	laptop, phone, tablet, desk, pocket := parties[0], parties[1], parties[2], parties[3], parties[4]
	tablet.Stop()
	phone.host.Unplug()
	desk.host.Unplug()
	laptop.writes("bob", "from the laptop")
	phone.writes("bob", "from the phone, alone")
	desk.writes("alice", "from the desk, alone")
	pocket.writes("alice", "from the pocket")
	phone.writes("bob", "from the phone, once more")
	desk.host.Plug()
	phone.host.Plug()
	tablet.Start()
	tablet.Ready()
	tablet.writes("bob", "from the tablet")
	agree(t, parties, "from the laptop", "from the phone, alone", "from the desk, alone", "from the pocket",
		"from the phone, once more", "from the tablet")
}

// testRefused: files that a revoked device sends come to nobody. The first may begin on
// a connection of which the device does not know yet that it is closed.
func testRefused(t *testing.T, phone party, others []party) {
	t.Helper()
	var last struct{ State, Code string }
	for tries := 0; tries == 0 || last.Code == "lost" && tries < 5; tries++ {
		sending := phone.Begin(t, "send", people.File(t, 1000), phone.ref)
		for sending.Next(&last) {
		}
		t.Logf("the file of a revoked device: %+v", last)
	}
	if last.Code != "refused" && last.Code != "unjoinable" {
		t.Errorf("the file of a revoked device: %+v", last)
	}
	for _, d := range others {
		d.HasNo(t, "file-1000", false)
	}
}

// testRevoked has the laptop revoke the phone while that is out of reach and writes.
func testRevoked(t *testing.T, parties []party) {
	laptop, phone := parties[0], parties[1]
	others := append([]party{laptop}, parties[2:]...)
	phone.host.Unplug()
	phone.writes("bob", "from the phone, in somebody's hands")
	var revoked api.Device
	laptop.Get(&revoked, "device", "revoke", "phone")
	if !revoked.Revoked {
		t.Errorf("the laptop says %+v", revoked)
	}
	laptop.writes("bob", "the phone is gone")
	before := agree(t, others, "the phone is gone")

	phone.host.Plug()
	testRefused(t, phone, parties[3:])
	after := laptop.writes("bob", "nobody heard the phone")
	now := agree(t, others, after.Text)
	if got, want := now.lines(), append(before.lines(), line(after)); !slices.Equal(got, want) {
		t.Errorf("all show %q, want %q", got, want)
	}
}
