package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/internal/store"
)

const (
	// signedBlob is where the store keeps the last record that this keeper signed.
	signedBlob = "signed-record"
	// maxAhead is how far in the future our own record may be dated; DHT nodes refuse
	// one that was signed while the clock was wrong.
	maxAhead = time.Hour
	// maxOwnDevices bounds the devices that are linked: the record must fit in a
	// contact request with as many revoked devices as there can be.
	maxOwnDevices = 24
)

// recordMemory is the directory's memory. It tells of records that are newer than
// what was known, whichever way they came.
type recordMemory struct {
	*store.Store
	learned func(raw []byte)
}

var _ directory.Memory = recordMemory{}

// SaveRecord is called under the directory's lock, so learned must not ask it.
func (m recordMemory) SaveRecord(key string, raw []byte) error {
	if err := m.Store.SaveRecord(key, raw); err != nil {
		return err
	}
	m.learned(raw)
	return nil
}

// learned looks, behind the directory's back, at a record that is new.
func (n *Node) learned(raw []byte) {
	n.goRun(func() {
		r, err := directory.ParseRecord(raw)
		if err != nil {
			return // a device's record
		}
		n.cutOffRevoked(r)
		if r.Account == n.keys.account {
			n.ownRecordLearned(r)
		}
	})
}

// ownRecordLearned keeps the account's newest record on the DHT, mends it if it
// lacks what this keeper signed, and tells who is to know.
func (n *Node) ownRecordLearned(r *directory.Record) {
	n.noteNames(r)
	if n.keys.keeper() {
		if err := n.mendRecord(); err != nil {
			n.log.Error("the account's record cannot be signed", "error", err)
		}
	}
	if err := n.directory.Publish(r.Raw); err != nil {
		n.log.Error("the account's record cannot be published", "error", err)
	}
	n.announceRecord(r.Raw)
	n.tellDevices()
	if slices.Contains(r.Revoked, n.keys.id) {
		n.log.Error("this device was revoked by its account")
	}
}

// publishRecord puts the account's record on the DHT: the newest known, signed anew
// if this is a keeper and it does not say what is true. A device that is no keeper
// and has lost the record waits until it finds it on the DHT.
func (n *Node) publishRecord() error {
	if n.keys.keeper() {
		if err := n.renewRecord(); err != nil {
			return fmt.Errorf("sign the account's record: %w", err)
		}
	}
	raw := n.accountRecord()
	if raw == nil {
		n.log.Warn("the account's record is not known; looking for it")
		return nil
	}
	return n.directory.Publish(raw)
}

// accountRecord gives the newest known record of our account; nil if there is none.
func (n *Node) accountRecord() []byte {
	if r, found := n.directory.Remembered(n.keys.account); found {
		return r.Raw
	}
	return nil
}

// renewRecord signs the account's record anew unless the newest lists this device
// under its present name and all else that this keeper knows.
func (n *Node) renewRecord() error {
	n.devices.signing.Lock()
	defer n.devices.signing.Unlock()
	known, next := n.knownRecord()
	if slices.Contains(next.Revoked, n.keys.id) {
		return nil
	}
	listed, is := next.Device(n.keys.id)
	current := is && listed.Name == n.keys.name
	if known != nil && current && covers(known, next) && known.Issued.Before(time.Now().Add(maxAhead)) {
		return nil
	}
	if !current {
		next.Devices = withDevice(next.Devices, directory.Device{ID: n.keys.id, Name: n.keys.name, Added: listed.Added})
	}
	_, err := n.signLocked(known, next)
	return err
}

// mendRecord signs the record anew if the newest lacks what this keeper signed:
// another keeper signed at the same time, not knowing of it.
func (n *Node) mendRecord() error {
	n.devices.signing.Lock()
	defer n.devices.signing.Unlock()
	known, next := n.knownRecord()
	if known == nil || covers(known, next) || slices.Contains(next.Revoked, n.keys.id) {
		return nil
	}
	_, err := n.signLocked(known, next)
	return err
}

