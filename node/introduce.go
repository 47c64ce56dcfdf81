package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/signalling"
)

// kindContact is the signalling kind of contact requests.
const kindContact = "contact"

const (
	introduceFirst = time.Second      // pause after the first failure
	introduceMost  = time.Minute      // longest pause between deliveries
	introducePoll  = 30 * time.Second // pause between questions to one who has not decided
	introduceTry   = 20 * time.Second // one delivery to one device
	maxTold        = 16               // contacts that are told of our devices at once
)

// contactMessage asks the other account to be a contact; sent again it asks
// whether that has been accepted. JSON, sealed and signed by signalling.
type contactMessage struct {
	// Name is what the sender calls itself, at most 64 bytes.
	Name string `json:"name"`
	// Record is the sender's signed account record, which proves that the
	// signing device belongs to the account.
	Record []byte `json:"record"`
}

// contactAnswer tells the asker where he stands: "pending" or "accepted".
type contactAnswer struct {
	State ContactState `json:"state"`
	// Record is the answerer's signed account record, for one who is accepted.
	Record []byte `json:"record,omitempty"`
}

// introductions holds one courier for every contact that is still to be told.
type introductions struct {
	mu       sync.Mutex
	couriers map[conversation.Account]*courier
	running  sync.WaitGroup
}

type courier struct{ cancel context.CancelFunc }

// introduce makes sure that the account hears of us: a courier asks each of
// its devices, ever more slowly, until one answers that both have accepted.
func (n *Node) introduce(a conversation.Account) {
	i := &n.introductions
	i.mu.Lock()
	defer i.mu.Unlock()
	if n.ctx.Err() != nil {
		return
	}
	if old := i.couriers[a]; old != nil {
		old.cancel()
	}
	ctx, cancel := context.WithCancel(n.ctx)
	c := &courier{cancel}
	if i.couriers == nil {
		i.couriers = map[conversation.Account]*courier{}
	}
	i.couriers[a] = c
	i.running.Add(1)
	go func() {
		defer i.running.Done()
		defer i.done(a, c)
		n.carry(ctx, a)
	}()
}

func (i *introductions) done(a conversation.Account, c *courier) {
	i.mu.Lock()
	defer i.mu.Unlock()
	c.cancel()
	if i.couriers[a] == c {
		delete(i.couriers, a)
	}
}

func (i *introductions) stop(a conversation.Account) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if c := i.couriers[a]; c != nil {
		c.cancel()
	}
}

// carry delivers until both sides have accepted, or ctx ends.
func (n *Node) carry(ctx context.Context, a conversation.Account) {
	pause := introduceFirst
	for {
		state, err := n.deliverRequest(ctx, a)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			n.log.Debug("contact request not delivered yet", "account", a, "error", err)
		case state == Accepted:
			n.settle(a)
			return
		default:
			pause = max(pause, introducePoll)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			pause = min(2*pause, introduceMost)
		}
	}
}

// deliverRequest asks the account's devices; the first answer counts.
func (n *Node) deliverRequest(ctx context.Context, a conversation.Account) (ContactState, error) {
	record, err := n.directory.Lookup(ctx, a)
	if err != nil {
		return "", fmt.Errorf("look up the account: %w", err)
	}
	err = errors.New("the account has no device")
	for _, device := range record.Devices {
		if n.isRevoked(a, device.ID) {
			continue
		}
		var answer contactAnswer
		if answer, err = n.askContact(ctx, device.ID); err == nil {
			return answer.State, nil
		}
	}
	return "", err
}

// askContact asks one device.
func (n *Node) askContact(ctx context.Context, device peer.ID) (answer contactAnswer, err error) {
	record := n.accountRecord()
	if record == nil {
		return answer, errors.New("our account's record is not known yet")
	}
	payload, err := json.Marshal(contactMessage{Name: n.keys.name, Record: record})
	if err != nil {
		return answer, err
	}
	raw, err := n.requestWithin(ctx, introduceTry, device, kindContact, payload)
	if err != nil {
		return answer, err
	}
	return answer, json.Unmarshal(raw, &answer)
}

// tellContacts gives the account's newest record to every device of every contact
// that is there: one that was linked is heard at once, one that was revoked is heard
// no more. Whoever is not there finds the record on the DHT.
func (n *Node) tellContacts() {
	slots := make(chan struct{}, maxTold)
	for _, c := range n.contacts.all() {
		if c.State == Accepted {
			n.goRun(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				n.tellContact(c.Account)
			})
		}
	}
}

