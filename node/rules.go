package node

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/rules"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Rule decides about offers that it fits, see package rules.
type Rule = rules.Rule

// policy is what decides about offers. It is replaced as a whole, see Reload.
type policy struct {
	rules   *rules.Set
	accept  AcceptMode
	reserve int64 // bytes, 0: none
	// downloads is the folder for files accepted without a path.
	downloads string
}

func (s settings) policy() *policy {
	return &policy{rules: s.rules, accept: s.Accept, reserve: max(s.Reserve, 0), downloads: s.Downloads}
}

// Rules tells what the rules are, in order, and how much of them is used up. An error
// of the store is logged, and what it hides counts as nothing.
func (n *Node) Rules() rules.Report {
	p := n.policy.Load()
	r := rules.Report{Otherwise: rules.Ask, Reserve: p.reserve, Rules: []rules.Use{}}
	if p.accept == AcceptContacts {
		r.Otherwise = rules.Accept
	}
	used, err := n.taken()
	if err != nil {
		n.log.Error("what rules have taken cannot be read", "error", err)
	}
	for _, rule := range p.rules.Rules() {
		u := used[rule.Name]
		r.Rules = append(r.Rules, rules.Use{Rule: rule, Used: u.bytes, Files: u.files})
	}
	return r
}

// use is what came by a rule within rules.Window, or comes.
type use struct {
	bytes int64
	files int
}

// plus adds; what is too much for a number stays too much.
func (u use) plus(bytes int64, files int) use {
	if bytes > math.MaxInt64-u.bytes {
		bytes = math.MaxInt64 - u.bytes
	}
	return use{u.bytes + bytes, u.files + files}
}

// taken gives the use of each rule.
func (n *Node) taken() (map[string]use, error) {
	used := n.transfers.comingByRules() // first: one that ends meanwhile counts twice rather than not
	list, err := n.store.Taken(time.Now().Add(-rules.Window))
	for _, t := range list {
		used[t.Rule] = used[t.Rule].plus(t.Bytes, t.Files)
	}
	return used, err
}

func (b *transferBook) comingByRules() map[string]use {
	b.mu.Lock()
	defer b.mu.Unlock()
	used := map[string]use{}
	for _, e := range b.list {
		if e.Rule != "" && !e.Ended {
			used[e.Rule] = used[e.Rule].plus(rules.Charge(e.Size), 1)
		}
	}
	return used
}

// takenByLocked is how much of its quota a rule has used up: all of it, if that is not
// known.
func (n *Node) takenByLocked(rule string) int64 {
	used, err := n.taken()
	if err != nil {
		n.log.Error("what a rule has taken cannot be read, so that it takes nothing more", "rule", rule, "error", err)
		return math.MaxInt64
	}
	return used[rule].plus(n.promised[rule], 0).bytes
}

// considerLocked asks the rules about an offer, and then Config.Accept. deciding must be
// held until the transfer is in the book, or promised: then its rule's quota counts it.
func (n *Node) considerLocked(o rules.Offer) rules.Decision {
	p := n.policy.Load()
	d := p.rules.Decide(o, n.takenByLocked)
	if d.Action == "" {
		if d.Action = rules.Ask; p.accept == AcceptContacts && o.Contact {
			d.Action = rules.Accept
		}
	}
	return d
}

// factsOf is what rules know of a file that somebody offers, or has announced.
func (n *Node) factsOf(t Transfer) rules.Offer {
	o := rules.Offer{
		Account: t.Account.String(), Device: t.Device.String(), DeviceName: n.deviceName(t),
		Name: t.Name, Folder: t.Manifest > 0, Size: t.Size,
	}
	if c, known := n.contacts.get(t.Account); known && c.State == Accepted {
		o.Contact, o.Alias, o.Verified = true, c.Name, c.Verified != NotVerified
	}
	if t.Conversation.IsZero() {
		return o
	}
	o.Conversation = t.Conversation.String()
	if s, err := n.conversations.Summary(t.Conversation); err == nil {
		o.ConversationName = n.titleOf(s)
	}
	return o
}

// deviceName is what the sender calls the device; "" if that is not known.
func (n *Node) deviceName(t Transfer) string {
	if r, found := n.directory.Remembered(t.Account); found {
		d, _ := r.Device(t.Device)
		return d.Name
	}
	return ""
}

// ruleFolder makes the folder that a rule names, for its owner alone.
func ruleFolder(path string) error {
	if path == "" {
		return nil
	}
	return os.MkdirAll(path, 0o700)
}

// obey does with an offer in the book what the rules say. What they would accept and
// cannot be stored waits for the user, with the reason.
func (n *Node) obey(id string, d rules.Decision) {
	switch d.Action {
	case rules.Accept:
		err := ruleFolder(d.Folder)
		if err == nil {
			_, err = n.accept(id, d.Folder, byRule(d), nil)
		}
		if err != nil {
			n.leave(id, d, err)
		}
	case rules.Refuse:
		refusal := decision{err: filexfer.ErrRefused, by: byRule(d), reason: fmt.Sprintf("refused by the rule %q", d.Rule)}
		if _, err := n.decide(id, refusal); err != nil {
			n.log.Debug("an offer was gone before a rule refused it", "transfer", id, "error", err)
		}
	}
}

