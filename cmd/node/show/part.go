package show

import (
	"fmt"
	"strings"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// shortDevice is how many letters of a peer ID people see.
const shortDevice = 8

// Device is the end of a peer ID, by which people tell devices apart: the
// beginnings are alike.
func Device(id string) string {
	if len(id) <= shortDevice {
		return Text(id)
	}
	return "…" + Text(id[len(id)-shortDevice:])
}

// PartStep says in words what a device makes of the file that is offered to it, and
// why; "" while there is nothing to tell.
func PartStep(t api.Transfer, p api.Part) string {
	what := partWords(whose(t, p), p)
	if why := why(p.Code, p.Reason); what != "" && why != "" {
		what += ": " + Text(why)
	}
	return what
}

// whose says which device of t's p is: by its owner, if no other is his.
func whose(t api.Transfer, p api.Part) string {
	who := Person(p.Contact)
	for _, other := range t.Parts {
		if other.Account == p.Account && other.Device != p.Device {
			return who + " (" + Device(p.Device) + ")"
		}
	}
	return who
}

func partWords(who string, p api.Part) string {
	switch p.State {
	case filexfer.Invalid, filexfer.Created:
		return ""
	case filexfer.AwaitingPeer:
		return who + " is asked"
	case filexfer.Ongoing:
		return who + " accepted"
	case filexfer.Finished:
		return who + " has it, every byte verified"
	}
	switch p.Code {
	case node.EndRefused:
		return who + " refused"
	case node.EndCancelled:
		if p.State == filexfer.ClosedByPeer {
			return who + " cancelled"
		}
		return "cancelled here for " + who
	case node.EndUnjoinable:
		return who + " could not be reached"
	case node.EndTimeout:
		return who + " did not decide in time"
	case node.EndBadSum:
		return who + " got something else than was announced"
	case node.EndLost:
		return fmt.Sprintf("the connection to %s broke after %s", who, Size(p.Bytes))
	}
	return fmt.Sprintf("%s: failed (%s)", who, p.State)
}

// maxParts is how many devices one sentence lists.
const maxParts = 8

// partsWords lists what several devices made of a file.
func partsWords(t api.Transfer) string {
	var all []string
	for i, p := range t.Parts {
		if i == maxParts {
			all = append(all, fmt.Sprintf("%d more", len(t.Parts)-i))
			break
		}
		if words := partWords(whose(t, p), p); words != "" {
			all = append(all, words)
		}
	}
	return strings.Join(all, ", ")
}

// have counts the devices that have the file, and those that might still want it:
// which neither have it nor said no.
func have(t api.Transfer) (have, open int) {
	for _, p := range t.Parts {
		switch {
		case p.State == filexfer.Finished:
			have++
		case p.Code != node.EndRefused && p.Code != node.EndCancelled:
			open++
		}
	}
	return have, open
}

// toGroup tells whether t goes to several people.
func toGroup(t api.Transfer) bool {
	return t.Direction == node.Outgoing && t.Account == "" && t.Conversation != ""
}

// GetCommand is the command that asks for the file of an entry.
func GetCommand(conversation, entry string) string {
	return "passeur get " + ID(conversation) + " " + ID(entry)
}
