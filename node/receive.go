package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/node/rules"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// mayOffer is nil for the devices that could offer something: those of partners, and
// who sends by a code. It is filexfer's Admit.
func (n *Node) mayOffer(c network.Conn) error {
	if n.settings.Role == RoleDHT {
		return errRole
	}
	device := c.RemotePeer()
	if _, known := n.accountOf(device); known || n.oneShots.with(device) {
		return nil
	}
	return &filexfer.Refusal{Reason: "not a contact"}
}

// receive decides on an offer: it is filexfer's Accept. One that was asked for is
// taken; with another it is for the rules to decide, or for the user.
func (n *Node) receive(ctx context.Context, o filexfer.Offer) (filexfer.Sink, error) {
	if sink, is, err := n.takeByCode(o); is {
		return sink, err
	}
	if sink, wanted, err := n.again.Accept(ctx, o); wanted || err != nil {
		return sink, err
	}
	t, err := n.judge(ctx, o)
	if err != nil {
		return nil, err
	}
	if !t.Entry.IsZero() && n.transfers.knows(t) {
		return nil, &filexfer.Refusal{Reason: "it was offered before, and nobody asked for it again"}
	}
	waiting := make(chan decision, 1)
	n.deciding.Lock()
	d := n.considerLocked(n.factsOf(t))
	if t.Why = d.Reason; d.Action == rules.Accept {
		t.Rule = d.Rule
	}
	e := &entry{
		Transfer: t,
		cancel:   func() { n.files.Cancel(o.ID) },
		release:  n.protect(o.From, o.ID),
		waiting:  waiting,
		open:     func(target filexfer.Target) (filexfer.Sink, error) { return n.open(ctx, o, target) },
	}
	err = n.transfers.begin(e)
	n.deciding.Unlock()
	if err != nil {
		e.release()
		return nil, err
	}
	n.recordOffer(t)
	n.tally.count(func(c *Counts) { c.Offers++ })
	n.obey(o.ID, d)
	select {
	case d := <-waiting:
		return d.sink, d.err
	case <-ctx.Done():
		n.withdraw(o.ID, waiting)
		return nil, context.Cause(ctx)
	}
}

// judge tells whether the device may offer this file, and gives the transfer that it
// would be. A contact may offer any file; a fellow member one of a conversation.
// What the conversation says of the file must be true.
func (n *Node) judge(ctx context.Context, o filexfer.Offer) (Transfer, error) {
	account, known := n.accountOf(o.From)
	if !known || account == n.keys.account {
		return Transfer{}, &filexfer.Refusal{Reason: "not a contact"}
	}
	t := Transfer{
		ID: o.ID, Direction: Incoming, Contact: n.called(account), Account: account, Device: o.From,
		Name: o.Name, Size: o.Size, State: filexfer.AwaitingHost, Path: pathOf(o.Conn), Sum: o.Sum, Tree: o.Root, Manifest: o.Manifest,
	}
	if o.Conversation == "" && n.contacts.accepted(account) {
		return t, nil
	}
	var err error
	if t.Conversation, err = conversation.ParseID(o.Conversation); err == nil && !(o.Follows && o.Interaction == "") {
		t.Entry, err = conversation.ParseID(o.Interaction)
	}
	switch {
	case err != nil:
		return t, &filexfer.Refusal{Reason: "not a contact"}
	case o.Offset != 0:
		return t, &filexfer.Refusal{Reason: "nobody asked for a part"}
	}
	return t, n.judgeEntry(ctx, t)
}

// notThatFile is why an offer is refused that names the entry of another file.
const notThatFile = "this is not the file that the conversation tells of"

