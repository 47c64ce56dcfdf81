package node

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/node/signalling"
)

func TestRecordsOfTwoKeepersAreMerged(t *testing.T) {
	a, b, c, d := newDevice(t), newDevice(t), newDevice(t), newDevice(t)
	devices := func(ids ...peer.ID) (list []directory.Device) {
		for _, id := range ids {
			list = append(list, directory.Device{ID: id})
		}
		return list
	}
	one := &directory.Record{Devices: append(devices(a), directory.Device{ID: b, Name: "new name"}), Revoked: []peer.ID{d}}
	two := &directory.Record{Devices: append(devices(a, c, d), directory.Device{ID: b, Name: "old name"})}
	m := mergeRecords(one, two)
	var ids []peer.ID
	for _, x := range m.Devices {
		ids = append(ids, x.ID)
		if x.ID == b && x.Name != "new name" {
			t.Errorf("the older name won: %q", x.Name)
		}
	}
	if len(ids) != 3 || !slices.Contains(ids, a) || !slices.Contains(ids, b) || !slices.Contains(ids, c) {
		t.Errorf("devices %v", ids)
	}
	if !slices.Equal(m.Revoked, []peer.ID{d}) {
		t.Errorf("revoked %v", m.Revoked)
	}
	if covers(one, m) || covers(two, m) || !covers(&m, m) {
		t.Error("covers is wrong")
	}
	if m := mergeRecords(nil, nil); len(m.Devices)+len(m.Revoked) != 0 {
		t.Errorf("nothing merged is %+v", m)
	}
}

