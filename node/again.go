package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/node/internal/holdings"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/folder"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
)

// A wanted file is an incoming transfer of a conversation's file that has not ended
// and that nobody offers: it was missed, or its transfer broke. This file ties those
// to protocols/rerequest, which asks for them, and tells rerequest what is held here
// and who may have it.

// startAsking makes what files are asked again with.
func (n *Node) startAsking() (err error) {
	n.pulls = newPulls(n)
	n.onClose("files that are pulled", n.pulls.Close)
	n.again, err = rerequest.New(reachingStreams{n}, rerequest.Config{
		Book: heldBook{n}, Directory: readers{n}, Files: n.pulls, Self: n.host.ID(), Links: n.more, Retry: n.settings.askRetry,
		Observe: n.observeAsking, Logger: n.logger("rerequest"),
	})
	if err != nil {
		return err
	}
	n.Mount(n.again)
	return nil
}

// askAgain wants what was wanted when the node last stopped.
func (n *Node) askAgain() {
	for _, t := range n.transfers.all() {
		if !t.Ended && t.recoverable() {
			n.transfers.change(t.ID, func(e *entry) { e.cancel = func() { n.forget(t.ID) } })
			n.want(t.ID)
		}
	}
}

// recoverable tells whether the file can be asked for again, and where it is to go
// is known.
func (t Transfer) recoverable() bool {
	return t.Direction == Incoming && !t.Entry.IsZero() && (t.Sum != "" || t.Tree != "") && t.File != ""
}

// goal is where the file of an accepted transfer is to lie.
func (n *Node) goal(t Transfer) filexfer.Target {
	target := filexfer.Target{
		Dir: filepath.Dir(t.File), Name: filepath.Base(t.File), Size: t.Size, ID: t.ID, Exact: t.exact, Sum: t.Sum, Root: t.Tree,
		Reserve: n.reserve,
	}
	if t.Manifest > 0 {
		target.Place = n.placeOf(t)
	}
	return target
}

// want asks for the file of a transfer until it is there.
func (n *Node) want(id string) {
	n.goRun(func() {
		t, found := n.transfers.get(id)
		if !found || t.Ended || n.lieThere(t) {
			return
		}
		n.transfers.change(id, func(e *entry) { e.Bytes = filexfer.PartSize(n.goal(t)) })
		err := n.again.Want(rerequest.Want{Conversation: t.Conversation.String(), Interaction: t.Entry.String(), Target: n.goal(t)})
		if err != nil && !errors.Is(err, rerequest.ErrWanted) && n.ctx.Err() == nil {
			n.transfers.change(id, func(e *entry) { e.State, e.Code, e.Reason = endOf(err) })
		}
		if now, found := n.transfers.get(id); !found || now.Ended { // cancelled meanwhile
			n.again.Forget(t.Conversation.String(), t.Entry.String())
		}
	})
}

// lieThere ends a wanted file's transfer if the file lies here: it came in the moment
// before the node was killed, or from elsewhere.
func (n *Node) lieThere(t Transfer) bool {
	path := t.File
	wanted := conversation.File{TotalSize: t.Size, SHA3Sum: t.Sum, SHA3Tree: t.Tree, Manifest: t.Manifest}
	if _, err := n.heldAs(n.ctx, wanted, t.Conversation, t.Entry); err == nil {
		h, err := n.held.Get(t.Conversation, t.Entry)
		if err != nil {
			return false
		}
		path = h.Path
	} else if found, err := n.hasArrived(n.ctx, t); !found || err != nil {
		return false
	}
	n.removePart(t) // of a file that just got its name, what tells of its units
	n.transfers.change(t.ID, func(e *entry) { e.State, e.Bytes, e.File = filexfer.Finished, e.Size, path })
	return true
}

// forget ends a wanted transfer as its user wishes.
func (n *Node) forget(id string) {
	n.giveUp(id, EndCancelled, "cancelled here")
}

// giveUp tells rerequest first: it would ask the next device when the transfer ends.
func (n *Node) giveUp(id string, code EndCode, reason string) {
	n.endWanted(id, filexfer.ClosedByHost, code, reason)
}

func (n *Node) endWanted(id string, state filexfer.State, code EndCode, reason string) {
	t, offers := n.transfers.broughtBy(id)
	n.transfers.change(id, func(e *entry) { e.State, e.Code, e.Reason = state, code, reason })
	forgotten := n.again.Forget(t.wantedAs())
	for _, offer := range offers {
		n.files.Cancel(offer)
	}
	if !forgotten && len(offers) == 0 {
		n.removePart(t)
	}
}

// wantedAs is what rerequest knows a wanted file by: its entry, or while that is not known
// the name of its part.
func (t Transfer) wantedAs() (conversation, interaction string) {
	if t.Entry.IsZero() {
		return "", t.ID
	}
	return t.Conversation.String(), t.Entry.String()
}

