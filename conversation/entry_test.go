package conversation_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/test/vectors"
)

const entryVectors = "testdata/entries.txt"

func TestEntryVectors(t *testing.T) {
	for _, v := range vectors.Read(t, entryVectors) {
		t.Run(v["comment"], func(t *testing.T) {
			e, err := conversation.Decode(rawOf(t, v))
			if (err == nil) == (e == nil) {
				t.Fatalf("Decode gives an entry: %v, and the error %v", e != nil, err)
			}
			switch v["expect"] {
			case "ok":
				check(t, err)
				check(t, e.Verify())
				assertSays(t, v, e)
			case "signature":
				check(t, err)
				if err := e.Verify(); !errors.Is(err, conversation.ErrSignature) {
					t.Fatalf("Verify: %v, want ErrSignature", err)
				}
			case "body", "entry":
				if !errors.Is(err, conversation.ErrEntry) || errors.Is(err, conversation.ErrBody) != (v["expect"] == "body") {
					t.Fatalf("Decode: %v, want what is wrong with its %s", err, v["expect"])
				}
			default:
				t.Fatalf("expect: %q", v["expect"])
			}
		})
	}
}

func rawOf(t testing.TB, v vectors.Vector) conversation.Raw {
	t.Helper()
	raw := conversation.Raw{Signature: v.Hex(t, "signature")}
	if v["header"] != "" {
		raw.Header = v.Hex(t, "header")
	}
	if v["body"] != "" {
		raw.Body = v.Hex(t, "body")
	}
	return raw
}

// assertSays compares all that a vector says of an entry; the vectors of Ed25519
// say nothing more.
func assertSays(t *testing.T, v vectors.Vector, e *conversation.Entry) {
	t.Helper()
	if v["id"] == "" {
		return
	}
	got := vectors.Vector{
		"id": e.ID.String(), "conversation": e.Conversation.String(), "account": e.Account.String(),
		"device": e.Device.String(), "time": strconv.FormatInt(e.Time.UnixMilli(), 10), "type": e.Type,
	}
	if len(e.Parents) > 0 {
		got["parents"] = idTexts(e.Parents)
	}
	if e.Certificate != nil {
		got["certificate"] = hex.EncodeToString(e.Certificate[:])
	}
	if content, ok := e.Content(); ok {
		got["content"] = hex.EncodeToString(content)
	} else {
		got["content"] = v["content"] // for signing anew only
	}
	if c := e.Control; c != nil {
		addControl(got, c)
	}
	for name, value := range v {
		switch name {
		case "comment", "expect", "header", "signature", "body", "device-seed", "account-seed":
			got[name] = value
		}
	}
	if !reflect.DeepEqual(got, v) {
		t.Errorf("it says\n%q\nwant\n%q", got, v)
	}
	assertSignsAlike(t, v, e)
}

func addControl(got vectors.Vector, c *conversation.Control) {
	for name, value := range map[string]string{
		"action": string(c.Action), "target": c.Target.String(), "revoked": "", "mode": string(c.Mode),
		"with": c.With.String(), "name": c.Name,
	} {
		if value != "" {
			got[name] = value
		}
	}
	if c.Device != "" {
		got["revoked"] = c.Device.String()
	}
}

func idTexts(ids []conversation.ID) string {
	var texts []string
	for _, id := range ids {
		texts = append(texts, id.String())
	}
	return strings.Join(texts, " ")
}

// assertSignsAlike makes the entry anew, from what it says and the seeds.
func assertSignsAlike(t *testing.T, v vectors.Vector, e *conversation.Entry) {
	t.Helper()
	content := []byte{}
	if v["content"] != "" {
		content = v.Hex(t, "content")
	}
	if made := controlContent(t, v, e); made != nil && !bytes.Equal(made, content) {
		t.Errorf("its content is made as %s, want %s", made, content)
	}
	d := conversation.Draft{
		Conversation: e.Conversation, Account: e.Account, Parents: slices.Clone(e.Parents), Time: e.Time.Add(999 * time.Microsecond),
		Type: e.Type, Content: content, Certificate: e.Certificate,
	}
	if e.Type == conversation.TypeInitial {
		d.Conversation = conversation.ID{}
	}
	slices.Reverse(d.Parents)
	salt := []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f")
	again, err := d.SignWithSalt(deviceOfSeed(t, v.Hex(t, "device-seed")), salt)
	check(t, err)
	if again.ID != e.ID || !bytes.Equal(again.Raw.Header, e.Raw.Header) || !bytes.Equal(again.Raw.Signature, e.Raw.Signature) {
		t.Errorf("signed anew it is\n%x %x, want\n%x %x", again.Raw.Header, again.Raw.Signature, e.Raw.Header, e.Raw.Signature)
	}
}

