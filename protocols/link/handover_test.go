package link

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/test/vectors"
)

var update = flag.Bool("update", false, "write testdata/handovers.txt anew")

const vectorFile = "testdata/handovers.txt"

// fixedDevice is the device that the vectors' hand-overs are for.
func fixedDevice(t testing.TB) peer.ID {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(bytes.NewReader(bytes.Repeat([]byte{9}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestWriteVectors writes the vectors that TestVectors reads.
func TestWriteVectors(t *testing.T) {
	if !*update {
		return
	}
	device := fixedDevice(t)
	keeper, ordinary := sample(t, device), sample(t, device)
	ordinary.Key, ordinary.Contacts, ordinary.Keepers, ordinary.Conversations = nil, nil, nil, nil
	text := fmt.Sprintf("# Hand-overs to the device %s. \"text\" is what Encode gives, too, where expect is ok.\n\n", device)
	add := func(comment, expect, raw string) {
		text += fmt.Sprintf("comment: %s\nexpect: %s\ntext: %s\n\n", comment, expect, raw)
	}
	encode := func(h Handover) string {
		raw, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	add("a keeper's, with all there is", "ok", encode(keeper))
	add("the least there is: an ordinary device without contacts", "ok", encode(ordinary))
	for _, c := range broken(t, keeper) {
		add(c.comment, "error", encode(c.h))
	}
	add("unknown keys are skipped", "same", strings.Replace(encode(ordinary), "{", `{"colour":"red",`, 1))
	add("not JSON", "error", encode(ordinary)+"}")
	add("an account with a letter wrong", "error", strings.Replace(encode(ordinary), `"account":"passeur:`, `"account":"passeur:a`, 1))
	if err := os.WriteFile(vectorFile, []byte(strings.TrimRight(text, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

type brokenHandover struct {
	comment string
	h       Handover
}

func broken(t testing.TB, h Handover) (list []brokenHandover) {
	other, err := conversation.AccountKeyFromSeed(bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(h.Certificate)
	flipped[0] ^= 1
	with := func(comment string, change func(*Handover)) {
		b := h
		b.Contacts = append([]Contact(nil), h.Contacts...)
		change(&b)
		list = append(list, brokenHandover{comment, b})
	}
	with("no certificate", func(h *Handover) { h.Certificate = nil })
	with("a certificate with a bit flipped", func(h *Handover) { h.Certificate = flipped })
	with("a certificate of another account", func(h *Handover) { h.Account = other.Account() })
	with("the key of another account", func(h *Handover) { h.Key = other.Seed() })
	with("a key of 31 bytes", func(h *Handover) { h.Key = h.Key[:31] })
	with("no record", func(h *Handover) { h.Record = nil })
	with("a contact without an account", func(h *Handover) { h.Contacts[0].Account = conversation.Account{} })
	with("a contact in no state", func(h *Handover) { h.Contacts[0].State = "friend" })
	with("a contact without a name", func(h *Handover) { h.Contacts[0].Name = "" })
	with("a contact with a name of 65 bytes", func(h *Handover) { h.Contacts[0].Name = strings.Repeat("x", MaxName+1) })
	return list
}

func TestVectors(t *testing.T) {
	device := fixedDevice(t)
	for _, v := range vectors.Read(t, vectorFile) {
		t.Run(v["comment"], func(t *testing.T) {
			h, err := Parse([]byte(v["text"]), device)
			if v["expect"] == "error" {
				if !errors.Is(err, ErrHandover) || h != nil {
					t.Fatalf("%+v, %v", h, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if raw, err := h.Encode(); v["expect"] == "ok" && (err != nil || string(raw) != v["text"]) {
				t.Errorf("%s, %v", raw, err)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	device := fixedDevice(t)
	h := sample(t, device)
	h.Contacts = make([]Contact, MaxContacts+1)
	for i := range h.Contacts {
		h.Contacts[i] = Contact{Account: h.Account, Name: "x", State: "accepted"}
	}
	if raw, err := json.Marshal(h); err != nil {
		t.Fatal(err)
	} else if _, err := Parse(raw, device); !errors.Is(err, ErrHandover) {
		t.Errorf("%d contacts: %v", len(h.Contacts), err)
	}
	h = sample(t, device)
	h.Keepers = make([]peer.ID, MaxKeepers+1)
	for i := range h.Keepers {
		h.Keepers[i] = device
	}
	if raw, err := h.Encode(); err != nil {
		t.Fatal(err)
	} else if _, err := Parse(raw, device); !errors.Is(err, ErrHandover) {
		t.Errorf("%d keepers: %v", len(h.Keepers), err)
	}
	if _, err := Parse(make([]byte, MaxHandover+1), device); !errors.Is(err, ErrHandover) {
		t.Errorf("%d bytes: %v", MaxHandover+1, err)
	}
}

// What Parse takes, Encode gives back so that Parse takes it again.
func FuzzHandover(f *testing.F) {
	device := fixedDevice(f)
	for _, v := range vectors.Read(f, vectorFile) {
		f.Add([]byte(v["text"]))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := Parse(raw, device)
		if err != nil {
			if !errors.Is(err, ErrHandover) || h != nil {
				t.Fatalf("%v, %v", h, err)
			}
			return
		}
		first, err := h.Encode()
		if errors.Is(err, ErrHandover) {
			return // JSON that grows when it is written in full
		}
		again, err := Parse(first, device)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := again.Encode(); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s, %v\nfirst %s", second, err, first)
		}
	})
}

func FuzzMessages(f *testing.F) {
	for _, m := range []any{hello{version, "phone"}, receipt{version, true}, answer{Version: version, Handover: []byte(`{}`)}} {
		var b bytes.Buffer
		if err := writeMessage(&b, m); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, '{'})
	f.Add([]byte("\x00\x00\x00\x1e{\"version\":1,\"refused\":\"no\\u0000\"}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if h, err := readHello(bytes.NewReader(raw)); err == nil && checkName(h.Name) != nil {
			t.Errorf("a name %q was taken", h.Name)
		}
		if a, err := readAnswer(bytes.NewReader(raw)); err == nil && len(a.Handover) == 0 {
			t.Error("an answer without a hand-over was taken")
		} else if r, is := errors.AsType[*Refusal](err); is && len(r.Reason) > maxReason {
			t.Errorf("a reason of %d bytes", len(r.Reason))
		}
		readReceipt(bytes.NewReader(raw))
	})
}
