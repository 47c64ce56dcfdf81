package conversation

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Action is what a control entry does.
type Action string

const (
	Data    Action = "" // an entry that is not control
	Initial Action = "initial"
	Invite  Action = "invite"
	Join    Action = "join"
	Leave   Action = "leave"
	Remove  Action = "remove"
	Ban     Action = "ban"
	Unban   Action = "unban"
	Promote Action = "promote"
	Demote  Action = "demote"
	Revoke  Action = "revoke"
)

// Mode is a conversation's kind. It never changes.
type Mode string

const (
	// OneToOne is between two accounts, for ever.
	OneToOne Mode = "one-to-one"
	// Group is what admins invite to.
	Group Mode = "group"
	// Own is between the devices of one account; nobody is invited.
	Own Mode = "own"
)

// Rules is the version of the membership rules that this package knows. The
// first entry of a conversation fixes it: other rules are another conversation.
const Rules = "1"

// Control is the body of a control entry: a JSON object of strings in which
// every key is known.
//
//	initial  {"rules":"1","mode":M,"with":ACCOUNT,"name":TEXT}    with: one-to-one only; name: may be missing
//	member   {"action":A,"uri":ACCOUNT}                           uri: not for join and leave
//	device   {"action":"revoke","device":PEER ID,"sig":HEX}
//
// Accounts and peer IDs are written exactly as their String gives them.
type Control struct {
	Action Action
	// Target is whom the action is about; zero for initial, join, leave, revoke,
	// which are about the author.
	Target Account
	// Device is the one that is revoked, and Signature the account's, 64 bytes.
	Device    peer.ID
	Signature []byte
	// Mode, With, Name and Rules are the first entry's. Name is hostile text.
	Mode  Mode
	With  Account
	Name  string
	Rules string
}

// parseControl reads the content of e, which is of a control type.
func parseControl(e *Entry) (*Control, error) {
	content, _ := e.Content()
	fields, err := parseFields(content)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrEntry, e.Type, err)
	}
	c, r := new(Control), &fieldReader{fields: fields}
	switch e.Type {
	case TypeInitial:
		c.readInitial(r, e.Account)
	case TypeMember:
		c.readMember(r)
	case TypeDevice:
		c.readDevice(r)
	}
	if err := r.finish(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrEntry, e.Type, err)
	}
	return c, nil
}

func (c *Control) readInitial(r *fieldReader, author Account) {
	c.Action = Initial
	if c.Rules = r.must("rules"); c.Rules != Rules {
		r.fail("rules", "is not "+strconv.Quote(Rules)+": a newer version of this program made the conversation")
	}
	c.Mode = Mode(r.oneOf("mode", string(OneToOne), string(Group), string(Own)))
	c.Name, _ = r.take("name")
	if c.Mode != OneToOne {
		return
	}
	if c.With = r.account("with"); c.With == author {
		r.fail("with", "is the author")
	}
}

func (c *Control) readMember(r *fieldReader) {
	c.Action = Action(r.oneOf("action", string(Invite), string(Join), string(Leave), string(Remove),
		string(Ban), string(Unban), string(Promote), string(Demote)))
	if c.Action != Join && c.Action != Leave {
		c.Target = r.account("uri")
	}
}

func (c *Control) readDevice(r *fieldReader) {
	c.Action = Action(r.oneOf("action", string(Revoke)))
	c.Device = r.device("device")
	c.Signature = r.hex("sig", ed25519.SignatureSize)
}

// InitialContent is the content of a first entry. with is zero but for OneToOne,
// name may be empty.
func InitialContent(mode Mode, with Account, name string) []byte {
	fields := fieldMap{"rules": Rules, "mode": string(mode)}
	if !with.IsZero() {
		fields["with"] = with.String()
	}
	if name != "" {
		fields["name"] = name
	}
	return fields.Content()
}

// MemberContent is the content of a member entry. target is zero for Join and Leave.
func MemberContent(a Action, target Account) []byte {
	fields := fieldMap{"action": string(a)}
	if !target.IsZero() {
		fields["uri"] = target.String()
	}
	return fields.Content()
}

func revokeContent(device peer.ID, signature []byte) []byte {
	return fieldMap{"action": string(Revoke), "device": device.String(), "sig": hex.EncodeToString(signature)}.Content()
}
