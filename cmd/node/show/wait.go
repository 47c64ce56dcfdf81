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
	WaitOthers Wait = "others" // members who are asked yet, when somebody has the file already
)

// WaitOf says whom t waits for now.
func WaitOf(t api.Transfer) Wait {
	switch {
	case t.State == filexfer.AwaitingPeer:
		return WaitAnswer
	case Wanted(t):
		return WaitHolder
	case t.State == filexfer.Finished && !Settled(t):
		return WaitOthers
	}
	return NoWait
}

// Settled tells whether nothing is left to wait for: t has ended, or somebody has the
// file and each account has it on one device or does not get it on any. A device that
// is still asked, as somebody's second one, may take it later.
func Settled(t api.Transfer) bool {
	return t.Ended || t.State == filexfer.Finished && len(t.Parts) > 0 && !slices.ContainsFunc(t.Parts, func(p api.Part) bool {
		return !p.State.Final() && !has(t, p.Account)
	})
}

// has tells whether a device of the account has the file.
func has(t api.Transfer, account string) bool {
	return slices.ContainsFunc(t.Parts, func(p api.Part) bool { return p.Account == account && p.State == filexfer.Finished })
}

// Wanted tells whether t is a file that members of its conversation are asked for,
// whenever one of their devices appears.
func Wanted(t api.Transfer) bool {
	return t.Direction == node.Incoming && t.Entry != "" && t.State == filexfer.Created
}

const (
	asking = "asking all members' devices; it goes on by itself when one that has the file appears (Ctrl-C gives it up)"
	others = "waiting for the others (Ctrl-C ends that; they can get the file later)"
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
	return "waiting for " + With(t) + " to accept"
}
