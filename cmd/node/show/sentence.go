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
	if phase == node.PhaseAsk && detail != "" {
		return Text(detail) // says it all
	}
	contact := asked(t)
	words := map[node.Phase]string{
		node.PhaseSum:      "reading the file",
		node.PhaseAsk:      "asking for the file",
		node.PhaseLink:     "opening one more connection",
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

// asked is whom a step of t is about: the one whose device it is, or all.
func asked(t api.Transfer) string {
	for _, p := range t.Parts {
		if p.Device == t.Device && t.Device != "" {
			return Person(p.Contact)
		}
	}
	if toGroup(t) {
		return "somebody in " + Text(t.Contact)
	}
	return With(t)
}

// byCode tells whether t goes to, or comes from, whoever shared a one-shot code.
func byCode(t api.Transfer) bool { return t.Contact == "" && t.Account == "" && t.Conversation == "" }

// Contact names, in a table, whom t goes to or comes from.
func Contact(t api.Transfer) string {
	if byCode(t) {
		return "(by code)"
	}
	return Clip(t.Contact, 40)
}

// With is whom t goes to or comes from.
func With(t api.Transfer) string {
	if byCode(t) {
		return "the other side"
	}
	return Text(t.Contact)
}

// Path says how a transfer's connection runs: "direct", "relayed via turn:…", or
// "" while none stands.
func Path(t api.Transfer) string { return pathText(t.Path, t.PathDetails) }

// PathWhole says all that is known of how a transfer's connection runs.
func PathWhole(t api.Transfer) string {
	facts := []string{Path(t)}
	if d := t.PathDetails; d != nil {
		facts = append(facts, "from "+Text(d.Local)+" to "+Text(d.Remote), Text(connectionWords(d)))
	}
	return strings.Join(facts, ", ")
}

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
	name, size := Clip(t.Name, nameWidth), Size(t.Size)
	to, from := "to "+Text(t.Contact), "from "+Text(t.Contact)
	if byCode(t) {
		to, from = "by code", "by code"
	}
	first := fmt.Sprintf("sent %s (%s) %s", name, size, to)
	got, open := have(t)
	if len(t.Parts) > 1 {
		first += fmt.Sprintf(" (%d of %d devices)", got, len(t.Parts))
	}
	if t.Direction == node.Incoming {
		first = fmt.Sprintf("received %s (%s) %s as %s", name, size, from, Text(t.File))
	}
	facts := []string{first}
	for _, fact := range []string{Path(t), Rate(rate)} {
		if fact != "" {
			facts = append(facts, fact)
		}
	}
	line := strings.Join(facts, ", ")
	switch {
	case t.SHA3Sum != "":
		line += "\nSHA3-512 " + Text(t.SHA3Sum)
	case t.SHA3Tree != "":
		line += "\nSHA3-256 tree " + Text(t.SHA3Tree)
	}
	if t.Entry != "" && open > 0 {
		line += "\nthe others " + canGet
	}
	return line
}

// canGet says what becomes of a file that did not reach somebody.
const canGet = "can get it for as long as it lies here unchanged"

// Already says where a file lies that was asked for although it is here.
func Already(t api.Transfer) string {
	return fmt.Sprintf("%s (%s) is here already: %s", Clip(t.Name, nameWidth), Size(t.Size), Text(t.File))
}

// Failure says how a transfer ended badly: what happened, to whom, what to do.
func Failure(t api.Transfer) string {
	s := failure(t, Clip(t.Name, nameWidth), receiver(t))
	if why := why(t.Code, t.Reason); why != "" && !listed(t) {
		s.what += ": " + Text(why)
	}
	return s.what + advice(s.next)
}

// receiver is who did not get t, or of an incoming one its sender.
func receiver(t api.Transfer) string {
	if len(t.Parts) == 1 {
		return Person(t.Parts[0].Contact)
	}
	return With(t)
}

// listed tells whether the end of t is that of several devices, which say more
// together than the most hopeful of them.
func listed(t api.Transfer) bool {
	here := t.State == filexfer.ClosedByHost && t.Code == node.EndCancelled || t.Code == node.EndBadPath
	return len(t.Parts) > 1 && !here
}

// nobody says who did not get t where several might have.
func nobody(t api.Transfer, contact string) string {
	if toGroup(t) {
		return "nobody in " + contact
	}
	return "no device of " + contact
}

// again says how the file of a transfer that ended badly can come yet.
func again(t api.Transfer, contact string) string {
	incoming := t.Direction == node.Incoming
	switch {
	case byCode(t) && incoming:
		return "ask for a new code"
	case byCode(t):
		return "send it again by a new code"
	case t.Entry == "" && incoming:
		return "ask " + contact + " to send it again"
	case t.Entry == "":
		return "send it again when " + contact + "'s node runs"
	case incoming:
		return "'" + GetCommand(t.Conversation, t.Entry) + "' asks for it again"
	case toGroup(t):
		contact = "they"
	}
	return "it stays in the conversation: " + contact + " " + canGet
}

// why is the part of the reason that the sentence does not say already.
func why(code node.EndCode, reason string) string {
	switch code {
	case node.EndCancelled, node.EndTimeout, node.EndBadSum, node.EndWithdrawn, node.EndRestarted:
		return ""
	case node.EndRefused: // only what the other side's user or program said
		_, words, _ := strings.Cut(reason, filexfer.ErrRefused.Error()+": ")
		return words
	}
	return reason
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
	again := again(t, contact)
	if listed(t) {
		if _, open := have(t); open == 0 {
			again = "" // all said no
		}
		return ending{nobody(t, contact) + " got " + name + ": " + partsWords(t), again}
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
		if toGroup(t) && len(t.Parts) == 0 {
			contact = nobody(t, contact)
			return ending{contact + " could be reached, so " + name + " was not sent", again}
		}
		return ending{contact + " could not be reached, so " + name + " was not sent", again}
	case node.EndBadSum:
		return ending{"what arrived of " + name + " is not what was announced, so nothing was kept", again}
	case node.EndWithdrawn:
		return ending{name + " does not come any more: its author has taken it back", ""}
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
