package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/conversation/membership"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/protocols/history"
)

// maxUninvited bounds the conversations that others gave us and that our account has
// written nothing in: it has neither joined nor declined.
const maxUninvited = 100

// logFile is where the logs of an account's conversations are kept: a home whose
// device joins another account gets another file.
func logFile(a conversation.Account) string {
	return fmt.Sprintf("conversations-%x.db", a[:4])
}

// openConversations opens the logs.
func (n *Node) openConversations() (err error) {
	n.commits = newCommits()
	n.conversations, err = logstore.Open(filepath.Join(n.settings.Home, logFile(n.keys.account)), logstore.Config{
		Self: n.keys.account, Observe: n.commits.put, Logger: n.logger("logstore"),
	})
	if err != nil {
		return err
	}
	n.onClose("conversations", n.conversations.Close)
	n.company = newCompany(n)
	if err := n.openOwn(); err != nil {
		return fmt.Errorf("the account's own conversation: %w", err)
	}
	return n.fellows.read(n.conversations)
}

// makeHistory makes what lets the logs travel, before anything else runs that
// tells it something. Nothing travels until it is mounted.
func (n *Node) makeHistory() (err error) {
	n.history, err = history.New(promptStreams{n.host}, history.Config{
		Log: historyLog{n.conversations}, Shared: n.shared, Reads: n.reads, Accepts: n.accepts, SourceOf: n.sourceOf,
		Records: n.recordsFor, OnRecord: n.takeRecord,
		Proof: n.proof, Observe: n.observeHistory, Logger: n.logger("history"),
	})
	return err
}

// startTalking acts on what the logs say, once everything else stands.
func (n *Node) startTalking() error {
	if err := n.readOwn(); err != nil {
		return fmt.Errorf("the account's own conversation: %w", err)
	}
	for _, c := range n.contacts.all() {
		n.contactKnown(c)
	}
	n.goRun(n.followLogs)
	return n.keepCompany()
}

// commits collects what was written to the logs until the follower takes it.
type commits struct {
	mu      sync.Mutex
	pending map[conversation.ID]commit
	wake    chan struct{} // one slot
}

// commit is what happened to one conversation.
type commit struct {
	added []conversation.ID
	state bool // members, their ranks or their devices changed
}

func newCommits() *commits {
	return &commits{pending: map[conversation.ID]commit{}, wake: make(chan struct{}, 1)}
}

// put never blocks: the log calls it after each commit.
func (c *commits) put(conv conversation.ID, added []conversation.ID, state bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pending[conv]
	c.pending[conv] = commit{append(p.added, added...), p.state || state}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *commits) take() map[conversation.ID]commit {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.pending
	c.pending = map[conversation.ID]commit{}
	return all
}

// followLogs acts on what was written to the logs, here or elsewhere, until the
// node closes.
func (n *Node) followLogs() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	wide := map[conversation.ID]bool{}
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-tick.C:
			if err := n.mergeHeads(wide); err != nil {
				n.log.Error("branches cannot be joined", "error", err)
			}
			if err := n.getMissed(time.Now()); err != nil {
				n.log.Error("missed files cannot be asked for", "error", err)
			}
			n.acceptLeft()
			n.transfers.storeRest() // what fails was logged
		case <-n.commits.wake:
		}
		for conv, c := range n.commits.take() {
			n.history.Changed(conv, c.added)
			if err := n.follow(conv, c); err != nil {
				n.log.Error("a conversation cannot be followed", "conversation", conv, "error", err)
			}
		}
	}
}

// maxHeads is how many branches a conversation may have for a minute before this
// device joins them: every device that syncs has to name them all.
const maxHeads = 64

// mergeHeads joins the branches of conversations that had too many a minute ago,
// and have now.
func (n *Node) mergeHeads(wide map[conversation.ID]bool) error {
	all, err := n.conversations.Conversations()
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Heads <= maxHeads || !s.Me.In() {
			delete(wide, s.ID)
		} else if !wide[s.ID] {
			wide[s.ID] = true
		} else if _, err := n.conversations.Append(n.ctx, s.ID, n.author(), conversation.TypeMerge, nil); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) follow(conv conversation.ID, c commit) error {
	if c.state {
		if err := n.cutOffRevokedInLog(conv); err != nil {
			return err
		}
	}
	if conv == n.own {
		return n.readOwn()
	}
	if c.state {
		if err := n.fellows.read(n.conversations); err != nil {
			return err
		}
		if err := n.joinOneToOne(conv); err != nil {
			return err
		}
		n.company.look()
		n.again.Changed(conv.String())
	}
	if err := n.dropWithdrawn(conv); err != nil {
		return err
	}
	return n.tell(conv, c)
}