// signRecord signs the account's next record as change makes it, keeps it on the
// DHT and announces it. The newest record is looked up first, as far as that is
// possible, for another keeper may have signed since.
func (n *Node) signRecord(ctx context.Context, change func(*directory.Record) error) (*directory.Record, error) {
	if !n.keys.keeper() {
		return nil, ErrNotKeeper
	}
	n.devices.signing.Lock()
	defer n.devices.signing.Unlock()
	if _, err := n.directory.Lookup(ctx, n.keys.account); err != nil && ctx.Err() != nil {
		return nil, err
	}
	known, next := n.knownRecord()
	if slices.Contains(next.Revoked, n.keys.id) {
		return nil, ErrRevoked
	}
	if err := change(&next); err != nil {
		return nil, err
	}
	signed, err := n.signLocked(known, next)
	if err == nil {
		n.tellContacts()
	}
	return signed, err
}

// knownRecord gives the newest record, nil if there is none, and what the next one
// says at least: all of it, and of what this keeper signed last.
func (n *Node) knownRecord() (known *directory.Record, next directory.Record) {
	known, found := n.directory.Remembered(n.keys.account)
	if !found {
		known = nil
	}
	signed, err := n.lastSigned()
	if err != nil {
		n.log.Error("the record that was signed last is not usable", "error", err)
	}
	return known, mergeRecords(known, signed)
}

// lastSigned gives the record of our account that this keeper signed last.
func (n *Node) lastSigned() (*directory.Record, error) {
	raw, err := n.store.Blob(signedBlob)
	if err != nil || raw == nil {
		return nil, err
	}
	r, err := directory.ParseRecord(raw)
	if err != nil || r.Account != n.keys.account {
		return nil, err
	}
	return r, nil
}

// signLocked signs next to follow known, and remembers it before anybody sees it.
func (n *Node) signLocked(known *directory.Record, next directory.Record) (*directory.Record, error) {
	now := time.Now()
	var last uint64
	if known != nil {
		last = known.Seq
	}
	next.Account, next.Issued, next.Raw = n.keys.account, now, nil
	for i := range next.Devices {
		if next.Devices[i].Added.IsZero() {
			next.Devices[i].Added = now
		}
	}
	var err error
	if next.Seq, err = directory.NextSeq(last, now); err != nil {
		return nil, err
	}
	raw, err := directory.SignRecord(n.keys.accountKey, next)
	if err != nil {
		return nil, err
	}
	if err := n.store.PutBlob(signedBlob, raw); err != nil {
		return nil, err
	}
	if err := n.directory.Publish(raw); err != nil { // learned is told, and tells our devices
		return nil, err
	}
	return directory.ParseRecord(raw)
}

// mergeRecords joins what two records of one account say; either may be nil.
// Devices and revocations only ever grow; where both list a device, a counts.
func mergeRecords(a, b *directory.Record) (m directory.Record) {
	for _, r := range []*directory.Record{a, b} {
		if r == nil {
			continue
		}
		for _, d := range r.Devices {
			if !slices.ContainsFunc(m.Devices, func(x directory.Device) bool { return x.ID == d.ID }) {
				m.Devices = append(m.Devices, d)
			}
		}
		for _, id := range r.Revoked {
			if !slices.Contains(m.Revoked, id) {
				m.Revoked = append(m.Revoked, id)
			}
		}
	}
	m.Devices = slices.DeleteFunc(m.Devices, func(d directory.Device) bool { return slices.Contains(m.Revoked, d.ID) })
	return m
}

// covers tells whether known has every device and every revocation of want.
func covers(known *directory.Record, want directory.Record) bool {
	for _, d := range want.Devices {
		if !known.Has(d.ID) {
			return false
		}
	}
	for _, id := range want.Revoked {
		if !slices.Contains(known.Revoked, id) {
			return false
		}
	}
	return true
}

// withDevice gives the devices with d, in place of an older entry of it.
func withDevice(devices []directory.Device, d directory.Device) []directory.Device {
	others := slices.DeleteFunc(slices.Clone(devices), func(x directory.Device) bool { return x.ID == d.ID })
	return append(others, d)
}

// revokeIn takes a device out, for ever.
func revokeIn(r *directory.Record, device peer.ID) {
	r.Devices = slices.DeleteFunc(r.Devices, func(d directory.Device) bool { return d.ID == device })
	if !slices.Contains(r.Revoked, device) {
		r.Revoked = append(r.Revoked, device)
	}
}
