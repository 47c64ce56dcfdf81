package show

import (
	"bytes"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

const (
	bobsPhone  = "12D3KooWGzBZVfKQZNnKkUHGyNsJ4VTtFnvqXt4Yf3NUZp5BTLdu"
	bobsLaptop = "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5"
)

// toHoliday is a file that was sent to a group of bob, with two devices, and carol.
func toHoliday() api.Transfer {
	t := transfer(node.Outgoing)
	t.Contact, t.Conversation, t.Entry = "holiday", entryID(0), entryID(1)
	t.Parts = []api.Part{
		{Device: bobsPhone, Account: "b", Contact: "bob", State: filexfer.Created},
		{Device: bobsLaptop, Account: "b", Contact: "bob", State: filexfer.Created},
		{Account: "c", Contact: "carol\x1b", State: filexfer.Created},
	}
	return t
}

func TestPartsInWords(t *testing.T) {
	ends := func(state filexfer.State, code node.EndCode, reason string) api.Part {
		return api.Part{Account: "c", Contact: "carol\x1b", State: state, Code: code, Reason: reason, Bytes: 1024}
	}
	for _, test := range []struct {
		p    api.Part
		want string
	}{
		{ends(filexfer.Created, "", ""), ""},
		{ends(filexfer.AwaitingPeer, "", ""), `carol\u001b is asked`},
		{ends(filexfer.Ongoing, "", ""), `carol\u001b accepted`},
		{ends(filexfer.Finished, "", ""), `carol\u001b has it, every byte verified`},
		{ends(filexfer.ClosedByPeer, node.EndRefused, "await GO: refused by the receiver"), `carol\u001b refused`},
		{ends(filexfer.ClosedByPeer, node.EndRefused, "await GO: refused by the receiver: too\nbig"), `carol\u001b refused: too\u000abig`},
		{ends(filexfer.ClosedByPeer, node.EndCancelled, "reset"), `carol\u001b cancelled`},
		{ends(filexfer.ClosedByHost, node.EndCancelled, "reset"), `cancelled here for carol\u001b`},
		{ends(filexfer.Unjoinable, node.EndUnjoinable, "no device"), `carol\u001b could not be reached: no device`},
		{ends(filexfer.TimeoutExpired, node.EndTimeout, "late"), `carol\u001b did not decide in time`},
		{ends(filexfer.ClosedByPeer, node.EndBadSum, "sum"), `carol\u001b got something else than was announced`},
		{ends(filexfer.ClosedByPeer, node.EndLost, "reset"), `the connection to carol\u001b broke after 1.0 KiB: reset`},
		{ends(filexfer.ClosedByPeer, node.EndFailed, "odd\n"), `carol\u001b: failed (closed-by-peer): odd\u000a`},
		{api.Part{Device: bobsPhone, Account: "b", Contact: "bob", State: filexfer.AwaitingPeer}, "bob (…Zp5BTLdu) is asked"},
	} {
		if got := PartStep(toHoliday(), test.p); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestDevicesAreKnownByTheirEnds(t *testing.T) {
	for id, want := range map[string]string{bobsPhone: "…Zp5BTLdu", "short": "short", "": "", "a\x1b": `a\u001b`} {
		if got := Device(id); got != want {
			t.Errorf("%q: %s, want %s", id, got, want)
		}
	}
}

// playParts shows a file to three devices: one gets it, one refuses, one is away.
func playParts(r Reporter) {
	t := toHoliday()
	end := func(i int, state filexfer.State, code node.EndCode, reason string) {
		t.Parts[i].State, t.Parts[i].Code, t.Parts[i].Reason = state, code, reason
		r.Part(t, t.Parts[i])
	}
	r.Offer(t)
	r.Phase(t, node.PhaseSum, "")
	r.Phase(t, node.PhaseLookup, "")
	t.Device = bobsPhone
	r.Phase(t, node.PhaseFound, "")
	end(0, filexfer.AwaitingPeer, "", "")
	end(1, filexfer.Unjoinable, node.EndUnjoinable, "no answer\x07")
	t.State = filexfer.AwaitingPeer
	r.Waiting(t)
	end(0, filexfer.Ongoing, "", "")
	t.State, t.Bytes = filexfer.Ongoing, 4096
	r.Progress(t, 2048)
	t.State = filexfer.Finished
	end(0, filexfer.Finished, "", "")
	end(2, filexfer.AwaitingPeer, "", "")
	r.Waiting(t)
	end(2, filexfer.ClosedByPeer, node.EndRefused, "")
	r.Done(t, 2048)
	r.Drop()
}

func TestSeveralDevicesInLines(t *testing.T) {
	var b bytes.Buffer
	playParts(NewLines(&b, false))
	golden(t, "devices.txt", b.String())
}

func TestSeveralDevicesAsEvents(t *testing.T) {
	var b bytes.Buffer
	playParts(NewJSONReporter(&b))
	golden(t, "devices.jsonl", b.String())
}

// TestOnlyOneDeviceNeedsNoLine: the line about the whole says it.
func TestOnlyOneDeviceNeedsNoLine(t *testing.T) {
	one := toHoliday()
	one.Parts = one.Parts[2:]
	one.Parts[0].State = filexfer.AwaitingPeer
	var b bytes.Buffer
	NewLines(&b, false).Part(one, one.Parts[0])
	if b.Len() != 0 {
		t.Errorf("said %q", &b)
	}
}

// TestNobodyWaitsForSecondDevices: it is enough that each account has the file on one
// device or gets it on none.
func TestNobodyWaitsForSecondDevices(t *testing.T) {
	const asked, has, no = filexfer.AwaitingPeer, filexfer.Finished, filexfer.ClosedByPeer
	for _, test := range []struct {
		whole                filexfer.State
		phone, laptop, carol filexfer.State
		settled              bool
	}{
		{asked, asked, asked, asked, false},
		{has, has, asked, asked, false},
		{has, has, asked, has, true},
		{has, asked, has, no, true},
		{has, no, asked, has, false},
		{has, no, filexfer.Ongoing, has, false},
		{has, no, filexfer.Unjoinable, has, true},
		{no, no, no, no, false}, // until the node says that it has ended
	} {
		transfer := toHoliday()
		transfer.State = test.whole
		for i, state := range []filexfer.State{test.phone, test.laptop, test.carol} {
			transfer.Parts[i].State = state
		}
		if got := Settled(transfer); got != test.settled {
			t.Errorf("%+v: %v", test, got)
		}
		if got := WaitOf(transfer) == WaitOthers; got != (test.whole == has && !test.settled) {
			t.Errorf("%+v: waits for %q", test, WaitOf(transfer))
		}
		if transfer.Ended = true; !Settled(transfer) {
			t.Errorf("%+v: it has ended", test)
		}
	}
	if Settled(toHoliday()) || Settled(transfer(node.Outgoing)) {
		t.Error("what has just begun is settled")
	}
}

func TestAWantedFileInLines(t *testing.T) {
	wanted := transfer(node.Incoming)
	wanted.Conversation, wanted.Entry = entryID(0), entryID(1)
	var b bytes.Buffer
	r := NewLines(&b, false)
	r.Offer(wanted)
	r.Waiting(wanted)
	r.Phase(wanted, node.PhaseAsk, "asked bob's device\x1b")
	wanted.Bytes = 1024
	r.Waiting(wanted)
	want := `p\u202e.jpg: 4.0 KiB from bob
p\u202e.jpg: asking all members' devices; it goes on by itself when one that has the file appears (Ctrl-C gives it up)
p\u202e.jpg: asked bob's device\u001b
p\u202e.jpg: 1.0 KiB of 4.0 KiB are here; asking all members' devices; it goes on by itself when one that has the file appears (Ctrl-C gives it up)
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

func TestSentencesOfConversations(t *testing.T) {
	out, in := toHoliday(), transfer(node.Incoming)
	in.Conversation, in.Entry = entryID(0), entryID(1)
	with2 := func(t api.Transfer, code node.EndCode, state filexfer.State, parts ...api.Part) api.Transfer {
		t = with(t, code, state, "why")
		t.Parts = parts
		return t
	}
	has := api.Part{Account: "b", Contact: "bob", State: filexfer.Finished}
	refused := api.Part{Account: "c", Contact: "carol", State: filexfer.ClosedByPeer, Code: node.EndRefused}
	away := api.Part{Account: "d", Contact: "dave", State: filexfer.Unjoinable, Code: node.EndUnjoinable}
	toBob := out
	toBob.Contact, toBob.Account = "bob", "b"
	phone, laptop := refused, refused
	phone.Account, phone.Contact, phone.Device = "b", "bob", bobsPhone
	laptop.Account, laptop.Contact, laptop.Device = "b", "bob", bobsLaptop
	many := make([]api.Part, 10)
	for i := range many {
		many[i] = away
	}
	for _, test := range []struct{ got, want string }{
		{Result(with2(out, "", filexfer.Finished, has, refused), 0), `sent p\u202e.jpg (4.0 KiB) to holiday (1 of 2 devices)`},
		{Result(with2(out, "", filexfer.Finished, has, away), 0), `sent p\u202e.jpg (4.0 KiB) to holiday (1 of 2 devices)` + "\nthe others can get it for as long as it lies here unchanged"},
		{Result(with2(out, "", filexfer.Finished, has), 0), `sent p\u202e.jpg (4.0 KiB) to holiday`},
		{Failure(with2(out, node.EndUnjoinable, filexfer.Unjoinable)), `nobody in holiday could be reached, so p\u202e.jpg was not sent: why; it stays in the conversation: they can get it for as long as it lies here unchanged`},
		{Failure(with2(toBob, node.EndUnjoinable, filexfer.Unjoinable)), `bob could not be reached, so p\u202e.jpg was not sent: why; it stays in the conversation: bob can get it for as long as it lies here unchanged`},
		{Failure(with2(out, node.EndRefused, filexfer.ClosedByPeer, refused, away)), `nobody in holiday got p\u202e.jpg: carol refused, dave could not be reached; it stays in the conversation: they can get it for as long as it lies here unchanged`},
		{Failure(with2(toBob, node.EndRefused, filexfer.ClosedByPeer, phone, laptop)), `no device of bob got p\u202e.jpg: bob (…Zp5BTLdu) refused, bob (…yKSUKPH5) refused`},
		{Failure(with2(out, node.EndRefused, filexfer.ClosedByPeer, refused)), `carol refused p\u202e.jpg`},
		{Failure(with2(out, node.EndCancelled, filexfer.ClosedByHost, refused, away)), `p\u202e.jpg was cancelled here`},
		{Failure(with(in, node.EndBadSum, filexfer.ClosedByHost, "")), `what arrived of p\u202e.jpg is not what was announced, so nothing was kept; 'passeur get abc000000000 abc000000001' asks for it again`},
		{Failure(with(in, node.EndWithdrawn, filexfer.ClosedByHost, node.ErrWithdrawn.Error())), `p\u202e.jpg does not come any more: its author has taken it back`},
		{Already(in), `p\u202e.jpg (4.0 KiB) is here already: /r/p.jpg`},
	} {
		if test.got != test.want {
			t.Errorf("got  %s\nwant %s", test.got, test.want)
		}
	}
	if text := Failure(with2(out, node.EndUnjoinable, filexfer.Unjoinable, many...)); !strings.Contains(text, "dave could not be reached, 2 more; ") {
		t.Errorf("many devices: %s", text)
	}
}

func TestFiles(t *testing.T) {
	file := api.HeldFile{Conversation: entryID(0), ConversationName: "holiday", Entry: entryID(1), Author: "alice", Name: "p\u202e.jpg", File: "/r/p\x1b.jpg", Size: 4096}
	var all []api.HeldFile
	for _, state := range []node.HeldState{node.HeldHere, node.HeldUnchecked, node.HeldUnreadable, node.HeldGone, node.HeldChanged, node.HeldWithdrawn, "odd\x1b"} {
		file.State = state
		all = append(all, file)
	}
	var b bytes.Buffer
	if err := Files(&b, all); err != nil {
		t.Fatal(err)
	}
	golden(t, "files.txt", b.String())
}

func TestInbox(t *testing.T) {
	offer := InboxItem{ID: "0123456789abcdef", From: "bob", Name: "p\u202e.jpg", Size: 7, Kind: "offer"}
	missed := InboxItem{From: "passeur:" + strings.Repeat("a", 40), Name: "film.mkv", Size: 4096, Kind: "missed", Conversation: entryID(0), ConversationName: "holiday", Entry: entryID(1)}
	nameless, hostileName := missed, missed
	nameless.ConversationName, hostileName.ConversationName = "", "$(touch x)"
	var b bytes.Buffer
	for _, items := range [][]InboxItem{nil, {offer}, {missed, nameless, hostileName}, {offer, missed}} {
		if err := Inbox(&b, items); err != nil {
			t.Fatal(err)
		}
		b.WriteString("--\n")
	}
	golden(t, "inbox.txt", b.String())
}
