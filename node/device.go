package node

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/internal/store"
)

// notesBlob is where the store keeps what is known of the account's devices beyond
// its record.
const notesBlob = "device-notes"

// minPrefix is how much of a peer ID names a device, after what all of them begin
// with.
const minPrefix = 4

// idStart begins every Ed25519 peer ID.
const idStart = "12D3KooW"

// deviceBook remembers of the account's devices what its record does not say: which
// are keepers, and what the revoked ones were called.
type deviceBook struct {
	store *store.Store
	// learnt is told of every change of a note, after it is stored.
	learnt func(before, after deviceNote)
	// signing orders those who sign the account's record.
	signing sync.Mutex

	mu    sync.Mutex
	notes map[peer.ID]deviceNote // guarded by mu
	told  map[peer.ID]Device     // guarded by mu: as watchers know them
}

type deviceNote struct {
	ID     peer.ID   `json:"id"`
	Name   string    `json:"name"`
	Added  time.Time `json:"added"`
	Keeper bool      `json:"keeper,omitempty"`
	// Revoked: the audit log has told so.
	Revoked bool `json:"revoked,omitempty"`
}

func openDevices(s *store.Store) (*deviceBook, error) {
	b := &deviceBook{store: s, learnt: func(deviceNote, deviceNote) {}, notes: map[peer.ID]deviceNote{}, told: map[peer.ID]Device{}}
	raw, err := s.Blob(notesBlob)
	if err != nil || raw == nil {
		return b, err
	}
	var list []deviceNote
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("what is known of the account's devices: %w", err)
	}
	for _, note := range list {
		b.notes[note.ID] = note
	}
	return b, nil
}

func putNotes(s *store.Store, notes []deviceNote) error {
	raw, err := json.Marshal(notes)
	if err != nil {
		return err
	}
	return s.PutBlob(notesBlob, raw)
}

// note changes what is known of a device.
func (b *deviceBook) note(device peer.ID, change func(*deviceNote)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.notes[device]
	after := before
	after.ID = device
	change(&after)
	if after == before {
		return nil
	}
	b.notes[device] = after
	if err := putNotes(b.store, slices.Collect(maps.Values(b.notes))); err != nil {
		return err
	}
	b.learnt(before, after)
	return nil
}

func (b *deviceBook) noted(device peer.ID) deviceNote {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.notes[device]
}

// keepers lists the devices that hold the account key, as far as is known.
func (b *deviceBook) keepers() (list []peer.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for device, note := range b.notes {
		if note.Keeper {
			list = append(list, device)
		}
	}
	slices.Sort(list)
	return list
}

// changed gives the devices that watchers do not know to be so.
func (b *deviceBook) changed(now []Device) (news []Device) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range now {
		if b.told[d.ID] != d {
			b.told[d.ID] = d
			news = append(news, d)
		}
	}
	return news
}

// noteKeeper remembers that one of our account's devices holds the account key.
func (n *Node) noteKeeper(device peer.ID) error {
	err := n.devices.note(device, func(note *deviceNote) { note.Keeper = true })
	if err == nil {
		n.tellDevices()
	}
	return err
}

// noteRevoked remembers that a device of our account was revoked.
func (n *Node) noteRevoked(device peer.ID) {
	err := n.devices.note(device, func(note *deviceNote) { note.Revoked = true })
	if err != nil {
		n.log.Error("what is known of a device cannot be kept", "device", device, "error", err)
	}
}

// noteNames remembers what devices are called that may be revoked one day.
func (n *Node) noteNames(r *directory.Record) {
	for _, d := range r.Devices {
		err := n.devices.note(d.ID, func(note *deviceNote) { note.Name, note.Added = d.Name, d.Added })
		if err != nil {
			n.log.Error("what is known of a device cannot be kept", "device", d.ID, "error", err)
		}
	}
}

// tellDevices tells watchers of the devices that changed.
func (n *Node) tellDevices() {
	now := n.Devices()
	for _, d := range now {
		if d.Revoked {
			n.noteRevoked(d.ID)
		}
	}
	for _, d := range n.devices.changed(now) {
		n.hub.publish(Event{Time: time.Now(), Device: &d})
	}
}