// controlContent is nil for data.
func controlContent(t *testing.T, v vectors.Vector, e *conversation.Entry) []byte {
	t.Helper()
	switch c := e.Control; e.Type {
	case conversation.TypeInitial:
		return conversation.InitialContent(c.Mode, c.With, c.Name)
	case conversation.TypeMember:
		return conversation.MemberContent(c.Action, c.Target)
	case conversation.TypeDevice:
		key, err := conversation.AccountKeyFromSeed(v.Hex(t, "account-seed"))
		check(t, err)
		content, err := key.RevokeContent(e.Conversation, c.Device, e.Parents)
		check(t, err)
		return content
	}
	return nil
}

func TestSizesOfATextOnTheWire(t *testing.T) {
	w := newWorld(t)
	first := w.text("hello")
	if n := len(first.Raw.Header) + len(first.Raw.Signature); n != 253 {
		t.Errorf("a text with one parent has %d bytes of header and signature, want 253", n)
	}
	d := w.draft(conversation.TypeText, []byte("hello"))
	d.Certificate = &w.cert
	if e := w.sign(d); len(e.Raw.Header)+len(e.Raw.Signature) != 317 {
		t.Errorf("with a certificate it has %d, want 317", len(e.Raw.Header)+len(e.Raw.Signature))
	}
	d.Type = strings.Repeat("x", conversation.MaxType)
	d.Parents = manyIDs(conversation.MaxParents)
	if e := w.sign(d); len(e.Raw.Header) != conversation.MaxHeader {
		t.Errorf("the longest header has %d bytes, want %d", len(e.Raw.Header), conversation.MaxHeader)
	}
}

// Attack 1.
func TestFlippedBitAnywhereIsRefused(t *testing.T) {
	w := newWorld(t)
	d := w.draft(conversation.TypeText, []byte("hello"))
	d.Certificate = &w.cert
	raw := cloneRaw(w.sign(d).Raw)
	for name, part := range map[string][]byte{"header": raw.Header, "signature": raw.Signature, "body": raw.Body} {
		for bit := range len(part) * 8 {
			part[bit/8] ^= 1 << (bit % 8)
			if decodeAndVerify(raw) == nil {
				t.Errorf("bit %d of the %s is flipped, and nobody saw it", bit, name)
			}
			part[bit/8] ^= 1 << (bit % 8)
		}
	}
	check(t, decodeAndVerify(raw))
}

// Attack 1.
func TestBytesLeftOverOrMissingAreRefused(t *testing.T) {
	e := newWorld(t).text("hello")
	for name, change := range map[string]func(*conversation.Raw){
		"header longer":    func(r *conversation.Raw) { r.Header = append(r.Header, 0) },
		"header shorter":   func(r *conversation.Raw) { r.Header = r.Header[:len(r.Header)-1] },
		"header empty":     func(r *conversation.Raw) { r.Header = nil },
		"header enormous":  func(r *conversation.Raw) { r.Header = make([]byte, 1<<20) },
		"signature longer": func(r *conversation.Raw) { r.Signature = append(r.Signature, 0) },
		"no signature":     func(r *conversation.Raw) { r.Signature = nil },
		"body longer":      func(r *conversation.Raw) { r.Body = append(r.Body, 0) },
		"body empty":       func(r *conversation.Raw) { r.Body = []byte{} },
	} {
		raw := cloneRaw(e.Raw)
		change(&raw)
		if _, err := conversation.Decode(raw); !errors.Is(err, conversation.ErrEntry) {
			t.Errorf("%s: %v, want ErrEntry", name, err)
		}
	}
}

// Attack 1. The draft sorts what it gets; what others send must be sorted.
func TestParentsUnsortedDoubledOrSeventeenAreRefused(t *testing.T) {
	w := newWorld(t)
	d := w.draft(conversation.TypeText, []byte("hello"))
	ids := manyIDs(conversation.MaxParents + 1)
	for name, parents := range map[string][]conversation.ID{
		"17": ids, "300": manyIDs(300), "doubled": {ids[0], ids[0]}, "none": nil,
	} {
		d.Parents = parents
		if _, err := d.Sign(w.device); !errors.Is(err, conversation.ErrEntry) {
			t.Errorf("%s: %v, want ErrEntry", name, err)
		}
	}
	d.Parents = []conversation.ID{ids[0], ids[1]}
	e := w.sign(d)
	const first = 4 + 3*32 + 8 + 1
	raw := cloneRaw(e.Raw)
	copy(raw.Header[first:], ids[1][:])
	copy(raw.Header[first+32:], ids[0][:])
	raw.Signature = w.resign(raw.Header)
	if _, err := conversation.Decode(raw); !errors.Is(err, conversation.ErrEntry) {
		t.Errorf("unsorted: %v, want ErrEntry", err)
	}
}

