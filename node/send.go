package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/signalling"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// SendFile is SendFiles for one path.
func (n *Node) SendFile(ctx context.Context, path, ref string) (Transfer, error) {
	return n.SendFiles(ctx, []string{path}, ref)
}

// SendFiles writes what lies at paths into a conversation, named as in SendMessage (a
// contact's alias or account, a group's name, the beginning of an id), and offers it
// to every device of every other member: one regular file, a folder with all that it
// contains, or several of them that lie in the same folder, as a folder. It returns as
// soon as the transfer is queued; what becomes of it is told as events. The files must
// stay as they are, where they are, for as long as others are to get them from here.
func (n *Node) SendFiles(ctx context.Context, paths []string, ref string) (Transfer, error) {
	s, err := n.sendable(ref)
	if err != nil {
		return Transfer{}, err
	}
	source, err := sourceAt(ctx, paths)
	if err != nil {
		return Transfer{}, err
	}
	file := source.file
	ctx, cancel := context.WithCancel(n.ctx) // the transfer's
	other, _ := n.otherOf(s)
	e := &entry{cancel: cancel, stops: map[peer.ID]func(){}, Transfer: Transfer{
		ID: newTransferID(), Direction: Outgoing, Conversation: s.ID, Contact: n.titleOf(s), Account: other,
		Name: filexfer.SafeName(file.Name), File: source.path, Size: file.Size, Manifest: file.Manifest, State: filexfer.Created,
	}}
	if err := n.transfers.begin(e); err != nil {
		cancel()
		return Transfer{}, err
	}
	t := e.Transfer
	if !n.goRun(func() { defer cancel(); n.deliver(ctx, t, source) }) {
		cancel()
		return t, ErrClosed
	}
	return t, nil
}

// sendable finds the conversation that a file is to go to.
func (n *Node) sendable(ref string) (logstore.Summary, error) {
	if c, err := n.contacts.find(ref); err == nil && c.State != Accepted {
		return logstore.Summary{}, fmt.Errorf("%w: %s is %s", ErrNotAccepted, c.Name, c.State)
	}
	s, err := n.writable(ref)
	if errors.Is(err, ErrUnknownConversation) {
		return s, fmt.Errorf("%w, and no conversation either: %q", ErrUnknownContact, ref)
	}
	if err != nil {
		return s, err
	}
	if s, err = n.conversations.Summary(s.ID); err == nil && !s.Me.In() {
		err = fmt.Errorf("%w: you are not a member of %s", ErrNotAllowed, n.titleOf(s))
	}
	return s, err
}

// titleOf is how people here call a conversation.
func (n *Node) titleOf(s logstore.Summary) string {
	if other, paired := n.otherOf(s); paired {
		return n.called(other)
	}
	return s.Name
}

// deliver announces the file in the conversation and offers it to everybody there,
// both at once.
func (n *Node) deliver(ctx context.Context, t Transfer, s source) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := n.announce(ctx, t, s, cancel)
	err := n.offer(ctx, t, a)
	<-a.done
	n.transfers.endSending(t.ID, cmp.Or(a.err, err))
	n.sumLater()
}

// stoppedBy makes an error that the end of ctx brought about one of a cancel.
func stoppedBy(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("%w here before it was offered to anybody", filexfer.ErrCancelled)
}

// newTID draws the number that Jami gives a transfer: 1 to 2^53-1.
func newTID() string {
	var raw [8]byte
	rand.Read(raw[:])
	return strconv.FormatUint(1+binary.BigEndian.Uint64(raw[:])%(1<<53-1), 10)
}

// offer asks every device of every other member, and returns when all have ended.
func (n *Node) offer(ctx context.Context, t Transfer, a *announcement) error {
	accounts, err := n.recipients(t.Conversation)
	if err != nil {
		return err
	}
	if len(accounts) == 0 {
		return &filexfer.Error{State: filexfer.Unjoinable, Op: "offer", Err: fmt.Errorf("%w: nobody else is a member of %s yet; the file is in the conversation", filexfer.ErrUnjoinable, t.Contact)}
	}
	n.step(t, PhaseLookup, "asking the DHT for the devices of "+t.Contact)
	parts := n.partsFor(ctx, accounts)
	n.transfers.addParts(t.ID, parts)
	var running sync.WaitGroup
	slots := make(chan struct{}, maxReached)
	for _, p := range parts {
		running.Go(func() { n.offerPart(ctx, t, a, p, slots) })
	}
	running.Wait()
	return nil
}

// recipients are the accounts that a file of a conversation goes to.
func (n *Node) recipients(conv conversation.ID) (accounts []conversation.Account, err error) {
	s, err := n.conversations.Summary(conv)
	if err != nil {
		return nil, err
	}
	if other, paired := n.otherOf(s); paired {
		return []conversation.Account{other}, nil
	}
	members, err := n.conversations.Members(conv)
	for _, m := range members {
		if m.Status.In() && m.Account != n.keys.account {
			accounts = append(accounts, m.Account)
		}
	}
	return accounts, err
}