// dropWithdrawn gives up the wanted and waiting files of a conversation that their
// author has taken back; and those that were offered for an entry before it came, which
// is now there and tells of another file, or is of another author.
func (n *Node) dropWithdrawn(conv conversation.ID) error {
	for _, t := range n.transfers.all() {
		if t.Ended || t.Direction != Incoming || t.Conversation != conv {
			continue
		}
		m, err := n.conversations.Message(conv, t.Entry)
		if errors.Is(err, logstore.ErrUnknownEntry) {
			continue
		}
		if err != nil {
			return err
		}
		code, reason := EndWithdrawn, ErrWithdrawn.Error()
		if f, err := fileOf(m); err == nil {
			if m.Entry.Account == t.Account && t.isOf(f) {
				continue
			}
			code, reason = EndFailed, notThatFile
		}
		if t.State == filexfer.AwaitingHost {
			n.decide(t.ID, decision{err: &filexfer.Refusal{Reason: reason}})
		} else if t.recoverable() {
			n.giveUp(t.ID, code, reason)
		}
	}
	return nil
}

// autoAge is how old a file may be that a device gets without being told to.
const autoAge = 7 * 24 * time.Hour

// autoWait is how long the author of a file has to offer it himself.
const autoWait = 20 * time.Second

// observeAsking shows what rerequest does for a wanted file.
func (n *Node) observeAsking(e rerequest.Event) {
	if e.Kind == rerequest.Summed {
		n.bind(e)
		return
	}
	conv, err := conversation.ParseID(e.Conversation)
	if err != nil {
		return
	}
	id, err := conversation.ParseID(e.Interaction)
	if err != nil {
		return
	}
	t, found := n.transfers.coming(conv, id)
	if !found {
		return
	}
	switch e.Kind {
	case rerequest.Asked:
		n.step(t, PhaseAsk, fmt.Sprintf("asked %s", n.whose(e.Device)))
	case rerequest.Denied:
		n.step(t, PhaseAsk, fmt.Sprintf("%s: %v", n.whose(e.Device), e.Err))
	case rerequest.Claimed:
		n.transfers.bring(t.ID, *e.Offer)
	case rerequest.Freed:
		switch {
		case hopeless(e.Err):
			n.endWanted(t.ID, filexfer.InvalidPath, EndBadPath, e.Err.Error())
		case errors.Is(e.Err, ErrNoSpace):
			n.step(t, PhaseAsk, fmt.Sprintf("waits for room on the disk: %v", e.Err))
		}
	case rerequest.Linked:
		n.step(t, PhaseLink, fmt.Sprintf("one more connection to %s", n.whose(e.Device)))
	case rerequest.Progress:
		n.transfers.change(t.ID, func(x *entry) { x.Bytes = e.Have })
	case rerequest.Done:
		n.arrived(t, e)
	}
}

// hopeless tells whether a folder cannot be had from anybody, as it is or is wanted.
func hopeless(err error) bool {
	return errors.Is(err, folder.ErrManifest) || errors.Is(err, folder.ErrLimit) || errors.Is(err, folder.ErrNoMatch)
}

// arrived notes that a wanted file lies here, whole and verified.
func (n *Node) arrived(t Transfer, e rerequest.Event) {
	t.File = e.Path
	if err := n.holdSurely(e.Path, func() error { return n.holdWanted(t, e.Tree) }); err != nil {
		n.log.Error("a file that came cannot be given to others", "file", e.Path, "error", err)
	}
	n.transfers.change(t.ID, func(x *entry) { x.State, x.Bytes, x.File = filexfer.Finished, x.Size, e.Path })
	n.sumLater()
}

// whose says whose device it is.
func (n *Node) whose(device peer.ID) string {
	if account, known := n.accountOf(device); known {
		return fmt.Sprintf("%s's device %s", n.called(account), short(device))
	}
	return short(device)
}

// short is the end of a device's id, by which people tell devices apart.
func short(device peer.ID) string {
	text := device.String()
	return "…" + text[max(0, len(text)-8):]
}

// coming finds the transfer by which a file is to come, if one is under way.
func (b *transferBook) coming(conv, entry conversation.ID) (Transfer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.list {
		if e.Direction == Incoming && !e.Ended && e.Conversation == conv && e.Entry == entry {
			return e.Transfer, true
		}
	}
	return Transfer{}, false
}

// bring ties an offer to the transfer of the wanted file that it brings.
func (b *transferBook) bring(id string, o filexfer.Offer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.byID[id]; e != nil && !e.Ended {
		b.offers[o.ID] = id
	}
}

// broughtBy gives a wanted file's transfer and the offers that bring it now.
func (b *transferBook) broughtBy(id string) (t Transfer, offers []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.byID[id]; e != nil {
		t = e.Transfer
	}
	return t, b.offersLocked(id)
}