// leave has the user asked about an offer that a rule could not accept.
func (n *Node) leave(id string, d rules.Decision, err error) {
	n.transfers.change(id, func(e *entry) {
		if e.waiting == nil {
			return
		}
		e.Rule, e.noRoom = "", errors.Is(err, ErrNoSpace)
		if e.Why = "it could not be accepted by itself: " + err.Error(); d.Rule != "" {
			e.Why = fmt.Sprintf("the rule %q could not accept it: %v", d.Rule, err)
		}
	})
}

// acceptLeft accepts the offers that wait only because there was no room for them, if
// there is some now and the rules would still do so.
func (n *Node) acceptLeft() {
	for _, t := range n.transfers.withoutRoom() {
		n.deciding.Lock()
		d := n.considerLocked(n.factsOf(t))
		fits := d.Action == rules.Accept && n.HasSpace(cmp.Or(d.Folder, n.policy.Load().downloads), t.Size) == nil
		if fits { // from here on the rule's quota counts it
			n.transfers.change(t.ID, func(e *entry) { e.countsFor(d.Rule) })
		}
		n.deciding.Unlock()
		if fits {
			n.obey(t.ID, d)
		}
	}
}

// countsFor notes the rule that is about to accept an offer, if it still waits.
func (e *entry) countsFor(rule string) {
	if e.waiting != nil {
		e.Rule = rule
	}
}

func (b *transferBook) withoutRoom() (list []Transfer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.list {
		if e.waiting != nil && e.noRoom {
			list = append(list, e.Transfer)
		}
	}
	return list
}

// decider is who decides about an offer: a person, a rule, or the setting for offers
// that no rule fits.
type decider struct {
	kind string
	rule string // of a rule, its name
}

// The kinds of deciders.
const (
	byPerson  = "person"
	byARule   = "rule"
	bySetting = "setting"
)

func byRule(d rules.Decision) decider {
	if d.Rule == "" {
		return decider{kind: bySetting}
	}
	return decider{byARule, d.Rule}
}

// getMissed asks for the files of contacts that this device missed, as the rules say.
// One that fails keeps no other back.
func (n *Node) getMissed(now time.Time) error {
	if p := n.policy.Load(); p.accept != AcceptContacts && len(p.rules.Rules()) == 0 {
		return nil
	}
	missed, err := n.Missed()
	if err != nil {
		return err
	}
	for _, m := range missed {
		if n.transfers.knows(missedAs(m)) || !n.contacts.accepted(m.Account) || m.Time.Before(now.Add(-autoAge)) || m.Seen.After(now.Add(-autoWait)) {
			continue
		}
		if fails := n.considerMissed(m); fails != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", m.ID, fails))
		}
	}
	return err
}

// considerMissed does with a missed file what the rules say. The device that counts is
// the one that sent it, whoever brings it now.
func (n *Node) considerMissed(m Message) error {
	t := missedAs(m)
	t.ID, t.Contact = newTransferID(), n.called(m.Account)
	n.deciding.Lock()
	d := n.considerLocked(n.factsOf(t))
	if d.Action == rules.Accept {
		n.promised[d.Rule] += rules.Charge(t.Size)
	}
	n.deciding.Unlock()
	switch d.Action {
	case rules.Accept:
		defer n.keepPromise(t, d)
		return n.takeMissed(t, d)
	case rules.Refuse:
		t.State, t.Code, t.Ended, t.Rule = filexfer.ClosedByHost, EndRefused, true, d.Rule
		t.Reason = fmt.Sprintf("refused by the rule %q", d.Rule)
		return n.transfers.begin(&entry{Transfer: t})
	}
	return nil
}

// missedAs is what a message tells of the transfer by which its file would come.
func missedAs(m Message) Transfer {
	return Transfer{
		Direction: Incoming, Conversation: m.Conversation, Entry: m.ID, Account: m.Account, Device: m.Device,
		Name: filexfer.SafeName(m.File.DisplayName), Size: m.File.TotalSize, Sum: m.File.SHA3Sum, Tree: m.File.SHA3Tree, Manifest: m.File.Manifest,
	}
}

// keepPromise is to be called when a missed file is in the book, or is not taken.
func (n *Node) keepPromise(t Transfer, d rules.Decision) {
	n.deciding.Lock()
	defer n.deciding.Unlock()
	if n.promised[d.Rule] -= rules.Charge(t.Size); n.promised[d.Rule] == 0 {
		delete(n.promised, d.Rule)
	}
}

// takeMissed asks for a missed file. One for which there is no room stays missed.
func (n *Node) takeMissed(t Transfer, d rules.Decision) error {
	err := ruleFolder(d.Folder)
	if err == nil {
		folder := cmp.Or(d.Folder, n.policy.Load().downloads)
		err = n.HasSpace(folder, t.Size)
	}
	if err != nil {
		n.log.Warn("a missed file waits for you to fetch it", "file", t.Name, "rule", d.Rule, "error", err)
		return nil
	}
	_, err = n.getFile(n.ctx, t.Conversation.String(), t.Entry.String(), d.Folder, byRule(d))
	return err
}

// knows tells whether a file was offered to this device or got by it before: its
// author offers it once, and later the device asks. What has ended and was another file,
// which somebody had offered for the entry before that was here, does not count.
func (b *transferBook) knows(t Transfer) bool {
	f := conversation.File{TotalSize: t.Size, SHA3Sum: t.Sum, SHA3Tree: t.Tree}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.list, func(e *entry) bool {
		return e.Direction == Incoming && e.Conversation == t.Conversation && e.Entry == t.Entry && !(e.Ended && e.differs(f))
	})
}