// A record that another keeper signed at the same time, without the device that this
// one has linked, is followed by one that has both.
func TestKeeperMendsTheRecord(t *testing.T) {
	n, err := New(t.Context(), Config{Home: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	mine, theirs, revoked := newDevice(t), newDevice(t), newDevice(t)
	signed, err := n.signRecord(t.Context(), func(r *directory.Record) error {
		revokeIn(r, revoked)
		return listDevice(r, mine, "mine")
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.directory.Learn(record(t, n.keys.accountKey, signed.Seq+5, n.keys.id, theirs, revoked)); err != nil {
		t.Fatal(err)
	}
	within(t, "the record to be mended", func() bool {
		r, _ := n.directory.Remembered(n.keys.account)
		return r.Seq > signed.Seq+5 && r.Has(mine) && r.Has(theirs) && r.Has(n.keys.id) && slices.Contains(r.Revoked, revoked) && !r.Has(revoked)
	})
}

func TestRevokedDeviceIsNotLinkedAgain(t *testing.T) {
	n := start(t, t.TempDir())
	defer n.Close()
	phone := newDevice(t)
	if _, err := n.signRecord(t.Context(), func(r *directory.Record) error { return listDevice(r, phone, "phone") }); err != nil {
		t.Fatal(err)
	}
	if d, err := n.RevokeDevice(t.Context(), "phone"); err != nil || d.ID != phone || !d.Revoked {
		t.Fatalf("%+v, %v", d, err)
	}
	if _, err := n.adopt(t.Context(), phone, "phone", true); !errors.Is(err, ErrRevoked) {
		t.Errorf("linked again: %v", err)
	}
	if h, err := n.adopt(t.Context(), newDevice(t), "tablet", false); err != nil || len(h.Key) != 0 {
		t.Errorf("a new one: %v, a key of %d bytes", err, len(h.Key))
	}
}

// A revocation that comes by a log alone is acted on when it comes, be it the account's
// own or another's, and though it makes nothing void.
func TestARevocationInALogIsActedOn(t *testing.T) {
	n := start(t, t.TempDir())
	defer n.Close()
	group, err := n.CreateConversation(t.Context(), "group", nil)
	if err != nil {
		t.Fatal(err)
	}
	events := n.Watch(t.Context())
	for _, conv := range []conversation.ID{n.own, group.ID} {
		phone := newDevice(t)
		told := func(revoked bool) {
			t.Helper()
			for deadline := time.After(20 * time.Second); ; {
				select {
				case e := <-events:
					if e.Device != nil && e.Device.ID == phone && e.Device.Revoked == revoked {
						return
					}
				case <-deadline:
					t.Fatalf("in 20 s nobody was told of the device with revoked %v", revoked)
				}
			}
		}
		if _, err := n.signRecord(t.Context(), func(r *directory.Record) error { return listDevice(r, phone, "phone") }); err != nil {
			t.Fatal(err)
		}
		told(false)
		if _, err := n.conversations.Revoke(t.Context(), conv, n.keys.accountKey, n.author(), phone); err != nil {
			t.Fatal(err)
		}
		told(true)
	}
}

func TestAccountHasNotTooManyDevices(t *testing.T) {
	n := start(t, t.TempDir())
	defer n.Close()
	name := strings.Repeat("\u00fc", maxName/2)
	signed, err := n.signRecord(t.Context(), func(r *directory.Record) error {
		for range directory.MaxRevoked {
			revokeIn(r, newDevice(t))
		}
		for len(r.Devices) < maxOwnDevices {
			if err := listDevice(r, newDevice(t), name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(contactMessage{Name: name, Record: signed.Raw})
	if err != nil || len(payload) > signalling.MaxPayload {
		t.Errorf("a contact request has %d bytes, more than %d (%v)", len(payload), signalling.MaxPayload, err)
	}
	if _, err := n.adopt(t.Context(), newDevice(t), "one more", false); !errors.Is(err, ErrTooManyDevices) {
		t.Errorf("one more: %v", err)
	}
}

func TestOwnDeviceIsNoContact(t *testing.T) {
	n := start(t, t.TempDir())
	defer n.Close()
	e := &pairingEntry{other: pairing.Party{Device: newDevice(t), Account: n.keys.account}}
	if err := n.meetContact(t.Context(), e); !errors.Is(err, ErrOwnAccount) {
		t.Errorf("met by code: %v", err)
	}
	if _, err := n.readContactMessage(contactRequest(t, n.keys.accountKey, e.other.Device, directory.Record{
		Seq: 1, Devices: []directory.Device{{ID: e.other.Device, Name: "phone"}},
	})); !errors.Is(err, ErrOwnAccount) {
		t.Errorf("asked: %v", err)
	}
}

// An ordinary device takes part over restarts, and publishes the record that it has.
func TestOrdinaryDeviceLivesWithoutTheAccountKey(t *testing.T) {
	key := newAccountKey(t)
	home, h := joiner(t, key, false)
	for range 2 {
		n := start(t, home)
		if n.keys.keeper() || n.Identity().Account != key.Account() {
			t.Errorf("the device is %+v", n.Identity())
		}
		if string(n.accountRecord()) != string(h.Record) {
			t.Error("the record is not the one that was handed over")
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(home, accountCertFile), []byte("cut short"))
	if _, err := LoadIdentity(home, ""); err == nil {
		t.Error("a damaged certificate was taken")
	}
}

// Who steals an ordinary device has no key to sign for the account with.
func TestThiefOfAnOrdinaryDeviceSignsNothing(t *testing.T) {
	key := newAccountKey(t)
	home, _ := joiner(t, key, false)
	n := start(t, home)
	defer n.Close()
	sibling := n.Devices()[1]
	if sibling.Self || !sibling.Keeper {
		t.Fatalf("devices: %+v", n.Devices())
	}
	if _, err := n.RevokeDevice(t.Context(), sibling.ID.String()); !errors.Is(err, ErrNotKeeper) {
		t.Errorf("revoke a sibling: %v", err)
	}
	if _, err := n.ShowLinkCode(t.Context(), true); !errors.Is(err, ErrNotKeeper) {
		t.Errorf("link a device: %v", err)
	}
	if _, err := n.signRecord(t.Context(), func(*directory.Record) error { return nil }); !errors.Is(err, ErrNotKeeper) {
		t.Errorf("sign a record: %v", err)
	}
	forged := directory.Record{Account: key.Account(), Seq: 100, Revoked: []peer.ID{sibling.ID}}
	if _, err := directory.SignRecord(newAccountKey(t), forged); err == nil {
		t.Error("another key signs the account's record")
	}
	raw := record(t, newAccountKey(t), 100, n.keys.id)
	copy(raw[len("PSA1"):], n.keys.account[:])
	if _, err := n.directory.Learn(raw); err == nil {
		t.Error("a forged record was taken")
	}
}

func TestDevicesAreFoundByNameAndByWhatTheirIDBeginsWith(t *testing.T) {
	phone, laptop, old := Device{ID: newDevice(t), Name: "phone"}, Device{ID: newDevice(t), Name: "laptop"}, Device{ID: newDevice(t), Name: "phone", Revoked: true}
	list := []Device{phone, laptop, old}
	text := laptop.ID.String()
	for who, want := range map[string]peer.ID{
		"phone": phone.ID, "laptop": laptop.ID, text: laptop.ID, text[:len(idStart)+16]: laptop.ID,
		text[len(idStart) : len(idStart)+16]: laptop.ID, old.ID.String(): old.ID,
	} {
		if d, err := findDevice(list, who); err != nil || d.ID != want {
			t.Errorf("%q is %v, %v", who, d.ID, err)
		}
	}
	for _, who := range []string{"", "tablet", "12D3KooW", text[len(idStart) : len(idStart)+3], text + "x"} {
		if _, err := findDevice(list, who); !errors.Is(err, ErrUnknownDevice) {
			t.Errorf("%q: %v", who, err)
		}
	}
	if _, err := findDevice(append(list, Device{ID: newDevice(t), Name: "phone"}), "phone"); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("two phones: %v", err)
	}
}

// A contact cannot have somebody else's device cut off, or taken for his.
func TestNobodyClaimsTheDeviceOfAnother(t *testing.T) {
	n, err := New(t.Context(), Config{Home: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	mallory, bob := newAccountKey(t), newAccountKey(t)
	own, bobs := newDevice(t), newDevice(t)
	if _, err := n.signRecord(t.Context(), func(r *directory.Record) error { return listDevice(r, own, "own") }); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		raw  []byte
	}{{"mallory", record(t, mallory, 1, own)}, {"bob", record(t, bob, 1, bobs)}} {
		r, err := n.directory.Learn(c.raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := set(n.contacts, r.Account, c.name, Accepted); err != nil {
			t.Fatal(err)
		}
	}
	if c, found := n.contactOf(own); found {
		t.Errorf("our own device is taken for %s's", c.Name)
	}
	if !n.ownDevice(own) || n.ownDevice(bobs) || n.ownDevice(n.keys.id) {
		t.Error("ownDevice is wrong")
	}
	if c, found := n.contactOf(bobs); !found || c.Name != "bob" {
		t.Errorf("bob's device is %+v's", c)
	}
}

// within waits until something that nobody tells of has come about.
func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestADeviceBelongsToTheAccountThatItNames: an account can list a device that is
// another's, and gains nothing by it.
func TestADeviceBelongsToTheAccountThatItNames(t *testing.T) {
	n, err := New(t.Context(), Config{Home: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	mallory, bob, bobs := newAccountKey(t), newAccountKey(t), newDevice(t)
	for name, raw := range map[string][]byte{"mallory": record(t, mallory, 1, bobs), "bob": record(t, bob, 1, bobs)} {
		r, err := n.directory.Learn(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := set(n.contacts, r.Account, name, Accepted); err != nil {
			t.Fatal(err)
		}
	}
	if a, known := n.accountOf(bobs); known {
		t.Errorf("the device of two is %s's, before it said whose", a)
	}
	if err := n.admit(t.Context(), bobs, bob.Account(), kindICE); err != nil {
		t.Fatal(err)
	}
	if c, found := n.contactOf(bobs); !found || c.Name != "bob" {
		t.Errorf("bob's device is %+v's", c)
	}
}

func TestNobodyElseIsYou(t *testing.T) {
	n, err := New(t.Context(), Config{Home: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if _, err := n.AddContact(t.Context(), newAccountKey(t).Account(), "You"); !errors.Is(err, ErrBadName) {
		t.Errorf(`an alias "You": %v`, err)
	}
	if c, err := n.contacts.meet(newAccountKey(t).Account(), "", "you"); err != nil || c.Name != "you-2" {
		t.Errorf("one who calls himself you is %q, %v", c.Name, err)
	}
}
