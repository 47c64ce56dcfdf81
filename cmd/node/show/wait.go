package show

import (
	"fmt"
	"slices"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Wait is whom a transfer waits for.
type Wait string

const (
	NoWait     Wait = ""
	WaitAnswer Wait = "answer" // of those who are asked whether they want the file
	WaitHolder Wait = "holder" // a device that has the wanted file
	WaitOthers Wait = "others" // who are asked yet, when somebody has the file already
)

// WaitOf says whom t waits for now.
func WaitOf(t api.Transfer) Wait {
	switch {
	case t.State == filexfer.AwaitingPeer:
		return WaitAnswer
	case Wanted(t):
		return WaitHolder
	case t.State == filexfer.Finished && slices.ContainsFunc(t.Parts, func(p api.Part) bool { return !p.State.Final() }):
		return WaitOthers
	}
	return NoWait
}

// Wanted tells whether t is a file that members of its conversation are asked for,
// whenever one of their devices appears.
func Wanted(t api.Transfer) bool {
	return t.Direction == node.Incoming && t.Entry != "" && t.State == filexfer.Created
}

const (
	asking = "asking all members' devices; it goes on by itself when one that has the file appears (Ctrl-C gives it up)"
	others = "waiting for the other devices (Ctrl-C ends that; they can get the file later)"
)

// waiting says in words what WaitOf says.
func waiting(t api.Transfer) string {
	switch wait := WaitOf(t); {
	case wait == WaitOthers:
		return others
	case wait == WaitHolder && t.Bytes > 0:
		return fmt.Sprintf("%s of %s are here; %s", Size(t.Bytes), Size(t.Size), asking)
	case wait == WaitHolder:
		return asking
	case toGroup(t):
		return "waiting for somebody in " + Text(t.Contact) + " to accept"
	}
	return "waiting for " + Text(t.Contact) + " to accept"
}