// Attack 2: what is signed names the conversation.
func TestEntryMovedToAnotherConversationIsRefused(t *testing.T) {
	w := newWorld(t)
	raw := cloneRaw(w.text("hello").Raw)
	other := manyIDs(1)[0]
	copy(raw.Header[4:], other[:])
	e, err := conversation.Decode(raw)
	check(t, err)
	if err := e.Verify(); e.Conversation != other || !errors.Is(err, conversation.ErrSignature) {
		t.Errorf("%v, want ErrSignature", err)
	}
}

// Attack 3. That later entries of a device must or must not carry one is a
// matter of the entry's past.
func TestFirstEntryNeedsACertificateOfItsOwnAccount(t *testing.T) {
	w, mallory := newWorld(t), newWorld(t)
	d := w.initial(conversation.Group)
	d.Certificate = nil
	if _, err := d.Sign(w.device); !errors.Is(err, conversation.ErrEntry) {
		t.Errorf("without certificate: %v, want ErrEntry", err)
	}
	for name, change := range map[string]func(*conversation.Draft){
		"another account's certificate for this device": func(d *conversation.Draft) { d.Certificate = certify(t, mallory.key, w.device) },
		"the account's certificate for another device":  func(d *conversation.Draft) { d.Certificate = certify(t, w.key, mallory.device) },
		"in the name of another account":                func(d *conversation.Draft) { d.Account = mallory.key.Account() },
	} {
		d := w.initial(conversation.Group)
		change(&d)
		if _, err := d.Sign(w.device); !errors.Is(err, conversation.ErrSignature) || !errors.Is(err, conversation.ErrCertificate) {
			t.Errorf("%s: %v, want ErrSignature and ErrCertificate", name, err)
		}
	}
}

// Attack 3.
func TestKeysThatLibrariesJudgeDifferentlyAreRefused(t *testing.T) {
	raw := newWorld(t).text("hello").Raw
	for _, v := range vectors.Read(t, "testdata/accounts.txt") {
		if v["expect"] != "weak" {
			continue
		}
		for name, offset := range map[string]int{"account": 36, "device": 68} {
			weak := cloneRaw(raw)
			copy(weak.Header[offset:], v.Hex(t, "key"))
			if _, err := conversation.Decode(weak); !errors.Is(err, conversation.ErrEntry) {
				t.Errorf("%s: %s: %v, want ErrEntry", name, v["comment"], err)
			}
		}
	}
}

// Attack 22.
func TestUnknownRulesAndActionsAreRefusedUnknownTypesKept(t *testing.T) {
	w := newWorld(t)
	d := w.initial(conversation.Group)
	d.Content = conversation.Fields{"rules": "2", "mode": "group"}.Content()
	if _, err := d.Sign(w.device); !errors.Is(err, conversation.ErrEntry) || !strings.Contains(err.Error(), "newer") {
		t.Errorf("rules 2: %v, want ErrEntry and that it takes a newer version", err)
	}
	for _, typ := range []string{conversation.TypeMember, conversation.TypeDevice} {
		if _, err := w.draft(typ, conversation.MemberContent("crown", w.key.Account())).Sign(w.device); !errors.Is(err, conversation.ErrEntry) {
			t.Errorf("%s: unknown action: %v, want ErrEntry", typ, err)
		}
	}
	content := []byte("anything \xff")
	e := w.sign(w.draft("application/x-of-tomorrow", content))
	if got, ok := e.Content(); !ok || !bytes.Equal(got, content) || e.Control != nil {
		t.Errorf("an unknown type: %q, %v, %v", got, ok, e.Control)
	}
}

func TestBodiesUpToTheLimitAndNoFurther(t *testing.T) {
	w := newWorld(t)
	for size, good := range map[int]bool{0: true, conversation.MaxBody - conversation.Salt: true, conversation.MaxBody - conversation.Salt + 1: false, 1 << 24: false} {
		e, err := w.draft(conversation.TypeText, make([]byte, size)).Sign(w.device)
		if good && (err != nil || e.BodySize != size+conversation.Salt || len(e.Raw.Body) != e.BodySize) || !good && !errors.Is(err, conversation.ErrEntry) {
			t.Errorf("content of %d bytes: %v", size, err)
		}
	}
	name := strings.Repeat("n", conversation.MaxControlBody)
	d := w.initial(conversation.Group)
	for trim, good := range map[int]bool{0: false, 100: true} {
		d.Content = conversation.InitialContent(conversation.Group, conversation.Account{}, name[trim:])
		if _, err := d.Sign(w.device); (err == nil) != good {
			t.Errorf("a first entry of %d bytes: %v", len(d.Content)+conversation.Salt, err)
		}
	}
}