// judgeEntry holds an offer against its conversation. The entry may be on its way
// yet, and so may a contact's whole conversation; dropWithdrawn looks again then.
func (n *Node) judgeEntry(ctx context.Context, t Transfer) error {
	s, err := n.conversations.Summary(t.Conversation)
	if errors.Is(err, logstore.ErrUnknownConversation) && n.contacts.accepted(t.Account) {
		return nil
	}
	if err != nil || !s.Me.In() && s.Mode != conversation.OneToOne || !n.mayRead(s.ID, t.Account, t.Device) {
		return &filexfer.Refusal{Reason: "not a member of that conversation"}
	}
	m, err := n.conversations.Message(t.Conversation, t.Entry)
	if errors.Is(err, logstore.ErrUnknownEntry) { // so is the one that follows
		return nil
	}
	if err != nil {
		return err
	}
	switch f, err := fileOf(m); {
	case err != nil:
		return &filexfer.Refusal{Reason: err.Error()}
	case m.Entry.Account != t.Account || !t.isOf(f):
		return &filexfer.Refusal{Reason: notThatFile}
	default:
		if _, err := n.heldAs(ctx, f, t.Conversation, t.Entry); err == nil {
			return &filexfer.Refusal{Reason: "it is here already"}
		}
		return nil
	}
}

// isOf tells whether an offered file can be the announced one. Of one whose tree alone
// is announced, the tree must be offered.
func (t Transfer) isOf(f conversation.File) bool {
	same := func(x, y string) bool { return x == "" || y == "" || x == y }
	known := t.Tree != "" || f.SHA3Sum != ""
	return known && t.Size == f.TotalSize && t.Manifest == f.Manifest && same(t.Sum, f.SHA3Sum) && same(t.Tree, f.SHA3Tree)
}

// differs tells whether a file cannot be the announced one, by what is known of both.
func (t Transfer) differs(f conversation.File) bool {
	other := func(x, y string) bool { return x != "" && y != "" && x != y }
	return t.Size != f.TotalSize || other(t.Sum, f.SHA3Sum) || other(t.Tree, f.SHA3Tree)
}

// withdraw ends the waiting of an offer that is gone. A decision that was made
// in the same moment comes to nothing.
func (n *Node) withdraw(id string, waiting chan decision) {
	n.transfers.change(id, func(e *entry) { e.waiting = nil })
	select {
	case d := <-waiting:
		if d.sink != nil {
			d.sink.Abort() // observeTransfer decides what becomes of the part
		}
	default:
	}
}

// Inbox lists the offers that wait for a decision, the newest last.
func (n *Node) Inbox() []Transfer {
	var list []Transfer
	for _, t := range n.transfers.all() {
		if t.State == filexfer.AwaitingHost {
			list = append(list, t)
		}
	}
	return list
}

// Accept takes an offered file. path names a folder that exists (the file keeps
// its name there, made unique), or the file itself, which must not exist yet;
// empty means the downloads folder. Of a folder only those files are taken that match
// one of the patterns (folder.Place.Choose), if there are any. An error leaves the
// offer waiting; it is ErrNoSpace where the file would leave less than
// Config.Reserve.
func (n *Node) Accept(_ context.Context, id, path string, only ...string) (Transfer, error) {
	return n.accept(id, path, decider{kind: byPerson}, only)
}

func (n *Node) accept(id, path string, by decider, only []string) (Transfer, error) {
	t, err := n.waitingOffer(id)
	if err != nil {
		return t, err
	}
	if err := t.canChoose(only); err != nil {
		return t, err
	}
	t.only = only
	target, err := n.target(t, path)
	if err != nil {
		return t, err
	}
	if err := n.hasSpaceFor(t, target); err != nil {
		return t, err
	}
	// Where the temporary file lies is known before there is one: somebody has to
	// find it if this node is killed.
	open := n.transfers.opener(id)
	n.transfers.change(id, func(e *entry) { e.goesTo(target); e.only = only })
	sink, err := open(target)
	if err != nil {
		n.transfers.change(id, func(e *entry) {
			if e.waiting != nil {
				e.File, e.exact = "", false
			}
		})
		return t, err
	}
	if t, err = n.decide(id, decision{sink: sink, target: target, by: by}); err != nil {
		err = errors.Join(err, sink.Abort())
		n.discard(t, target)
	}
	return t, err
}

