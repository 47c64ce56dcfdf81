package api

import (
	"time"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Part is what one device makes of an outgoing file. Bytes have crossed to it.
type Part struct {
	Device  string         `json:"device"` // peer ID
	Account string         `json:"account"`
	Contact string         `json:"contact"` // how people here call the account
	State   filexfer.State `json:"state"`   // how far it has come
	Bytes   int64          `json:"bytes"`
	// Code and Reason say why it ended badly, as those of a Transfer.
	Code   node.EndCode `json:"code"`
	Reason string       `json:"reason"`
	// Path and PathDetails are as those of a Transfer.
	Path        string       `json:"path" enum:",direct,punched,mapped,relayed"`
	PathDetails *PathDetails `json:"path_details"`
}

// HeldFile is a file of a conversation that lies on the node's device, or that did
// until somebody moved or changed it. Name and ConversationName are what others
// may have chosen: hostile text.
type HeldFile struct {
	Conversation     string `json:"conversation"` // 64 hex digits
	ConversationName string `json:"conversation_name"`
	Entry            string `json:"entry"`  // 64 hex digits
	Author           string `json:"author"` // as Member.Name
	Name             string `json:"name"`
	// File is where it lies, or lay.
	File string `json:"file"`
	Size int64  `json:"size"`
	// SHA3Sum and SHA3Tree are as those of Transfer.
	SHA3Sum  string `json:"sha3sum"`
	SHA3Tree string `json:"sha3tree"`
	// Source: it is the user's own original, which was sent from here.
	Source bool `json:"source"`
	// State is held, unchecked (touched, and compared when somebody asks for it), gone,
	// changed, unreadable or withdrawn: only of the first two can others get it from
	// here.
	State node.HeldState `json:"state"`
	Since time.Time      `json:"since"` // when it came, or was sent
}

// NewGet asks the members of a conversation for one of its files, which is given by
// its entry's id, the beginning of that, or its name. Path is as in Target.
type NewGet struct {
	// Conversation is named as everywhere, File by an entry's id, its beginning or a name.
	Conversation string `json:"conversation"`
	File         string `json:"file"`
	Path         string `json:"path" required:"false"`
}

func partOf(p node.Part) Part {
	out := Part{
		Account: p.Account.String(), Contact: p.Contact,
		State: p.State, Bytes: p.Bytes, Code: p.Code, Reason: p.Reason,
	}
	if p.Device != "" {
		out.Device = p.Device.String()
	}
	if p.Path != nil {
		out.Path, out.PathDetails = string(p.Path.Kind), detailsOf(*p.Path)
	}
	return out
}

func heldOf(f node.HeldFile) HeldFile {
	return HeldFile{
		Conversation: f.Conversation.String(), ConversationName: f.Talk, Entry: f.Entry.String(), Author: f.Author,
		Name: f.Name, File: f.Path, Size: f.Size, SHA3Sum: f.Sum, SHA3Tree: f.Tree, Source: f.Source, State: f.State, Since: f.Since.UTC(),
	}
}