// partsFor looks up the devices of accounts. One whose devices cannot be found has a
// part without, whose Reason says why.
func (n *Node) partsFor(ctx context.Context, accounts []conversation.Account) (parts []Part) {
	found := make([][]Part, len(accounts))
	var running sync.WaitGroup
	for i, a := range accounts {
		running.Go(func() {
			devices, err := n.devicesOf(ctx, a)
			if err != nil {
				found[i] = []Part{{Account: a, Contact: n.called(a), Reason: unreached(err)}}
			}
			for _, device := range devices {
				found[i] = append(found[i], Part{Device: device, Account: a, Contact: n.called(a)})
			}
		})
	}
	running.Wait()
	return slices.Concat(found...)
}

// offerPart reaches one device and hands the file to filexfer.
func (n *Node) offerPart(ctx context.Context, t Transfer, a *announcement, p Part, slots chan struct{}) {
	change := func(f func(*Part)) { n.transfers.changePart(t.ID, p.Device, p.Account, f) }
	if p.Device == "" {
		change(func(q *Part) { q.State, q.Code = filexfer.Unjoinable, EndUnjoinable })
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.transfers.change(t.ID, func(e *entry) { e.stops[p.Device] = cancel })
	slots <- struct{}{}
	err := n.reach(ctx, p.Device)
	<-slots
	if err != nil {
		err = n.explained(p.Device, t.Created, err)
		change(func(q *Part) { q.miss(ctx, err) })
		return
	}
	defer n.protect(p.Device, t.ID)()
	file, err := a.offerable()
	if err == nil {
		_, err = n.files.Send(ctx, p.Device, file) // observeTransfer is told of each step
	}
	change(func(q *Part) { q.fail(err) })
}

// miss ends a part whose device was not reached.
func (p *Part) miss(ctx context.Context, err error) {
	if ctx.Err() != nil {
		p.State, p.Code, p.Reason = filexfer.ClosedByHost, EndCancelled, "cancelled here before a connection stood"
		return
	}
	p.State, p.Code, p.Reason = filexfer.Unjoinable, EndUnjoinable, unreached(err)
}

// devicesOf gives an account's devices. Those that are remembered count while the
// directory vouches for one of them.
func (n *Node) devicesOf(ctx context.Context, a conversation.Account) (devices []peer.ID, err error) {
	record, found := n.directory.Remembered(a)
	if !found || len(record.Devices) == 0 || n.directory.Check(ctx, a, record.Devices[0].ID) != nil {
		if _, err := n.directory.Lookup(ctx, a); err != nil {
			return nil, fmt.Errorf("look up the devices of %s: %w", n.called(a), err)
		}
	}
	if devices, found = n.rememberedDevices(a); !found {
		return nil, ErrUnknownContact // removed meanwhile
	}
	if len(devices) == 0 {
		return nil, fmt.Errorf("%s has no device", n.called(a))
	}
	return devices, nil
}

// maxReached is how many devices a transfer tries to reach at once.
const maxReached = 8

// explained says more about a failure than the dial did, if the device answered
// and yet no path was found.
func (n *Node) explained(device peer.ID, since time.Time, err error) error {
	last, found := n.ice.LastNegotiation(device)
	if !found || last.Started.Before(since) || last.Path != nil || len(last.Remote) == 0 {
		return err
	}
	err = fmt.Errorf("%w: the device answered, but none of its %d addresses can be reached from here, nor any of ours from there", errNoPath, len(last.Remote))
	if n.relay == nil {
		return fmt.Errorf("%w; a TURN server on either side would help", err)
	}
	for _, server := range n.relay.Servers() {
		if server.Err != nil {
			return fmt.Errorf("%w; the TURN server %s lends no address: %w", err, server.URL, server.Err)
		}
	}
	return err
}

// errNoPath: both devices tried, and no pair of addresses connects.
var errNoPath = errors.New("no path")

// unreached says why nobody was reached, in words for people.
func unreached(err error) string {
	if errors.Is(err, errNoPath) {
		return err.Error()
	}
	for _, known := range []struct {
		err  error
		text string
	}{
		{signalling.ErrNoServer, "no node of the DHT could be reached to leave the offer at"},
		{signalling.ErrNoAnswer, "the device did not answer; it is probably not running or not connected"},
		{signalling.ErrRefused, "the device refused the connection"},
		{directory.ErrUnreachable, "the DHT cannot be reached"},
		{directory.ErrNotFound, "the DHT knows no device of this account; has it been running in the last two days?"},
		{context.DeadlineExceeded, fmt.Sprintf("the device did not answer within %s", connectTimeout)},
	} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	return err.Error()
}

// protect keeps the connection manager from closing what a transfer needs.
func (n *Node) protect(device peer.ID, transfer string) (release func()) {
	n.host.ConnManager().Protect(device, transfer)
	return func() { n.host.ConnManager().Unprotect(device, transfer) }
}
