package signalling

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/test/vectors"
)

var update = flag.Bool("update", false, "write testdata/sealed anew")

// vector is a block of a file in testdata.
type vector vectors.Vector

func readVectors(t testing.TB, file string) (all []vector) {
	t.Helper()
	for _, v := range vectors.Read(t, filepath.Join("testdata", file)) {
		all = append(all, vector(v))
	}
	return all
}

func (v vector) hex(t testing.TB, key string) []byte { return vectors.Vector(v).Hex(t, key) }

func (v vector) int(t testing.TB, key string) int64 {
	n, err := strconv.ParseInt(v[key], 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return n
}

func TestInboxVectors(t *testing.T) {
	for _, v := range readVectors(t, "inbox.txt") {
		p, err := peer.Decode(v["device"])
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, v["time"])
		if err != nil {
			t.Fatal(err)
		}
		if got := EpochAt(at); got != v.int(t, "epoch") {
			t.Errorf("epoch of %s is %d", v["time"], got)
		}
		inbox := InboxOf(p, EpochAt(at))
		if hex.EncodeToString(inbox[:]) != v["inbox"] || inbox.Key() != v["key"] {
			t.Errorf("inbox %x\nkey %s", inbox, inbox.Key())
		}
		var around []string
		for _, e := range epochsAround(at, epochMargin) {
			around = append(around, strconv.FormatInt(e, 10))
		}
		if got := strings.Join(around, " "); got != v["listen"] {
			t.Errorf("%s: listens to %s", v["time"], got)
		}
	}
}

// frameText prints a frame as testdata/frames.txt does.
func frameText(f frame) string {
	switch f := f.(type) {
	case subscribe:
		return fmt.Sprintf("subscribe %x", f.inbox)
	case claim:
		return fmt.Sprintf("claim %x %x", f.owner, f.signature)
	case put:
		return fmt.Sprintf("put %x %d %x", f.inbox, f.ttl/time.Second, f.body)
	case message:
		return fmt.Sprintf("message %x", f.body)
	case ok:
		return fmt.Sprintf("ok %d", f.live)
	case code:
		return fmt.Sprintf("error %d", f)
	}
	return "unknown"
}

func TestFrameVectors(t *testing.T) {
	for _, v := range readVectors(t, "frames.txt") {
		wire := v.hex(t, "wire")
		f, err := readFrame(bytes.NewReader(wire))
		if v["expect"] != "success" {
			if !errors.Is(err, errFrame) {
				t.Errorf("%s: %v, %v; want a bad frame", v["comment"], f, err)
			}
			continue
		}
		if err != nil || frameText(f) != v["frame"] {
			t.Errorf("%s: %s, %v", v["comment"], frameText(f), err)
			continue
		}
		var out bytes.Buffer
		if err := writeFrame(&out, f); err != nil || !bytes.Equal(out.Bytes(), wire) {
			t.Errorf("%s: written as %x, %v", v["comment"], out.Bytes(), err)
		}
	}
}

func TestDropVectors(t *testing.T) {
	for _, v := range readVectors(t, "drops.txt") {
		owner := ed25519.NewKeyFromSeed(v.hex(t, "seed"))
		public := owner.Public().(ed25519.PublicKey)
		if inbox := DropOf(public); hex.EncodeToString(public) != v["owner"] || hex.EncodeToString(inbox[:]) != v["inbox"] || inbox.Key() != v["key"] {
			t.Errorf("%s: owner %x\ninbox %x\nkey %s", v["comment"], public, inbox, inbox.Key())
		}
		listener, server := mustDecodePeer(t, v["listener"]), mustDecodePeer(t, v["server"])
		f := claim{[ed25519.PublicKeySize]byte(public), [ed25519.SignatureSize]byte(v.hex(t, "signature"))}
		if allowed := f.allows(listener, server); allowed != (v["expect"] == "success") {
			t.Errorf("%s: allowed %v; want %s", v["comment"], allowed, v["expect"])
		}
		if v["expect"] == "success" && newClaim(owner, listener, server) != f {
			t.Errorf("%s: signed as %x", v["comment"], newClaim(owner, listener, server).signature)
		}
	}
}