func (n *Node) tellContact(a conversation.Account) {
	record, err := n.directory.Lookup(n.ctx, a)
	if err != nil {
		n.log.Debug("a contact is not told of our devices", "account", a, "error", err)
		return
	}
	var asked sync.WaitGroup
	for _, device := range record.Devices[:min(len(record.Devices), maxOwnDevices)] {
		asked.Go(func() {
			if _, err := n.askContact(n.ctx, device.ID); err != nil {
				n.log.Debug("a contact's device is not told of our devices", "device", device.ID, "error", err)
			}
		})
	}
	asked.Wait()
}

// settle notes that the other side has accepted what we asked for.
func (n *Node) settle(a conversation.Account) {
	var changed bool
	c, err := n.contacts.change(a, func(c *Contact) error {
		if changed = c.State == Requested; changed {
			c.State = Accepted
		}
		if c.State == "" {
			return ErrUnknownContact // removed meanwhile
		}
		return nil
	})
	if err == nil && changed {
		n.publishContact(c)
	}
}

// handleContact answers a contact request. A stranger's is kept for the user to
// see; one that we asked ourselves, or met by a code, is thereby accepted on both
// sides.
func (n *Node) handleContact(ctx context.Context, r signalling.Request) ([]byte, error) {
	m, err := n.readContactMessage(r)
	if err != nil {
		return nil, err
	}
	c, met, err := n.paired(ctx, r, m)
	if !met {
		c, err = n.takeRequest(r, m)
	}
	if err != nil {
		return nil, err
	}
	answer := contactAnswer{State: c.State}
	if c.State == Accepted {
		answer.Record = n.accountRecord()
	}
	return json.Marshal(answer)
}

// errTurnedDown: the user has refused the request before.
var errTurnedDown = errors.New("the request was refused before")

// takeRequest gives where the account stands now. One that was refused hears the same
// as one that waits, and nothing of it is kept.
func (n *Node) takeRequest(r signalling.Request, m contactMessage) (Contact, error) {
	var changed bool
	c, err := n.contacts.ask(r.Account, func(c *Contact) {
		before := *c
		switch c.State {
		case "", Pending:
			c.State, c.Name = Pending, m.Name
		case Requested:
			c.State = Accepted
		}
		changed = *c != before
	})
	if errors.Is(err, errTurnedDown) {
		return Contact{Account: r.Account, State: Pending}, nil
	}
	if err != nil {
		return c, err
	}
	if _, err := n.directory.Learn(m.Record); err != nil { // not before: the records of strangers are bounded like their requests
		return c, err
	}
	if changed {
		n.publishContact(c)
	}
	return c, nil
}

// readContactMessage checks that the newest record of the account that is known,
// be it the one in the message, lists the device that signed the request: a
// device that was revoked may still have a record from before.
func (n *Node) readContactMessage(r signalling.Request) (contactMessage, error) {
	var m contactMessage
	if err := json.Unmarshal(r.Payload, &m); err != nil {
		return m, fmt.Errorf("contact request: %w", err)
	}
	m.Name = strings.TrimSpace(m.Name)
	if m.Name == "" || len(m.Name) > maxName || !utf8.ValidString(m.Name) {
		return m, fmt.Errorf("contact request: the name is empty, longer than %d bytes or not UTF-8", maxName)
	}
	if r.Account == n.keys.account {
		return m, fmt.Errorf("contact request: %w", ErrOwnAccount)
	}
	record, err := directory.ParseRecord(m.Record)
	if err != nil {
		return m, fmt.Errorf("contact request: %w", err)
	}
	if known, found := n.directory.Remembered(r.Account); found && known.Seq > record.Seq {
		record = known
	}
	if record.Account != r.Account || !record.Has(r.From) || n.logRevoked(r.Account, r.From) {
		return m, errors.New("contact request: the account's record does not list the device that signed the request")
	}
	return m, nil
}

// introduceAll resumes, after a start, what was under way.
func (n *Node) introduceAll() {
	for _, c := range n.contacts.all() {
		if c.State == Requested {
			n.introduce(c.Account)
		}
	}
}
