package show

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/conversation"
)

// ConversationName is what people call a conversation, with its id if that is not
// enough: others may have chosen a group's name.
func ConversationName(c api.Conversation) string {
	if c.Mode == conversation.OneToOne {
		return Clip(c.Name, nameWidth)
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

// members lists who is in, and then who is not any more.
func members(c api.Conversation) string {
	var in, out []string
	for _, m := range c.Members {
		name := Clip(m.Name, nameWidth)
		switch m.Status {
		case "member":
			in = append(in, name)
		case "left", "banned":
			out = append(out, fmt.Sprintf("%s (%s)", name, m.Status))
		default:
			in = append(in, fmt.Sprintf("%s (%s)", name, m.Status))
		}
	}
	return strings.Join(slices.Concat(in, out), ", ")
}

// Conversations writes a table of them.
func Conversations(w io.Writer, all []api.Conversation, o Reading) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no conversations yet: 'passeur message CONTACT TEXT' writes to a contact, 'passeur conversation create' makes a group")
		return err
	}
	rows := make([][]string, 0, len(all))
	for _, c := range all {
		who := "1"
		if c.Mode != conversation.OneToOne {
			who = fmt.Sprint(inside(c))
		}
		rows = append(rows, []string{ID(c.ID), Clip(c.Name, 30), who, Text(string(c.Status)), last(c, o)})
	}
	return Table(w, []string{"ID", "NAME", "MEMBERS", "YOU", "LAST"}, rows)
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
	return c.Last.Time.In(o.zone()).Format("2 Jan 15:04") + "  " + Clip(text, 50)
}
