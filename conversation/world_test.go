package conversation_test

import (
	"bytes"
	"cmp"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
)

// world is an account with a device, and a group that it began.
type world struct {
	t      testing.TB
	key    conversation.AccountKey
	device crypto.PrivKey
	cert   conversation.Certificate
	now    time.Time
	first  *conversation.Entry
}

var worlds byte

func newWorld(t testing.TB) *world {
	t.Helper()
	worlds += 2
	key, err := conversation.AccountKeyFromSeed(bytes.Repeat([]byte{worlds}, 32))
	check(t, err)
	w := &world{t: t, key: key, device: deviceOfSeed(t, bytes.Repeat([]byte{worlds + 1}, 32)), now: time.UnixMilli(1790000000000).UTC()}
	w.cert = *certify(t, w.key, w.device)
	w.first = w.sign(w.initial(conversation.Group))
	return w
}

func (w *world) initial(m conversation.Mode) conversation.Draft {
	return conversation.Draft{
		Account: w.key.Account(), Time: w.now, Type: conversation.TypeInitial, Certificate: &w.cert,
		Content: conversation.InitialContent(m, conversation.Account{}, "a group"),
	}
}

func (w *world) draft(typ string, content []byte) conversation.Draft {
	return conversation.Draft{
		Conversation: w.first.ID, Account: w.key.Account(), Parents: []conversation.ID{w.first.ID},
		Time: w.now, Type: typ, Content: content,
	}
}

func (w *world) sign(d conversation.Draft) *conversation.Entry {
	w.t.Helper()
	e, err := d.Sign(w.device)
	check(w.t, err)
	return e
}

func (w *world) text(text string) *conversation.Entry {
	w.t.Helper()
	return w.sign(w.draft(conversation.TypeText, conversation.Text{Text: text}.Content()))
}

func (w *world) resign(header []byte) []byte {
	w.t.Helper()
	signature, err := w.device.Sign(append([]byte("passeur/entry/1\x00"), header...))
	check(w.t, err)
	return signature
}

func certify(t testing.TB, key conversation.AccountKey, device crypto.PrivKey) *conversation.Certificate {
	t.Helper()
	cert, err := key.Certify(deviceID(t, device))
	check(t, err)
	return &cert
}

func deviceID(t testing.TB, device crypto.PrivKey) peer.ID {
	t.Helper()
	id, err := peer.IDFromPrivateKey(device)
	check(t, err)
	return id
}

func deviceOfSeed(t testing.TB, seed []byte) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(bytes.NewReader(seed))
	check(t, err)
	return key
}

// manyIDs gives different ids, ascending.
func manyIDs(n int) []conversation.ID {
	ids := make([]conversation.ID, n)
	for i := range ids {
		ids[i] = conversation.ID{byte((i + 1) >> 8), byte(i + 1)}
	}
	return ids
}

func cloneRaw(r conversation.Raw) conversation.Raw {
	return conversation.Raw{Header: bytes.Clone(r.Header), Signature: bytes.Clone(r.Signature), Body: bytes.Clone(r.Body)}
}

func decodeAndVerify(r conversation.Raw) error {
	e, err := conversation.Decode(r)
	return cmp.Or(err, verify(e))
}

func verify(e *conversation.Entry) error {
	if e == nil {
		return nil
	}
	return e.Verify()
}

// zeros is a source of nothing random.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