func mustDecodePeer(t testing.TB, s string) peer.ID {
	p, err := peer.Decode(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Fixed keys of the vectors and fuzz targets.
var (
	senderKey    = fixedKey("sender")
	recipientKey = fixedKey("recipient")
	otherKey     = fixedKey("somebody else")
	accountSeed  = sha3.Sum256([]byte("account"))
)

func fixedSeed(name string) []byte { s := sha3.Sum256([]byte(name)); return s[:] }

func fixedKey(name string) crypto.PrivKey {
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(fixedSeed(name)))
	if err != nil {
		panic(err)
	}
	return key
}

func publicOf(key crypto.PrivKey) ed25519.PublicKey {
	raw, err := key.GetPublic().Raw()
	if err != nil {
		panic(err)
	}
	return raw
}

func fixedXWing(t testing.TB, name string) hpke.PrivateKey {
	key, err := hpke.MLKEM768X25519().NewPrivateKey(fixedSeed(name))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func fixedRequest(t testing.TB) *request {
	account, err := conversation.AccountKeyFromSeed(accountSeed[:])
	if err != nil {
		t.Fatal(err)
	}
	return &request{
		sender: publicOf(senderKey), account: account.Account(), session: Session([]byte("session 16 bytes")),
		expires: time.UnixMilli(1795000000123), reply: fixedXWing(t, "reply").PublicKey(), kind: "ice",
		payload: []byte(`{"id":1,"protocol":16777218,"addresses":["…"]}`),
	}
}

func fixedAnswer(s status, payload string) *answer {
	return &answer{
		sender: publicOf(recipientKey), session: Session([]byte("session 16 bytes")), request: sha3.Sum256([]byte("the sealed request")),
		expires: time.UnixMilli(1795000005000), status: s, payload: []byte(payload),
	}
}

// vectorFile is a vector to be written.
type vectorFile struct {
	name, comment, expect string
	what                  what
	fallback              bool // sealed to the peer ID
	content               []byte
	edit                  func(sealed []byte)
}

func mustSign(t testing.TB, key crypto.PrivKey, label string, recipient crypto.PrivKey, content []byte) []byte {
	signed, err := sign(key, label, publicOf(recipient), content)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func vectorFiles(t testing.TB) []vectorFile {
	q := fixedRequest(t).marshal()
	signed := mustSign(t, senderKey, requestLabel, recipientKey, q)
	badKind := fixedRequest(t)
	badKind.kind = "Ice\n"
	last := fixedRequest(t)
	last.payload = bytes.Repeat([]byte("x"), MaxPayload)
	over := fixedRequest(t)
	over.payload = bytes.Repeat([]byte("x"), MaxPayload+1)
	answerTo := func(a *answer) []byte { return mustSign(t, recipientKey, answerLabel, senderKey, a.marshal()) }
	const sealedErr, contentErr = "bad sealed message", "bad content"
	return []vectorFile{
		{"request", "a request to the X-Wing key of the recipient's record", "success", isRequest, false, signed, nil},
		{"request-fallback", "the same to the X25519 form of the recipient's peer ID", "success", isRequest, true, signed, nil},
		{"request-largest", "a payload of 12288 bytes", "success", isRequest, false, mustSign(t, senderKey, requestLabel, recipientKey, last.marshal()), nil},
		{"request-over", "a payload of 12289 bytes", contentErr, isRequest, false, mustSign(t, senderKey, requestLabel, recipientKey, over.marshal()), nil},
		{"request-forged", "signed by somebody else than the sender it names", contentErr, isRequest, false, mustSign(t, otherKey, requestLabel, recipientKey, q), nil},
		{"request-forwarded", "signed for somebody else, sealed anew for this recipient", contentErr, isRequest, false, mustSign(t, senderKey, requestLabel, otherKey, q), nil},
		{"request-as-answer", "the signature is one of an answer", contentErr, isRequest, false, mustSign(t, senderKey, answerLabel, recipientKey, q), nil},
		{"request-kind", "the kind holds a capital and a line feed", contentErr, isRequest, false, mustSign(t, senderKey, requestLabel, recipientKey, badKind.marshal()), nil},
		{"request-short", "ends within the reply key", contentErr, isRequest, false, signed[:700], nil},
		{"request-unsigned", "zeros where the signature should be", contentErr, isRequest, false, q, nil},
		{"request-padding", "the last byte of the padding is 1", contentErr, isRequest, false, func() []byte {
			padded, _ := pad(signed)
			return append(padded[:len(padded)-1], 1)
		}(), nil},
		{"request-tampered", "one bit of the ciphertext is flipped", sealedErr, isRequest, false, signed, func(b []byte) { b[len(b)-1] ^= 1 }},
		{"request-version", "version 2", sealedErr, isRequest, false, signed, func(b []byte) { b[0] = 2 }},
		{"request-suite", "suite 3", sealedErr, isRequest, false, signed, func(b []byte) { b[1] = 3 }},
		{"request-key", "for a key that the recipient has not", "wrong key", isRequest, false, signed, func(b []byte) { b[2] ^= 1 }},
		{"answer", "an answer to the reply key of a request", "success", isAnswer, false, answerTo(fixedAnswer(answered, `{"id":1,"protocol":16777219,"addresses":["…"]}`)), nil},
		{"answer-refused", "a refusal with its reason", "success", isAnswer, false, answerTo(fixedAnswer(refused, "not today")), nil},
		{"answer-forged", "signed by somebody else", contentErr, isAnswer, false, mustSign(t, otherKey, answerLabel, senderKey, fixedAnswer(answered, "x").marshal()), nil},
	}
}

// TestWriteVectors writes testdata/sealed when run with -update.
func TestWriteVectors(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	for _, f := range vectorFiles(t) {
		text := f.text(t)
		if *update {
			if err := os.WriteFile(filepath.Join("testdata", "sealed", f.name+".txt"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (f vectorFile) text(t testing.TB) string {
	recipient, name, key := recipientKey, "recipient", fixedXWing(t, "record")
	if f.what == isAnswer {
		recipient, name, key = senderKey, "sender", fixedXWing(t, "reply")
	}
	if f.fallback {
		key, _ = fallbackPrivateKey(recipient)
	}
	sealed, err := seal(key.PublicKey(), publicOf(recipient), f.what, f.content)
	if err != nil {
		t.Fatal(err)
	}
	if f.edit != nil {
		f.edit(sealed)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "comment: %s\nexpect: %s\nwhat: %d\nrecipient seed: %x\n", f.comment, f.expect, f.what, fixedSeed(name))
	if !f.fallback {
		private, _ := key.Bytes()
		fmt.Fprintf(&b, "xwing private: %x\n", private)
	}
	fmt.Fprintf(&b, "content: %x\nsealed: %x\n", f.content, sealed)
	return b.String()
}

func TestSealedVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/sealed/*.txt")
	if err != nil || len(files) != len(vectorFiles(t)) {
		t.Fatalf("%d files, %v; run go test -run TestWriteVectors -update", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			v := readVectors(t, filepath.Join("sealed", filepath.Base(file)))[0]
			err := openVector(t, v)
			want := map[string]error{"success": nil, "bad sealed message": errSealed, "bad content": errContent, "wrong key": errWrongKey}
			if expected, known := want[v["expect"]]; !known || !errors.Is(err, expected) {
				t.Errorf("%s: %v, want %s", v["comment"], err, v["expect"])
			}
		})
	}
}

// openVector opens a vector as its recipient would, and writes what it read again.
func openVector(t *testing.T, v vector) error {
	device, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(v.hex(t, "recipient seed")))
	if err != nil {
		t.Fatal(err)
	}
	key, err := fallbackPrivateKey(device)
	if v["xwing private"] != "" {
		key, err = hpke.MLKEM768X25519().NewPrivateKey(v.hex(t, "xwing private"))
	}
	if err != nil {
		t.Fatal(err)
	}
	e, err := parseEnvelope(v.hex(t, "sealed"))
	if err != nil {
		return err
	}
	content, err := e.open(key, publicOf(device), what(v.int(t, "what")))
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(content, v.hex(t, "content")) || !slices.Contains(sizeClasses[:], len(content)) {
		t.Errorf("opened to %d other bytes", len(content))
	}
	var again []byte
	if what(v.int(t, "what")) == isRequest {
		q, err := parseRequest(content, publicOf(device))
		if err != nil {
			return err
		}
		again = q.marshal()
	} else {
		a, err := parseAnswer(content, publicOf(device))
		if err != nil {
			return err
		}
		again = a.marshal()
	}
	if !bytes.Equal(again, v.hex(t, "content")[:len(again)]) {
		t.Error("written again it differs")
	}
	return nil
}

func TestSizesTellLittle(t *testing.T) {
	recipient := fixedXWing(t, "record").PublicKey()
	sizes := make(map[int]bool)
	for n := 0; n <= MaxPayload; n += 512 {
		q := fixedRequest(t)
		q.payload = make([]byte, n)
		sealed, err := sealRequest(q, senderKey, publicOf(recipientKey), recipient)
		if err != nil {
			t.Fatal(err)
		}
		sizes[len(sealed)] = true
		if len(sealed) > MaxMessage {
			t.Errorf("a payload of %d bytes makes %d bytes", n, len(sealed))
		}
	}
	if len(sizes) != len(sizeClasses) {
		t.Errorf("%d sizes: %v", len(sizes), sizes)
	}
	if _, err := pad(make([]byte, sizeClasses[2]+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("content over the last class: %v", err)
	}
}