// shared are the conversations that a device may read.
func (n *Node) shared(device peer.ID) []conversation.ID {
	account, known := n.accountOf(device)
	if !known {
		return nil
	}
	all, err := n.conversations.Conversations()
	if err != nil {
		n.log.Error("the conversations cannot be read", "error", err)
		return nil
	}
	var list []conversation.ID
	for _, s := range all {
		if account == n.keys.account || n.mayRead(s.ID, account, device) {
			list = append(list, s.ID)
		}
	}
	return list
}

// accepts tells whether a device may give us entries of a conversation: its
// reader, or, of one that we do not have, anybody we know, within a bound.
func (n *Node) accepts(device peer.ID, conv conversation.ID) bool {
	account, known := n.accountOf(device)
	if !known || account == n.keys.account {
		return known
	}
	if _, err := n.conversations.Summary(conv); err == nil {
		return n.mayRead(conv, account, device)
	}
	// What others made of us there does not count: whoever founds a conversation can
	// remove us from it, and found the next.
	uninvited, err := n.conversations.Unanswered()
	return err == nil && uninvited < maxUninvited
}

// reads tells whether a device may read a conversation.
func (n *Node) reads(device peer.ID, conv conversation.ID) bool {
	account, known := n.accountOf(device)
	return known && (account == n.keys.account || n.mayRead(conv, account, device))
}

// mayRead tells whether the conversation itself lets a device of another account
// read it. What cannot be read is read by nobody.
func (n *Node) mayRead(conv conversation.ID, a conversation.Account, device peer.ID) bool {
	may, err := n.conversations.MayRead(conv, a, device)
	if err != nil {
		n.log.Error("the members cannot be read", "conversation", conv, "error", err)
	}
	return may
}

// logRevoked tells whether a conversation has the account's word that the device
// is none of its any more. If that cannot be read, no device is trusted.
func (n *Node) logRevoked(a conversation.Account, device peer.ID) bool {
	revoked, err := n.conversations.IsRevoked(a, device)
	if err != nil {
		n.log.Error("revoked devices cannot be read", "error", err)
	}
	return revoked || err != nil
}

func (n *Node) sourceOf(device peer.ID) (history.Source, bool) {
	account, known := n.accountOf(device)
	return history.Source{Account: account, Own: account == n.keys.account}, known
}

// proof finds the entry that shut the account of a device out of a conversation.
func (n *Node) proof(device peer.ID, conv conversation.ID) (conversation.Raw, bool) {
	account, known := n.accountOf(device)
	if !known {
		return conversation.Raw{}, false
	}
	list, err := n.conversations.Messages(conv, logstore.Page{Type: conversation.TypeMember, All: true, Limit: maxProofs})
	if err != nil {
		return conversation.Raw{}, false
	}
	for _, m := range slices.Backward(list) {
		if !m.Void && shutsOut(m.Entry, account) {
			return m.Entry.Raw, true
		}
	}
	return conversation.Raw{}, false
}

// maxProofs is how many acts are searched for a proof, the newest.
const maxProofs = 500

// observeHistory takes in the proof that this account was shut out, if it follows
// what is here, so that the user sees who did it.
func (n *Node) observeHistory(e history.Event) {
	n.log.Debug("history", "kind", e.Kind, "device", e.Device, "conversation", e.Conversation, "entries", e.Entries, "error", e.Err)
	if e.Kind == history.Received {
		n.tally.count(func(c *Counts) { c.Entries += int64(e.Entries) })
	}
	if e.Kind != history.Refused || e.Proof == nil || !shutsOut(e.Proof, n.keys.account) {
		return
	}
	// Here, as all that comes on the stream: who sends proofs without end waits for each.
	from, _ := n.sourceOf(e.Device)
	l := historyLog{n.conversations}
	if _, err := l.Ingest(n.ctx, e.Conversation, []conversation.Raw{e.Proof.Raw}, from, true); err != nil {
		n.log.Debug("a proof is not taken in", "conversation", e.Conversation, "error", err)
	}
}

