package homes

import (
	"slices"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// TestBan: a group of four accounts, in which an admin bans one. What that one writes
// afterwards, and what he says that he wrote before, changes nothing for anybody, both
// when he does not know of the ban and when he does.
func TestBan(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	four := s.devices("ann", "ben", "cas", "dan")
	ann, ben, cas, dan := four[0], four[1], four[2], four[3]
	for _, d := range four[1:] {
		ann.meet(d.name, d, "ann")
	}
	club := found(t, ann, four[1:])
	ann.Run("conversation", "promote", club, "ben")
	parties := []party{{ann, club}, {ben, club}, {cas, club}, {dan, club}}
	for _, d := range four {
		d.writes(club, d.name+" is here")
	}
	together := agree(t, parties, "ann is here", "ben is here", "cas is here", "dan is here")
	lab.Eventually(t, "ben is an admin", func() bool { return ben.shows(club).Status == "admin" })

	dan.Stop()
	ben.Run("conversation", "ban", club, dan.Who.Account)
	ann.writes(club, "without dan")
	agree(t, parties[:3], "without dan")
	for _, word := range []string{"dan does not know", "dan knows"} {
		testForgeries(t, parties, together, word)
		lab.Eventually(t, "dan knows that he is banned", func() bool { return dan.shows(club).Status == "banned" })
		dan.Stop()
	}
}

// found makes a group, in which all are in the end. It gives the group's id.
func found(t *testing.T, owner *device, members []*device) string {
	t.Helper()
	create := []string{"conversation", "create", "club"}
	for _, d := range members {
		create = append(create, d.name)
	}
	var made struct{ ID string }
	owner.Get(&made, create...)
	for _, d := range members {
		lab.Eventually(t, d.name+" is invited", func() bool {
			var all []api.Conversation
			d.Get(&all, "conversation", "list")
			return slices.ContainsFunc(all, func(c api.Conversation) bool { return c.ID == made.ID && c.Status == "invited" })
		})
		d.Run("conversation", "accept", made.ID)
	}
	return made.ID
}

// testForgeries has dan, whose node does not run, write what he must not, as if after
// his first message and as if now, but before the ban, and then lets his node out.
// Nothing changes for the others.
func testForgeries(t *testing.T, parties []party, together history, word string) {
	ann, others, dan := parties[0], parties[:3], parties[3]
	before := agree(t, others)
	last := together.Messages[len(together.Messages)-1]
	mine := together.Messages[slices.IndexFunc(together.Messages, func(m api.Message) bool { return m.Text == "dan is here" })]
	f := forge(t, dan.device, dan.ref)
	var forged []string
	for _, e := range []struct {
		after     api.Message
		at        time.Time
		mediaType string
		content   []byte
	}{
		{mine, mine.Time, conversation.TypeText, conversation.Text{Text: word + ", long ago"}.Content()},
		{mine, mine.Time, conversation.TypeText, conversation.Text{Text: word + ", in other words", Edit: parse(t, mine.ID)}.Content()},
		{mine, mine.Time, conversation.TypeMember, conversation.MemberContent(conversation.Leave, conversation.Account{})},
		{last, time.Now(), conversation.TypeText, conversation.Text{Text: word + ", now"}.Content()},
	} {
		forged = append(forged, f.after(e.after, e.at, e.mediaType, e.content))
	}
	f.close()

	dan.Start()
	dan.Ready()
	dan.Send(ann.Person, people.File(t, 1000)).End(lab.Patience) // they are contacts, and connected
	next := ann.writes(ann.ref, word+", we go on")
	now := agree(t, others, next.Text)
	if got, want := now.lines(), append(before.lines(), line(next)); !slices.Equal(got, want) {
		t.Errorf("all show %q, want %q", got, want)
	}
	for _, p := range others {
		p.unmoved(before, forged)
	}
}

// unmoved wants everybody to be in the conversation what he was before, and none of
// the forged entries to count.
func (p party) unmoved(before history, forged []string) {
	p.t.Helper()
	now := p.shows(p.ref, "--all")
	for _, m := range now.Members {
		i := slices.IndexFunc(before.Members, func(b api.Member) bool { return b.Account == m.Account })
		if i < 0 || before.Members[i].Status != m.Status {
			p.t.Errorf("%s has %+v in the conversation, before %+v", p.name, m, before.Members)
		}
	}
	if len(now.Members) != len(before.Members) {
		p.t.Errorf("%s has the members %+v, before %+v", p.name, now.Members, before.Members)
	}
	for _, m := range now.Messages {
		if slices.Contains(forged, m.ID) && !m.Void {
			p.t.Errorf("for %s a forged entry counts: %+v", p.name, m)
		}
	}
}
