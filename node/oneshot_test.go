package node_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// handOver sends what lies at paths by a code, which is entered at to; it gives both
// sides' transfers when they have ended well.
func handOver(t *testing.T, from, to *node.Node, path string, paths ...string) (sent, got node.Transfer) {
	t.Helper()
	sent, shown, err := from.SendByCode(t.Context(), paths, node.OneShot{})
	if err != nil {
		t.Fatal(err)
	}
	if shown.Purpose != node.PairFile || shown.Transfer != sent.ID || shown.Code == "" || shown.QR == "" || !sent.OneShot || sent.Contact != "" {
		t.Errorf("shown: %+v; sent: %+v", shown, sent)
	}
	typed, err := to.ReceiveByCode(t.Context(), shown.Code, path)
	if err != nil {
		t.Fatal(err)
	}
	there, here := paired(t, to, typed.ID), paired(t, from, shown.ID)
	if there.State != node.PairDone || here.State != node.PairDone || there.Transfer == "" || there.Verifier == "" || there.Verifier != here.Verifier {
		t.Fatalf("the receiver's pairing: %+v; the sender's: %+v", there, here)
	}
	sent, got = nodetest.Ended(t, from, sent.ID), nodetest.Ended(t, to, there.Transfer)
	for _, x := range []node.Transfer{sent, got} {
		if x.State != filexfer.Finished || x.Bytes != x.Size || !x.OneShot || x.Contact != "" || !x.Conversation.IsZero() || x.Reason != "" {
			t.Errorf("ended as %+v", x)
		}
	}
	return sent, got
}

// strangers are two nodes that know nothing but a DHT server.
func strangers(t *testing.T) (alice, bob *node.Node) {
	w := newWorld(t)
	return w.start("alice", ""), w.start("bob", "")
}

func TestFilesCrossByCode(t *testing.T) {
	alice, bob := strangers(t)
	for name, size := range map[string]int{"empty": 0, "small.txt": 1000, "large.bin": 20<<20 + 77} {
		t.Run(name, func(t *testing.T) {
			path, content := randomFile(t, name, size)
			dir := t.TempDir()
			sent, got := handOver(t, alice, bob, dir, path)
			arrived, err := os.ReadFile(got.File)
			if err != nil || !bytes.Equal(arrived, content) || got.File != filepath.Join(dir, name) {
				t.Errorf("%s differs from what was sent (%v)", got.File, err)
			}
			for _, p := range []*icetcp.Path{got.Path, sent.Path} {
				if size > 0 && (p == nil || p.Kind != icetcp.Direct || p.TLS.Version != tls.VersionTLS13) {
					t.Errorf("it came by %+v", p)
				}
			}
		})
	}
	assertStrangers(t, alice, bob)
}

// assertStrangers: nothing of the other is left with either.
func assertStrangers(t *testing.T, nodes ...*node.Node) {
	t.Helper()
	for _, n := range nodes {
		if c := n.Contacts(); len(c) != 0 {
			t.Errorf("contacts: %+v", c)
		}
		if f, err := n.Files(); err != nil || len(f) != 0 {
			t.Errorf("held files: %+v, %v", f, err)
		}
		for _, c := range conversations(t, n) {
			t.Errorf("a conversation: %+v", c)
		}
	}
}

func conversations(t *testing.T, n *node.Node) []node.Conversation {
	t.Helper()
	list, err := n.Conversations()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestWrongWordsOfAFileCodeEndBothSides(t *testing.T) {
	alice, bob := strangers(t)
	path, _ := randomFile(t, "a", 10)
	sent, shown, err := alice.SendByCode(t.Context(), []string{path}, node.OneShot{Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	typed, err := bob.ReceiveByCode(t.Context(), mistyped(shown.Code), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []node.Pairing{paired(t, bob, typed.ID), paired(t, alice, shown.ID)} {
		if p.State != node.PairFailed || !errors.Is(p.Err, pairing.ErrWrongCode) {
			t.Errorf("ended as %s: %s", p.State, p.Reason)
		}
	}
	end := nodetest.Ended(t, alice, sent.ID)
	if end.State != filexfer.ClosedByHost || end.Code != node.EndFailed || end.Reason == "" {
		t.Errorf("the transfer ended as %+v", end)
	}
	if list := bob.Transfers(); len(list) != 0 {
		t.Errorf("the guesser has %+v", list)
	}
}

// mistyped gives a code with another secret word.
func mistyped(code string) string {
	at := len(code) - 1
	for code[at-1] != '-' {
		at--
	}
	if code[at:] == "zucchini" {
		return code[:at] + "aardvark"
	}
	return code[:at] + "zucchini"
}
