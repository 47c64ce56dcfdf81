package api

import (
	"strings"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

// Conversation is what people say to each other, and who they are.
type Conversation struct {
	ID   string            `json:"id"`   // 64 hex digits
	Mode conversation.Mode `json:"mode"` // one-to-one, group
	// Name is a group's, which whoever made it chose, or the contact's alias.
	Name string `json:"name"`
	// Status is the own account's; "" for a stranger.
	Status  node.Status `json:"status"`
	Members []Member    `json:"members"` // that it knows of, those who left too
	// Entries counts the whole log.
	Entries int `json:"entries"`
	// Heads are the entries that nothing follows.
	Heads []string `json:"heads"`
	// Last is the newest message, null if there is none. A long text is cut short.
	Last *Message `json:"last"`
	// Paused says why entries of somebody are not taken for now, "" if they are.
	Paused string `json:"paused"`
	// Renewed is the conversation that follows this one, "" if none does.
	Renewed string `json:"renewed"`
}

// Member is an account that a conversation knows of: invited, member, admin,
// owner, left or banned.
type Member struct {
	Account string `json:"account"`
	// Name is the contact's alias, "you", or the account where it has no alias.
	Name   string      `json:"name"`
	Status node.Status `json:"status"`
	Self   bool        `json:"self"` // the own account
}

// Message is one entry of a conversation. Text, Type, Reason and the file's name
// are what its author chose: hostile text.
type Message struct {
	// ID and Conversation are 64 hex digits each.
	ID           string `json:"id"`
	Conversation string `json:"conversation"`
	Account      string `json:"account"`
	Device       string `json:"device"`
	Author       string `json:"author"` // as Member.Name
	// Time is when it was written, Seen when it came here; Late: much later.
	Time time.Time `json:"time"`
	Seen time.Time `json:"seen"`
	Late bool      `json:"late"`
	// Type is a media type, or initial, member or device, which are control types.
	Type string `json:"type"`
	// Text of a text/plain entry after all edits.
	Text string `json:"text"`
	// File of a data-transfer entry, else null.
	File *File `json:"file"`
	// Action and Target are what a control entry does to whom; TargetName is that as Member.Name.
	Action     conversation.Action `json:"action"`
	Target     string              `json:"target"`
	TargetName string              `json:"target_name"`
	// Edit is the entry that this one edits or takes back, "" if it does not.
	Edit string `json:"edit"`
	// Edited: a later entry changed this one. Deleted: one took it back.
	Edited  bool `json:"edited"`
	Deleted bool `json:"deleted"`
	// Void: it does not count, because of Reason.
	Void   bool   `json:"void"`
	Reason string `json:"reason"`
	// Size of the content in bytes.
	Size int `json:"size"`
	// Parents are the entries that it follows.
	Parents []string `json:"parents"`
}

// File is what a data-transfer entry says about a file.
type File struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	// SHA3Sum is the SHA3-512 of the file, SHA3Tree the root of its tree of sums, in hex;
	// "" where it is not known.
	SHA3Sum  string `json:"sha3sum"`
	SHA3Tree string `json:"sha3tree"`
	// TID ties it to the offer of the file.
	TID string `json:"tid"`
}

// NewConversation makes a group and invites contacts (aliases or accounts).
type NewConversation struct {
	Name string `json:"name"`
	// Contacts are aliases or accounts of those who are invited.
	Contacts []string `json:"contacts" required:"false" nullable:"true"`
}

// Text is what a message says.
type Text struct {
	Text string `json:"text"`
}

// MemberChange is what is to become of an account: Action is invite, remove, ban,
// unban, promote or demote; Who an alias or an account. Before, only for a ban,
// is the last entry of his that shall count; "" is all that was seen.
type MemberChange struct {
	Action conversation.Action `json:"action" enum:"invite,remove,ban,unban,promote,demote"`
	Who    string              `json:"who"`
	Before string              `json:"before,omitempty"`
}

// Page asks for a part of a conversation: the newest messages, or those just
// before the entry Before (64 hex digits). Limit 0 is 50, the most is MaxPage.
// With All it has control, void and technical entries too.
type Page struct {
	Before string
	Limit  int
	All    bool
}

const (
	// MaxPage is the most messages that one answer has.
	MaxPage = 500
	// maxPageText is how many bytes of content an answer has at most, which is many
	// times what one message can have: a flood of long ones must not break its readers.
	maxPageText = 4 << 20
	// maxLastText is where the text of a conversation's last message is cut.
	maxLastText = 1000
)

func conversationOf(c node.Conversation) Conversation {
	out := Conversation{
		ID: c.ID.String(), Mode: c.Mode, Name: c.Name, Status: c.Status, Members: each(c.Members, memberOf),
		Entries: c.Entries, Heads: each(c.Heads, conversation.ID.String), Last: pointer(c.Last, messageOf),
		Paused: c.Paused, Renewed: idText(c.Renewed),
	}
	if out.Last != nil && len(out.Last.Text) > maxLastText {
		out.Last.Text = strings.ToValidUTF8(out.Last.Text[:maxLastText], "") + "…"
	}
	return out
}

func memberOf(m node.Member) Member {
	return Member{m.Account.String(), m.Name, m.Status, m.Self}
}

func messageOf(m node.Message) Message {
	out := Message{
		ID: m.ID.String(), Conversation: m.Conversation.String(), Account: m.Account.String(), Author: m.Author,
		Time: m.Time.UTC(), Seen: m.Seen.UTC(), Late: m.Late, Type: m.Type, Text: m.Text, File: pointer(m.File, fileOf),
		Action: m.Action, Target: m.Target.String(), TargetName: m.TargetName,
		Edit: idText(m.Edit), Edited: m.Edited, Deleted: m.Deleted, Void: m.Void, Reason: m.Reason,
		Size: m.Size, Parents: each(m.Parents, conversation.ID.String),
	}
	if m.Device != "" {
		out.Device = m.Device.String()
	}
	return out
}

func fileOf(f conversation.File) File {
	return File{f.DisplayName, f.TotalSize, f.SHA3Sum, f.SHA3Tree, f.TID}
}

func idText(id conversation.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// pageOf converts as many of the newest messages as have not too much text together.
func pageOf(page []node.Message) []Message {
	bytes := 0
	for i := len(page) - 1; i >= 0; i-- {
		bytes += len(page[i].Text) + page[i].Size
		if bytes > maxPageText {
			page = page[i+1:]
			break
		}
	}
	return each(page, messageOf)
}

// Allowance asks to let a member fill a conversation's quotas once more.
type Allowance struct {
	Who string `json:"who"` // an alias or an account
}

// NewCheck asks for a check; Rebuild works out first what is derived.
type NewCheck struct {
	Rebuild bool `json:"rebuild" required:"false"`
}

// Check is what a check found: a sentence for each thing that is wrong.
type Check struct {
	Findings []string `json:"findings"` // none: all is well
}
