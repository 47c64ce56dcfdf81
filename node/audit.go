package node

import (
	"context"
	"log/slog"
	"time"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// The audit log tells who got what and who was let in. Each record is written where
// the thing happens, before anybody is told of it, and none is left out. Its words are
// those of docs/operations.md: an event as the message, and attributes. No record
// holds a secret: a one-time code is named by its pairing.

// record writes one, if there is an audit log.
func (n *Node) record(event string, attrs ...slog.Attr) {
	if l := n.auditor.Load(); l != nil {
		l.LogAttrs(context.Background(), slog.LevelInfo, event, attrs...)
	}
}

// recordPolicy tells what decides about offers from now on.
func (n *Node) recordPolicy(p *policy, when string) {
	n.record("rules.changed", slog.String("when", when), slog.Any("rules", append([]Rule{}, p.rules.Rules()...)),
		slog.String("accept", string(p.accept)), slog.Int64("reserve", p.reserve), slog.String("downloads", p.downloads))
}

// recordContact tells what became of a contact; the zero Contact is none.
func (n *Node) recordContact(before, after Contact) {
	c, event := after, ""
	switch {
	case after.State == "":
		c, event = before, "contact.removed"
	case before.State != after.State:
		event = map[ContactState]string{Pending: "contact.asked", Requested: "contact.requested", Accepted: "contact.added"}[after.State]
	case before.Name != after.Name && after.State != Pending:
		event = "contact.renamed"
	}
	attrs := []slog.Attr{slog.String("account", c.Account.String()), slog.String("name", filexfer.Visible(c.Name)), slog.String("verified", string(c.Verified))}
	if event != "" {
		n.record(event, attrs...)
	}
	if before.Verified != after.Verified && after.State != "" {
		n.record("contact.verified", attrs...)
	}
}

// recordNote tells of a device of the own account that is new, known to hold the account
// key, or revoked.
func (n *Node) recordNote(before, after deviceNote) {
	if before.Name == "" && before.Added.IsZero() && (after.Name != "" || !after.Added.IsZero()) {
		n.recordDevice("device.linked", after)
	}
	if after.Keeper && !before.Keeper {
		n.recordDevice("device.keeper", after)
	}
	if after.Revoked && !before.Revoked {
		n.recordDevice("device.revoked", after)
	}
}

func (n *Node) recordDevice(event string, d deviceNote) {
	n.record(event, slog.String("device", d.ID.String()), slog.String("name", filexfer.Visible(d.Name)), slog.Bool("self", d.ID == n.keys.id))
}

// recordOffer tells that somebody offers a file.
func (n *Node) recordOffer(t Transfer) {
	n.record("offer.received", append(fileAttrs(t), partyAttrs(t, t.partOf())...)...)
}

// recordDecision tells what was decided about an offer, and by whom.
func (n *Node) recordDecision(t Transfer, d decision) {
	word := "accepted"
	if d.err != nil {
		word = "refused"
	}
	n.record("offer.decided", append(fileAttrs(t), append(partyAttrs(t, t.partOf()),
		slog.String("decision", word), slog.String("by", d.by.kind), slog.String("rule", d.by.rule), slog.String("file", t.File))...)...)
}

// recordEnds tells which parts of a transfer have just ended; an incoming file, or one
// that came to no part, is its only one.
func (n *Node) recordEnds(before Transfer, e *entry) {
	event := "transfer.ended"
	if e.served {
		event = "file.served"
	}
	if e.Ended && !before.Ended && len(e.Parts) == 0 {
		n.recordEnd(event, e.Transfer, e.partOf())
	}
	for i, p := range e.Parts {
		if p.State.Final() && (i >= len(before.Parts) || !before.Parts[i].State.Final()) {
			n.recordEnd(event, e.Transfer, p)
		}
	}
}

func (n *Node) recordEnd(event string, t Transfer, p Part) {
	result := p.Code
	if p.State == filexfer.Finished {
		result = "finished"
	}
	attrs := append(fileAttrs(t), partyAttrs(t, p)...)
	attrs = append(attrs, slog.String("result", string(result)), slog.String("reason", p.Reason), slog.String("state", p.State.String()),
		slog.Int64("bytes", p.Bytes), slog.String("path", pathKind(p.Path)), slog.String("rule", t.Rule), slog.String("file", t.File),
		slog.Float64("seconds", time.Since(t.Created).Round(time.Millisecond).Seconds()))
	n.record(event, attrs...)
}

// partOf is an incoming transfer as if it were the part of its sender's device.
func (t Transfer) partOf() Part {
	return Part{Device: t.Device, Account: t.Account, Contact: t.Contact, State: t.State, Bytes: t.Bytes, Code: t.Code, Reason: t.Reason, Path: t.Path}
}

// fileAttrs name the file of a transfer.
func fileAttrs(t Transfer) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("transfer", t.ID), slog.String("direction", string(t.Direction)), slog.String("name", t.Name),
		slog.Int64("size", t.Size), slog.String("sum", t.Sum), slog.String("tree", t.Tree), slog.Bool("folder", t.Manifest > 0),
	}
	if !t.Conversation.IsZero() {
		attrs = append(attrs, slog.String("conversation", t.Conversation.String()), slog.String("entry", t.Entry.String()))
	}
	return attrs
}

// partyAttrs name the other side; whoever a one-shot code brought has no account here.
func partyAttrs(t Transfer, p Part) []slog.Attr {
	attrs := []slog.Attr{slog.Bool("by_code", t.OneShot)}
	if !p.Account.IsZero() {
		attrs = append(attrs, slog.String("account", p.Account.String()), slog.String("contact", filexfer.Visible(p.Contact)))
	}
	if p.Device != "" {
		attrs = append(attrs, slog.String("device", p.Device.String()))
	}
	return attrs
}

// pairingsTold hands on what a pairing does, after the audit log. It is called in order.
func (n *Node) pairingsTold() func(Event) {
	seen := map[string]PairingState{} // what was recorded last of those that run
	return func(e Event) {
		p := *e.Pairing
		n.recordPairing(seen[p.ID], p)
		switch {
		case p.State.Ended():
			delete(seen, p.ID)
		case seen[p.ID] != PairConnect:
			seen[p.ID] = p.State
		}
		n.hub.publish(e)
	}
}

// recordPairing tells what became of a one-time code; seen is how far it was before,
// "" if it is new.
func (n *Node) recordPairing(seen PairingState, p Pairing) {
	shown := p.Code+p.QR != ""
	attrs := []slog.Attr{slog.String("pairing", p.ID), slog.String("purpose", string(p.Purpose))}
	if seen == "" {
		n.record(either(shown, "code.shown", "code.entered"), append(attrs, slog.Time("expires", p.Expires))...)
	}
	used := seen == PairConnect || p.State == PairConnect || p.State == PairDone
	if used && seen != PairConnect {
		n.record("code.used", attrs...)
	}
	if p.State.Ended() {
		attrs = append(attrs, slog.String("result", string(p.State)), slog.String("reason", p.Reason))
		n.record(either(used, "code.ended", "code.burnt"), append(attrs, broughtAttrs(p)...)...)
	}
}

// broughtAttrs name what a code has brought.
func broughtAttrs(p Pairing) (attrs []slog.Attr) {
	if p.Contact != nil {
		attrs = append(attrs, slog.String("account", p.Contact.Account.String()))
	}
	if p.Device != nil {
		attrs = append(attrs, slog.String("device", p.Device.ID.String()))
	}
	if p.Transfer != "" {
		attrs = append(attrs, slog.String("transfer", p.Transfer))
	}
	return attrs
}

func either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
