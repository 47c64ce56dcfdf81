package show

import (
	"fmt"
	"strings"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

const nameWidth = 60 // columns of a file's name in a sentence

// Step says in words what a phase of t means; detail adds what the node knows.
func Step(t api.Transfer, phase node.Phase, detail string) string {
	contact := Text(t.Contact)
	words := map[node.Phase]string{
		node.PhaseLookup:   "looking for a device of " + contact,
		node.PhaseFound:    "found a device of " + contact,
		node.PhaseSealed:   "sealed the connection offer for " + contact + "'s device",
		node.PhaseAnswered: contact + "'s device answered",
		node.PhasePair:     "addresses that reach each other found",
		node.PhaseTLS:      "encrypted connection to " + contact + " stands",
		node.PhaseGo:       "GO: the file may flow",
		node.PhaseVerified: "every byte verified",
	}[phase]
	if words == "" {
		words = Text(string(phase))
	}
	if detail != "" && phase != node.PhaseLookup { // which says it all
		words += " (" + Text(detail) + ")"
	}
	return words
}

// Path says how a transfer's connection runs: "direct", "relayed via turn:…", or
// "" while none stands.
func Path(t api.Transfer) string { return pathText(t.Path, t.PathDetails) }

func pathText(path string, d *api.PathDetails) string {
	if d != nil && d.Relay != "" {
		return Text(path) + " via " + Text(short(d.Relay))
	}
	return Text(path)
}

// short leaves out of TURN servers' URLs what all of ours have.
func short(text string) string { return strings.ReplaceAll(text, "?transport=tcp", "") }

// Result says how a transfer went well. Rate is in bytes per second, 0 if unknown.
func Result(t api.Transfer, rate float64) string {
	name, size, contact := Clip(t.Name, nameWidth), Size(t.Size), Text(t.Contact)
	first := fmt.Sprintf("sent %s (%s) to %s", name, size, contact)
	if t.Direction == node.Incoming {
		first = fmt.Sprintf("received %s (%s) from %s as %s", name, size, contact, Text(t.File))
	}
	facts := []string{first}
	for _, fact := range []string{Path(t), Rate(rate)} {
		if fact != "" {
			facts = append(facts, fact)
		}
	}
	line := strings.Join(facts, ", ")
	if t.SHA3Sum != "" {
		line += "\nSHA3-512 " + Text(t.SHA3Sum)
	}
	return line
}

// Failure says how a transfer ended badly: what happened, to whom, what to do.
func Failure(t api.Transfer) string {
	s := failure(t, Clip(t.Name, nameWidth), Text(t.Contact))
	if why := why(t); why != "" {
		s.what += ": " + Text(why)
	}
	return s.what + advice(s.next)
}

// why is the part of the reason that the sentence does not say already.
func why(t api.Transfer) string {
	switch t.Code {
	case node.EndCancelled, node.EndTimeout, node.EndBadSum, node.EndRestarted:
		return ""
	case node.EndRefused: // only what the other side's user or program said
		_, words, _ := strings.Cut(t.Reason, filexfer.ErrRefused.Error()+": ")
		return words
	}
	return t.Reason
}

func advice(next string) string {
	if next == "" {
		return ""
	}
	return "; " + next
}

// ending is a sentence in two parts: what happened, and what to do next.
type ending struct{ what, next string }

func failure(t api.Transfer, name, contact string) ending {
	incoming := t.Direction == node.Incoming
	again := "send it again when " + contact + "'s node runs"
	if incoming {
		again = "ask " + contact + " to send it again"
	}
	switch t.Code {
	case node.EndRefused:
		if incoming {
			return ending{"you refused " + name + " from " + contact, ""}
		}
		return ending{contact + " refused " + name, ""}
	case node.EndCancelled:
		return ending{cancelled(t, name, contact), ""}
	case node.EndUnjoinable:
		return ending{contact + " could not be reached, so " + name + " was not sent", again}
	case node.EndBadSum:
		return ending{"what arrived of " + name + " is not what was announced, so nothing was kept", again}
	case node.EndTimeout:
		return ending{"nobody decided about " + name + " in time", again}
	case node.EndLost:
		return ending{fmt.Sprintf("the connection to %s broke after %s of %s of %s", contact, Size(t.Bytes), Size(t.Size), name), again}
	case node.EndBadPath:
		if incoming {
			return ending{name + " could not be written here", "give another place with -o"}
		}
		return ending{name + " could not be read here", "check the file and send it again"}
	case node.EndRestarted:
		return ending{"the node stopped in the middle of " + name, again}
	}
	return ending{fmt.Sprintf("%s failed (%s)", name, t.State), again}
}

func cancelled(t api.Transfer, name, contact string) string {
	if t.State == filexfer.ClosedByPeer {
		return contact + " cancelled " + name
	}
	return name + " was cancelled here"
}