// shutsOut tells whether an entry bans or removes an account. Nothing else is a proof:
// what accepts would refuse, such as the beginning of one more conversation, does not
// come in by this door.
func shutsOut(e *conversation.Entry, a conversation.Account) bool {
	c := e.Control
	return c != nil && c.Target == a && (c.Action == conversation.Ban || c.Action == conversation.Remove)
}

// recordsFor gives what a device is told of accounts when it connects.
func (n *Node) recordsFor(device peer.ID) [][]byte {
	if _, known := n.accountOf(device); !known {
		return nil
	}
	if raw := n.accountRecord(); raw != nil {
		return [][]byte{raw}
	}
	return nil
}

// takeRecord learns the record of somebody known: it may revoke a device.
func (n *Node) takeRecord(from peer.ID, raw []byte) {
	r, err := directory.ParseRecord(raw)
	if err != nil || !n.isPartner(r.Account) {
		n.log.Warn("an account record was not taken", "from", from, "error", err)
		return
	}
	if _, err := n.directory.Learn(raw); err != nil {
		n.log.Warn("an account record was not taken", "from", from, "error", err)
	}
}

// announceRecord sends a record to all devices that are connected now.
func (n *Node) announceRecord(raw []byte) {
	if err := n.history.Announce(raw); err != nil {
		n.log.Error("the account's record cannot be announced", "error", err)
	}
}

// fellows are the accounts that share a group with us without being contacts.
type fellows struct {
	mu   sync.Mutex
	them map[conversation.Account]bool
}

// read takes them anew from the logs.
func (f *fellows) read(logs *logstore.Store) error {
	all, err := logs.Conversations()
	if err != nil {
		return err
	}
	them := map[conversation.Account]bool{}
	for _, s := range all {
		if !s.Me.In() || s.Mode != conversation.Group {
			continue
		}
		members, err := logs.Members(s.ID)
		if err != nil {
			return err
		}
		for _, m := range members {
			if m.Status.In() {
				them[m.Account] = true
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.them = them
	return nil
}

func (f *fellows) all() map[conversation.Account]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.them // never changed, only replaced
}

func (f *fellows) has(a conversation.Account) bool { return f.all()[a] }

// cutOffRevokedInLog ends everything with the devices that a conversation revokes.
func (n *Node) cutOffRevokedInLog(conv conversation.ID) error {
	members, err := n.conversations.Members(conv)
	if err != nil {
		return err
	}
	for _, m := range members {
		record, found := n.directory.Remembered(m.Account)
		if !found {
			continue
		}
		for _, d := range record.Devices {
			if n.logRevoked(m.Account, d.ID) {
				n.history.Drop(d.ID)
				n.deviceRevoked(m.Account, d.ID)
			}
		}
	}
	return nil
}

// hasConversations tells whether there are any that joining an account would lose.
func (n *Node) hasConversations() bool {
	all, err := n.conversations.Conversations()
	return err != nil || slices.ContainsFunc(all, func(s logstore.Summary) bool { return s.Mode != conversation.Own })
}

// beforeRevoking bounds how long what other own devices hold is waited for.
const beforeRevoking = 10 * time.Second

// revokeInLogs writes the revocation of an own device into every conversation, so
// that what it writes from now on counts nowhere. What other own devices hold is
// fetched first, if they are connected: what is not seen now is lost.
func (n *Node) revokeInLogs(ctx context.Context, device peer.ID) error {
	n.fetchFromOwn(ctx, device)
	all, err := n.conversations.Conversations()
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range all {
		if s.Me == membership.None || s.Me == membership.Left || s.Me == membership.Banned {
			continue
		}
		if _, err := n.conversations.Revoke(ctx, s.ID, n.keys.accountKey, n.author(), device); err != nil {
			errs = append(errs, fmt.Errorf("conversation %s: %w", s.ID, err))
		}
	}
	return errors.Join(errs...)
}

// fetchFromOwn brings the logs level with the own devices that are connected, but
// for one.
func (n *Node) fetchFromOwn(ctx context.Context, but peer.ID) {
	ctx, cancel := context.WithTimeout(ctx, beforeRevoking)
	defer cancel()
	for _, device := range n.history.Connected() {
		if device == but || !n.ownDevice(device) {
			continue
		}
		if err := n.history.Sync(ctx, device); err != nil {
			n.log.Warn("the conversations of another own device are not fetched", "device", device, "error", err)
		}
	}
}
