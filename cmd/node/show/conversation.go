package show

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

// ConversationName is what people call a conversation, with its id if that is not
// enough: others may have chosen a group's name.
func ConversationName(c api.Conversation) string {
	if c.Mode == conversation.OneToOne {
		return Person(c.Name)
	}
	return Clip(c.Name, nameWidth) + " (" + ID(c.ID) + ")"
}

// Conversation writes who is in a conversation and how it stands.
func Conversation(w io.Writer, c api.Conversation, o Reading) error {
	_, err := fmt.Fprintln(w, paint(o.Colour, bold, ConversationName(c)))
	var f facts
	if c.Mode != conversation.OneToOne {
		f.say("members", "%s", members(c))
	}
	if c.Status == "invited" {
		f.say("invited", "you are; 'passeur conversation accept %s' joins, '… leave' declines", ID(c.ID))
	}
	if c.Paused != "" {
		f.say("paused", "%s", oneLine(c.Paused))
	}
	if c.Renewed != "" {
		f.say("renewed", "it goes on: 'passeur conversation show %s'", ID(c.Renewed))
	}
	if err == nil {
		err = f.write(w)
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}

// standing orders members: who decides first, who is out last.
var standing = []node.Status{"owner", "admin", "member", "invited", "left", "banned"}

// members lists who is in, and then who is not any more.
func members(c api.Conversation) string {
	sorted := slices.Clone(c.Members)
	slices.SortStableFunc(sorted, func(a, b api.Member) int {
		return cmp.Or(slices.Index(standing, a.Status)-slices.Index(standing, b.Status), strings.Compare(a.Name, b.Name))
	})
	var all []string
	for _, m := range sorted {
		name := Person(m.Name)
		if m.Status != "member" {
			name += " (" + Text(string(m.Status)) + ")"
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

// Conversations writes a table of them.
func Conversations(w io.Writer, all []api.Conversation, o Reading) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no conversations yet: 'passeur message CONTACT TEXT' writes to a contact, 'passeur conversation create' makes a group")
		return err
	}
	rows := make([][]string, 0, len(all))
	for _, c := range all {
		kind, status := "contact", ""
		if c.Mode != conversation.OneToOne {
			kind, status = fmt.Sprintf("group of %d", inside(c)), Text(string(c.Status))
		}
		rows = append(rows, []string{ID(c.ID), Clip(c.Name, 30), kind, status, last(c, o)})
	}
	return Table(w, []string{"ID", "NAME", "", "YOU", "LAST"}, rows)
}

// inside counts members, invited ones not.
func inside(c api.Conversation) (n int) {
	for _, m := range c.Members {
		if m.Status == "member" || m.Status == "admin" || m.Status == "owner" {
			n++
		}
	}
	return n
}

// last is the newest message on one line.
func last(c api.Conversation, o Reading) string {
	if c.Last == nil {
		return ""
	}
	text, _, more := strings.Cut(content(*c.Last), "\n")
	if more {
		text += " …"
	}
	if !isAct(*c.Last) {
		text = Clip(c.Last.Author, maxAuthor) + ": " + Text(text)
	}
	return c.Last.Time.In(o.zone()).Format("2 Jan 15:04") + "  " + Clip(text, 40)
}