// Devices lists the account's devices, this one first, revoked ones last.
func (n *Node) Devices() []Device {
	record, found := n.directory.Remembered(n.keys.account)
	if !found {
		return []Device{n.describe(directory.Device{ID: n.keys.id, Name: n.keys.name})}
	}
	list := make([]Device, 0, len(record.Devices)+len(record.Revoked))
	for _, d := range record.Devices {
		list = append(list, n.describe(d))
	}
	for _, id := range record.Revoked {
		note := n.devices.noted(id)
		d := n.describe(directory.Device{ID: id, Name: note.Name, Added: note.Added})
		d.Revoked = true
		list = append(list, d)
	}
	slices.SortFunc(list, compareDevices)
	return list
}

// compareDevices puts this device first, then the others by age, then revoked ones.
func compareDevices(x, y Device) int {
	return cmp.Or(
		compareBool(x.Revoked, y.Revoked),
		compareBool(!x.Self, !y.Self),
		x.Added.Compare(y.Added),
		strings.Compare(string(x.ID), string(y.ID)),
	)
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case y:
		return -1
	default:
		return 1
	}
}

func (n *Node) describe(d directory.Device) Device {
	self := d.ID == n.keys.id
	return Device{
		ID: d.ID, Name: d.Name, Added: d.Added, Self: self,
		Keeper:    self && n.keys.keeper() || n.devices.noted(d.ID).Keeper,
		Revoked:   n.logRevoked(n.keys.account, d.ID),
		Connected: self || n.host.Network().Connectedness(d.ID) == network.Connected,
	}
}

// findDevice takes a device's name, its peer ID or the beginning of that, with or
// without what all peer IDs begin with. A name goes before a beginning.
func findDevice(list []Device, who string) (Device, error) {
	byName := func(d Device) bool { return d.Name == who && !d.Revoked }
	byID := func(d Device) bool { return matchesID(d.ID, who) }
	for _, match := range []func(Device) bool{byName, byID} {
		var found []Device
		for _, d := range list {
			if match(d) {
				found = append(found, d)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return Device{}, fmt.Errorf("%w: %q is %s and %s", ErrAmbiguous, who, found[0].ID, found[1].ID)
		}
	}
	return Device{}, fmt.Errorf("%w: %q", ErrUnknownDevice, who)
}

func matchesID(id peer.ID, who string) bool {
	text := id.String()
	rest, whole := strings.CutPrefix(who, idStart)
	if len(rest) < minPrefix {
		return false
	}
	return strings.HasPrefix(text, who) || !whole && strings.HasPrefix(strings.TrimPrefix(text, idStart), rest)
}

// RevokeDevice takes a device (its name, peer ID or the beginning of that) from
// the account, for ever: what it wrote and no other device has seen is lost, and
// everybody refuses it from then on. Only a keeper may; nobody revokes the device
// he is on. To revoke a device that is a keeper keeps honest people out, not a
// thief, who has the account key. An error after the record was signed says what
// could not be done besides; to call it again does the rest. Errors: ErrNotKeeper,
// ErrThisDevice, or those of a device.
func (n *Node) RevokeDevice(ctx context.Context, who string) (Device, error) {
	if !n.keys.keeper() {
		return Device{}, ErrNotKeeper
	}
	d, err := findDevice(n.Devices(), who)
	if err != nil {
		return Device{}, err
	}
	if d.Self {
		return d, ErrThisDevice
	}
	if _, err := n.signRecord(ctx, func(r *directory.Record) error { revokeIn(r, d.ID); return nil }); err != nil {
		return d, fmt.Errorf("revoke %s: %w", d.ID, err)
	}
	n.cutOff(n.keys.account, d.ID)
	d.Revoked, d.Connected = true, false
	n.tellDevices()
	if err := n.revokeInLogs(ctx, d.ID); err != nil {
		return d, fmt.Errorf("%s is revoked, but not yet in every conversation: %w", d.ID, err)
	}
	return d, nil
}