// bringsNoMore notes the end of an offer of a wanted file.
func (b *transferBook) bringsNoMore(offer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.offers, offer)
}

// offersLocked gives the offers that bring a wanted file now.
func (b *transferBook) offersLocked(id string) (offers []string) {
	for offer, of := range b.offers {
		if of == id {
			offers = append(offers, offer)
		}
	}
	return offers
}

// brings gives the transfer that an offer belongs to: its own mostly.
func (b *transferBook) brings(offer string) (id string, wanted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bringsLocked(offer)
}

func (b *transferBook) bringsLocked(offer string) (id string, wanted bool) {
	if id, wanted = b.offers[offer]; wanted {
		return id, true
	}
	return offer, false
}

// reachingStreams opens streams to devices, connecting first where it must.
type reachingStreams struct{ n *Node }

func (r reachingStreams) NewStream(ctx context.Context, p peer.ID, pids ...protocol.ID) (network.Stream, error) {
	if r.n.host.Network().Connectedness(p) != network.Connected {
		if err := r.n.reach(ctx, p); err != nil {
			return nil, err
		}
	}
	return promptStreams{r.n.host}.NewStream(ctx, p, pids...)
}

// heldBook is what rerequest may serve.
type heldBook struct{ n *Node }

func (b heldBook) Held(ctx context.Context, conv, interaction string) (filexfer.File, error) {
	id, err := conversation.ParseID(conv)
	if err != nil {
		return filexfer.File{}, rerequest.ErrUnknownConversation
	}
	entry, err := conversation.ParseID(interaction)
	if err != nil {
		return filexfer.File{}, rerequest.ErrUnknownEntry
	}
	m, err := b.n.conversations.Message(id, entry)
	switch {
	case errors.Is(err, logstore.ErrUnknownConversation):
		return filexfer.File{}, rerequest.ErrUnknownConversation
	case errors.Is(err, logstore.ErrUnknownEntry):
		return filexfer.File{}, rerequest.ErrUnknownEntry
	case err != nil:
		return filexfer.File{}, err
	}
	announced, err := fileOf(m)
	switch {
	case errors.Is(err, ErrNotAFile):
		return filexfer.File{}, rerequest.ErrNotAFile
	case err != nil:
		return filexfer.File{}, rerequest.ErrNotHeld
	}
	return b.n.heldAs(ctx, announced, id, entry)
}

// heldAs gives the file that lies here if it is the announced one.
func (n *Node) heldAs(ctx context.Context, announced conversation.File, conv, entry conversation.ID) (filexfer.File, error) {
	f, err := n.held.File(ctx, conv, entry)
	switch {
	case errors.Is(err, holdings.ErrNotHeld), errors.Is(err, holdings.ErrGone):
		return f, rerequest.ErrNotHeld
	case errors.Is(err, holdings.ErrChanged):
		return f, rerequest.ErrChanged
	case err != nil:
		return f, err
	case !(Transfer{Size: f.Size, Sum: f.Sum, Tree: f.Root, Manifest: f.Manifest}).isOf(announced):
		return f, rerequest.ErrChanged
	}
	f.Name = announced.DisplayName
	return f, nil
}

// readers are the devices that may have the files of conversations: those of members.
type readers struct{ n *Node }

func (r readers) Check(_ context.Context, conv string, device peer.ID) error {
	id, err := conversation.ParseID(conv)
	if err != nil {
		return rerequest.ErrUnknownConversation
	}
	s, err := r.n.conversations.Summary(id)
	if errors.Is(err, logstore.ErrUnknownConversation) || err == nil && (s.Mode == conversation.Own || !s.Me.In()) {
		return rerequest.ErrUnknownConversation
	}
	if err != nil {
		return err
	}
	account, known := r.n.accountOf(device)
	if !known {
		return rerequest.ErrNotMember
	}
	if account == r.n.keys.account {
		return nil
	}
	if r.n.logRevoked(account, device) {
		return rerequest.ErrRevoked
	}
	status, err := r.n.conversations.Status(id, account)
	if other, paired := r.n.otherOf(s); err == nil && !status.In() && (!paired || other != account) {
		return rerequest.ErrNotMember
	}
	return err
}

func (r readers) Devices(_ context.Context, conv string) (devices []peer.ID, err error) {
	id, err := conversation.ParseID(conv)
	if err != nil {
		return nil, rerequest.ErrUnknownConversation
	}
	accounts, err := r.n.recipients(id)
	if errors.Is(err, logstore.ErrUnknownConversation) {
		return nil, rerequest.ErrUnknownConversation
	}
	for _, a := range append(accounts, r.n.keys.account) {
		known, _ := r.n.rememberedDevices(a)
		devices = append(devices, known...)
	}
	return devices, err
}
