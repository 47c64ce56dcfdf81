package show

import (
	"fmt"
	"io"
	"strings"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

// VerifiedHow says how the user made sure who a contact is; "" of one who is none yet.
func VerifiedHow(c api.Contact) string {
	switch {
	case c.State != node.Accepted:
		return ""
	case c.Verified == node.VerifiedByCode:
		return "by code"
	case c.Verified == node.VerifiedInPerson:
		return "in person"
	}
	return "no"
}

// ContactFacts writes all that is known of a contact.
func ContactFacts(w io.Writer, c api.Contact) error {
	var f facts
	f.say("name", "%s", c.Name)
	f.say("account", "%s", c.Account)
	f.say("state", "%s", c.State)
	switch v := VerifiedHow(c); v {
	case "":
	case "no":
		f.say("verified", "no; 'passeur contact verify' tells how")
	default:
		f.say("verified", "%s", v)
	}
	return f.write(w)
}

// Comparison writes the accounts that a contact and the user compare, in groups that
// can be read to each other.
func Comparison(w io.Writer, c api.Contact, own string) error {
	if _, err := fmt.Fprintln(w, "Compare these with what the contact's own device shows by 'passeur contact verify':"); err != nil {
		return err
	}
	for _, side := range [][2]string{{Clip(c.Name, 40), c.Account}, {"you", own}} {
		if _, err := fmt.Fprintf(w, "\n%s\n%s", side[0], groups(side[1])); err != nil {
			return err
		}
	}
	return nil
}

const (
	groupLetters = 4 // of an account that is read out
	lineGroups   = 8
)

// groups breaks the letters of an account into groups, and these into lines.
func groups(account string) string {
	var b strings.Builder
	rest := strings.TrimPrefix(Text(account), conversation.AccountScheme)
	for i := 0; rest != ""; i++ {
		n := min(groupLetters, len(rest))
		b.WriteString(map[bool]string{true: "  ", false: " "}[i%lineGroups == 0] + rest[:n])
		if rest = rest[n:]; rest == "" || i%lineGroups == lineGroups-1 {
			b.WriteString("\n")
		}
	}
	return b.String()
}
