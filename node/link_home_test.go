package node

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/directory"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/link"
)

func newAccountKey(t *testing.T) conversation.AccountKey {
	t.Helper()
	key, err := conversation.NewAccountKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// record signs a record that lists the devices.
func record(t *testing.T, key conversation.AccountKey, seq uint64, devices ...peer.ID) []byte {
	t.Helper()
	r := directory.Record{Seq: seq}
	for _, id := range devices {
		r.Devices = append(r.Devices, directory.Device{ID: id, Name: "device"})
	}
	raw, err := directory.SignRecord(key, r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// handover makes one for device, with two contacts.
func handover(t *testing.T, key conversation.AccountKey, device peer.ID, keeper bool) *link.Handover {
	t.Helper()
	cert, err := key.Certify(device)
	if err != nil {
		t.Fatal(err)
	}
	first := newDevice(t)
	h := &link.Handover{
		Account: key.Account(), Certificate: cert[:], Record: record(t, key, 7, device, first),
		Keepers: []peer.ID{first}, Conversations: []byte(`{"own":"` + conversation.ID{1}.String() + `"}`),
		Contacts: []link.Contact{
			{Account: person(t, 1), Name: "bob", State: string(Accepted), Since: 1},
			{Account: person(t, 2), Name: "eve", State: string(Pending), Since: 2},
		},
	}
	if keeper {
		h.Key = key.Seed()
	}
	return h
}

// joiner is a home that has had its hand-over, as it is before the next start.
func joiner(t *testing.T, key conversation.AccountKey, keeper bool) (home string, h *link.Handover) {
	t.Helper()
	home = t.TempDir()
	id, err := LoadIdentity(home, "phone")
	if err != nil {
		t.Fatal(err)
	}
	h = handover(t, key, id.Device, keeper)
	n := &Node{settings: settings{Config: Config{Home: home}}}
	if err := n.keepHandover(h); err != nil {
		t.Fatal(err)
	}
	return home, h
}

// What was handed over is taken in whole, wherever the start before was cut off.
func TestHandoverIsTakenInWhereverItWasCutOff(t *testing.T) {
	key := newAccountKey(t)
	type step func(t *testing.T, home string, h *link.Handover)
	nothing := func(*testing.T, string, *link.Handover) {}
	writeCert := func(t *testing.T, home string, h *link.Handover) {
		put(t, filepath.Join(home, accountCertFile), slices.Concat(h.Account[:], h.Certificate))
	}
	writeKey := func(t *testing.T, home string, h *link.Handover) {
		put(t, filepath.Join(home, accountKeyFile), h.Key)
	}
	removeKey := func(t *testing.T, home string, h *link.Handover) {
		if err := os.Remove(filepath.Join(home, accountKeyFile)); err != nil {
			t.Fatal(err)
		}
	}
	oneContact := func(t *testing.T, home string, h *link.Handover) {
		s, err := store.Open(filepath.Join(home, stateFile))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.PutContact(store.Contact{Account: h.Contacts[0].Account, Alias: "bob", State: "accepted", Since: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		keeper bool
		steps  []step
	}{
		"ordinary: nothing done":                    {false, []step{nothing}},
		"ordinary: certificate there":               {false, []step{writeCert}},
		"ordinary: old key gone, one contact there": {false, []step{writeCert, removeKey, oneContact}},
		"keeper: nothing done":                      {true, []step{nothing}},
		"keeper: key and one contact there":         {true, []step{writeKey, oneContact}},
	} {
		t.Run(name, func(t *testing.T) {
			home, h := joiner(t, key, c.keeper)
			raw, err := h.Encode()
			if err != nil {
				t.Fatal(err)
			}
			for _, do := range c.steps {
				do(t, home, h)
			}
			if id, err := LoadIdentity(home, ""); err != nil || id.Account != key.Account() {
				t.Fatalf("before the start: %v, %v", id.Account, err)
			}
			cutOffStart(t, home, h)
			assertJoined(t, home, h, c.keeper)
			put(t, filepath.Join(home, handoverFile), raw) // its removal did not reach the disk
			assertJoined(t, home, h, c.keeper)
			assertJoinedAgain(t, home, key.Account())
		})
	}
}

// cutOffStart has a start end when keys and contacts have been taken in.
func cutOffStart(t *testing.T, home string, h *link.Handover) {
	t.Helper()
	inTheWay := filepath.Join(home, logFile(h.Account))
	if err := os.Mkdir(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	if n, err := New(t.Context(), Config{Home: home, Listen: "127.0.0.1:0"}); err == nil {
		n.Close()
		t.Fatal("the node started")
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, home string) *Node {
	t.Helper()
	n, err := New(t.Context(), Config{Home: home, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := replaceFile(path, content); err != nil {
		t.Fatal(err)
	}
}

func assertJoined(t *testing.T, home string, h *link.Handover, keeper bool) {
	t.Helper()
	n := start(t, home)
	defer n.Close()
	if n.own != (conversation.ID{1}) {
		t.Errorf("the account's own conversation is %s", n.own)
	}
	if n.keys.account != h.Account || n.keys.keeper() != keeper {
		t.Errorf("account %s, keeper %v", n.keys.account, n.keys.keeper())
	}
	list := n.Contacts()
	if len(list) != 2 || list[0].Name != "bob" || list[0].State != Accepted || list[1].State != Pending {
		t.Errorf("contacts: %+v", list)
	}
	for _, d := range n.Devices() {
		if d.Keeper != (!d.Self || keeper) {
			t.Errorf("device %+v", d)
		}
	}
	if r, found := n.directory.Remembered(h.Account); !found || r.Seq < 7 || len(r.Devices) != 2 {
		t.Errorf("the record: %+v", r)
	}
}

// assertJoinedAgain: the file is gone, and the account stays.
func assertJoinedAgain(t *testing.T, home string, a conversation.Account) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(home, handoverFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the hand-over lies about: %v", err)
	}
	n := start(t, home)
	defer n.Close()
	if n.keys.account != a || len(n.Contacts()) != 2 || n.own != (conversation.ID{1}) {
		t.Errorf("after another start: %s, %+v", n.keys.account, n.Contacts())
	}
}

// Before the file has its name, the home belongs to its old account.
func TestHandoverThatWasNotKeptChangesNothing(t *testing.T) {
	home := t.TempDir()
	before, err := LoadIdentity(home, "phone")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := handover(t, newAccountKey(t), before.Device, true).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writeTemp(filepath.Join(home, handoverFile), raw); err != nil {
		t.Fatal(err)
	}
	if after, err := LoadIdentity(home, ""); err != nil || after.Account != before.Account {
		t.Errorf("the account became %s, %v", after.Account, err)
	}
}

func TestUnsoundHandoverIsRefused(t *testing.T) {
	n, err := New(t.Context(), Config{Home: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	key, other := newAccountKey(t), newAccountKey(t)
	keeper := newDevice(t)
	cert, err := key.Certify(n.keys.id)
	if err != nil {
		t.Fatal(err)
	}
	sound := link.Handover{Account: key.Account(), Certificate: cert[:], Record: record(t, key, 1, n.keys.id, keeper)}
	if err := n.checkHandover(&sound, key.Account(), keeper); err != nil {
		t.Fatal(err)
	}
	if err := n.checkHandover(&sound, other.Account(), keeper); err == nil {
		t.Error("another account than the code's was taken")
	}
	for name, raw := range map[string][]byte{
		"of another account":      record(t, other, 1, n.keys.id, keeper),
		"without this device":     record(t, key, 1, keeper),
		"without the keeper":      record(t, key, 1, n.keys.id),
		"with a broken signature": append(slices.Clone(sound.Record[:len(sound.Record)-1]), sound.Record[len(sound.Record)-1]^1),
	} {
		h := sound
		h.Record = raw
		if err := n.checkHandover(&h, key.Account(), keeper); err == nil {
			t.Errorf("a record %s was taken", name)
		}
	}
}