// hasSpaceFor fails with ErrNoSpace if an accepted file would leave too little free. Of
// a folder of which only some files are wanted, its manifest will tell.
func (n *Node) hasSpaceFor(t Transfer, target filexfer.Target) error {
	if len(t.only) > 0 {
		return nil
	}
	return n.HasSpace(target.Dir, t.Size-filexfer.PartSize(target))
}

// canChoose tells what is wrong with patterns before anything comes: whether one
// matches is known only when the folder's manifest is here.
func (t Transfer) canChoose(only []string) error {
	if t.Manifest == 0 && len(only) > 0 {
		return fmt.Errorf("%w: %s is no folder, of which some files could be chosen", ErrBadChoice, t.Name)
	}
	for _, pattern := range only {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%w: %q is no pattern: %w", ErrBadChoice, pattern, err)
		}
	}
	return nil
}

// discard forgets a sink that nobody took.
func (n *Node) discard(t Transfer, target filexfer.Target) {
	if !n.again.Forget(t.wantedAs()) {
		n.removePartOf(target)
	}
}

// opener gives what makes the sink of an offer.
func (b *transferBook) opener(id string) func(filexfer.Target) (filexfer.Sink, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.byID[id]; e != nil && e.open != nil {
		return e.open
	}
	return func(filexfer.Target) (filexfer.Sink, error) {
		return nil, fmt.Errorf("%w: %s", ErrNotWaiting, id)
	}
}

// Refuse declines an offered file; the sender is told so.
func (n *Node) Refuse(_ context.Context, id string) (Transfer, error) {
	if t, err := n.waitingOffer(id); err != nil {
		return t, err
	}
	return n.decide(id, decision{err: filexfer.ErrRefused, by: decider{kind: byPerson}})
}

func (n *Node) waitingOffer(id string) (Transfer, error) {
	t, found := n.transfers.get(id)
	if !found {
		return t, fmt.Errorf("%w: %q", ErrUnknownTransfer, id)
	}
	if t.State != filexfer.AwaitingHost {
		return t, fmt.Errorf("%w: %s is %s", ErrNotWaiting, id, t.State)
	}
	return t, nil
}

// decide hands the user's answer to the stream that waits; only the first counts.
func (n *Node) decide(id string, d decision) (Transfer, error) {
	err := fmt.Errorf("%w: %s", ErrNotWaiting, id)
	n.transfers.change(id, func(e *entry) {
		if e.waiting != nil {
			err = nil
			e.goesTo(d.target)
			e.Rule, e.Why = d.by.rule, ""
			e.waiting <- d
			if e.waiting = nil; d.err != nil { // no need to wait for the stream to say so
				e.State, e.Code, e.Reason = filexfer.ClosedByHost, endCode(d.err), cmp.Or(d.reason, d.err.Error())
			}
		}
	})
	t, _ := n.transfers.get(id)
	if err == nil {
		n.recordDecision(t, d)
		n.tally.count(func(c *Counts) { c.Decisions[Decision{d.by.kind, d.err == nil}]++ })
	}
	return t, err
}

// goesTo notes where the file is to lie.
func (t *Transfer) goesTo(target filexfer.Target) {
	if target.Dir != "" {
		t.File, t.exact = filepath.Join(target.Dir, target.Name), target.Exact
	}
}

// target says where an accepted file goes, see Accept.
func (n *Node) target(t Transfer, path string) (filexfer.Target, error) {
	target := filexfer.Target{Dir: path, Name: t.Name, Size: t.Size, ID: t.ID, Reserve: n.reserve}
	if !t.Entry.IsZero() {
		target.Sum, target.Root = t.Sum, t.Tree // a conversation's file can be continued
	}
	if t.Manifest > 0 {
		target.Place = n.placeOf(t)
	}
	switch info, err := os.Stat(path); {
	case path == "":
		target.Dir = n.policy.Load().downloads
		return target, os.MkdirAll(target.Dir, 0o700)
	case err == nil && info.IsDir():
		return target, nil
	case strings.HasSuffix(path, string(filepath.Separator)):
		return target, fmt.Errorf("%s is no folder", path)
	default:
		target.Dir, target.Name, target.Exact = filepath.Dir(path), filepath.Base(path), true
		return target, nil
	}
}