// Equal texts of one millisecond are different entries, and a text cannot be
// guessed from its sum.
func TestEachEntryHasASaltOfItsOwn(t *testing.T) {
	w := newWorld(t)
	d := w.draft(conversation.TypeText, []byte("yes"))
	one, two := w.sign(d), w.sign(d)
	if one.ID == two.ID || one.BodySum == two.BodySum {
		t.Error("the same salt twice")
	}
}

func TestWithheldBody(t *testing.T) {
	raw := newWorld(t).text("hello").Raw
	raw.Body = nil
	e, err := conversation.Decode(raw)
	check(t, err)
	check(t, e.Verify())
	if content, ok := e.Content(); ok || content != nil || e.BodySize != conversation.Salt+5 {
		t.Errorf("%q, %v, %d bytes", content, ok, e.BodySize)
	}
	if _, ok := e.Edit(); ok {
		t.Error("an entry without body edits something")
	}
}

func TestDecodeCopiesWhatItIsGiven(t *testing.T) {
	raw := cloneRaw(newWorld(t).text("hello").Raw)
	e, err := conversation.Decode(raw)
	check(t, err)
	for _, part := range [][]byte{raw.Header, raw.Signature, raw.Body} {
		clear(part)
	}
	check(t, e.Verify())
	if content, _ := e.Content(); string(content) != "hello" {
		t.Errorf("content %q", content)
	}
}

func TestOnlyEd25519KeysSign(t *testing.T) {
	w := newWorld(t)
	key, _, err := crypto.GenerateSecp256k1Key(zeros{})
	check(t, err)
	if _, err := w.draft(conversation.TypeText, nil).Sign(key); !errors.Is(err, conversation.ErrDevice) {
		t.Errorf("secp256k1: %v, want ErrDevice", err)
	}
}

func TestRevocationIsSignedByTheAccountForItsParents(t *testing.T) {
	w, mallory := newWorld(t), newWorld(t)
	stolen := deviceID(t, mallory.device)
	parents := manyIDs(3)
	content, err := w.key.RevokeContent(w.first.ID, stolen, []conversation.ID{parents[2], parents[0], parents[1]})
	check(t, err)
	d := w.draft(conversation.TypeDevice, content)
	d.Parents = parents
	if e := w.sign(d); e.Control.Device != stolen || e.Control.Action != conversation.Revoke {
		t.Errorf("%+v", e.Control)
	}
	d.Parents = parents[:2]
	if _, err := d.Sign(w.device); !errors.Is(err, conversation.ErrSignature) {
		t.Errorf("with other parents: %v, want ErrSignature", err)
	}
	d.Parents, d.Conversation = parents, parents[0]
	if _, err := d.Sign(w.device); !errors.Is(err, conversation.ErrSignature) {
		t.Errorf("in another conversation: %v, want ErrSignature", err)
	}
	if _, err := (conversation.AccountKey{}).RevokeContent(w.first.ID, stolen, parents); err == nil {
		t.Error("revoked without the account key")
	}
	if _, err := w.key.RevokeContent(w.first.ID, "nobody", parents); !errors.Is(err, conversation.ErrDevice) {
		t.Errorf("revoke what is no device: %v, want ErrDevice", err)
	}
}

func TestIDAsText(t *testing.T) {
	id := manyIDs(1)[0]
	text, err := id.MarshalText()
	check(t, err)
	var again conversation.ID
	check(t, again.UnmarshalText(text))
	if again != id || string(text) != id.String() || len(text) != 64 {
		t.Errorf("%s became %s", id, again)
	}
	if text, err := (conversation.ID{}).MarshalText(); err != nil || len(text) != 0 {
		t.Errorf("the zero id is written %q, %v", text, err)
	}
	check(t, again.UnmarshalText(nil))
	if !again.IsZero() || again.Compare(id) >= 0 || id.Compare(again) <= 0 || id.Compare(id) != 0 {
		t.Error("the zero id is not the least")
	}
	for _, wrong := range []string{"", "ab", strings.Repeat("AB", 32), id.String() + "00", id.String()[:63], id.String()[:63] + "g", " " + id.String()[1:]} {
		if _, err := conversation.ParseID(wrong); !errors.Is(err, conversation.ErrID) {
			t.Errorf("ParseID(%q): %v, want ErrID", wrong, err)
		}
	}
}
