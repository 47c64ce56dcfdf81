package show

import (
	"fmt"
	"io"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/conversation/membership"
)

// Verified is what conversation verify --json prints of an export that is right.
type Verified struct {
	Conversation string            `json:"conversation"`
	Mode         conversation.Mode `json:"mode"`
	Name         string            `json:"name"`
	Entries      int               `json:"entries"`
	// Void entries do not count; Withheld ones have lost their content.
	Void     int              `json:"void"`
	Withheld int              `json:"withheld"`
	Heads    []string         `json:"heads"`
	Members  []VerifiedMember `json:"members"`
}

// VerifiedMember is an account that the conversation knows of.
type VerifiedMember struct {
	Account string            `json:"account"`
	Status  membership.Status `json:"status"`
}

// NewVerified is the JSON form of a report.
func NewVerified(r logstore.Report) Verified {
	v := Verified{
		Conversation: r.Conversation.String(), Mode: r.Mode, Name: r.Name,
		Entries: r.Entries, Void: r.Void, Withheld: r.Withheld, Heads: []string{}, Members: []VerifiedMember{},
	}
	for _, id := range r.Heads {
		v.Heads = append(v.Heads, id.String())
	}
	for _, m := range r.Members {
		v.Members = append(v.Members, VerifiedMember{m.Account.String(), m.Status})
	}
	return v
}

// Export writes what an export says that is right.
func Export(w io.Writer, r logstore.Report) error {
	v := NewVerified(r)
	var f facts
	f.say("conversation", "%s", v.Conversation)
	if v.Name != "" {
		f.say("name", "%s", v.Name)
	}
	f.say("entries", "%d; %d of them do not count, %d have lost their content", v.Entries, v.Void, v.Withheld)
	for _, m := range v.Members {
		f.say("members", "%s  %s", m.Account, m.Status)
	}
	for _, id := range v.Heads {
		f.say("heads", "%s", id)
	}
	if _, err := fmt.Fprintln(w, "every signature is right, and every entry is allowed"); err != nil {
		return err
	}
	return f.write(w)
}
