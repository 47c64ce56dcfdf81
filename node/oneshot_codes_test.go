package node_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

func TestFileCodesThatCannotBeUsed(t *testing.T) {
	alice, bob := strangers(t)
	path, _ := randomFile(t, "a.txt", 10)
	for _, life := range []time.Duration{-1, 24*time.Hour + 1} {
		if _, _, err := alice.SendByCode(t.Context(), []string{path}, node.OneShot{Lifetime: life}); !errors.Is(err, node.ErrBadLifetime) {
			t.Errorf("for %v: %v", life, err)
		}
	}
	if _, _, err := alice.SendByCode(t.Context(), []string{path + "x"}, node.OneShot{}); !errors.Is(err, filexfer.ErrSource) {
		t.Errorf("no file: %v", err)
	}
	if list := append(alice.Transfers(), bob.Transfers()...); len(list) != 0 {
		t.Errorf("transfers: %+v", list)
	}
	var codes []node.Pairing
	for range pairing.MaxFiles {
		_, shown, err := alice.SendByCode(t.Context(), []string{path}, node.OneShot{})
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, shown)
	}
	if _, _, err := alice.SendByCode(t.Context(), []string{path}, node.OneShot{}); !errors.Is(err, pairing.ErrFull) {
		t.Errorf("one more: %v", err)
	}
	if _, err := alice.ShowContactCode(t.Context(), ""); err != nil {
		t.Errorf("a contact's code beside them: %v", err)
	}
	if _, err := alice.CancelPairing(codes[0].ID); err != nil {
		t.Fatal(err)
	}
	sent, shown, err := alice.SendByCode(t.Context(), []string{path}, node.OneShot{Lifetime: time.Millisecond})
	if err != nil && !errors.Is(err, pairing.ErrExpired) {
		t.Fatal(err)
	}
	if err == nil {
		if p, end := paired(t, alice, shown.ID), nodetest.Ended(t, alice, sent.ID); !errors.Is(p.Err, pairing.ErrExpired) ||
			end.State != filexfer.TimeoutExpired || end.Code != node.EndTimeout {
			t.Errorf("expired: %+v, %+v", p, end)
		}
	}
	assertBadCodes(t, alice, bob, codes[1])
}

// assertBadCodes: what is told before a code is burnt, which then brings its file.
func assertBadCodes(t *testing.T, alice, bob *node.Node, shown node.Pairing) {
	t.Helper()
	for text, want := range map[string]error{
		"": node.ErrBadCode, "12-acid-acid-acid": node.ErrBadCode,
		"acid-acid-acid-acid": pairing.ErrPurpose, "acid-acid-acid-acid-acid": pairing.ErrPurpose,
	} {
		if _, err := bob.ReceiveByCode(t.Context(), text, ""); !errors.Is(err, want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := bob.EnterContactCode(t.Context(), shown.Code, ""); !errors.Is(err, pairing.ErrPurpose) {
		t.Errorf("a file's code for a contact: %v", err)
	}
	if _, err := bob.ReceiveByCode(t.Context(), shown.Code, filepath.Join(t.TempDir(), "none", "x")); !errors.Is(err, filexfer.ErrNotWritable) {
		t.Errorf("into no folder: %v", err)
	}
	taken, _ := randomFile(t, "taken", 1)
	if _, err := bob.ReceiveByCode(t.Context(), shown.Code, taken); !errors.Is(err, filexfer.ErrExists) {
		t.Errorf("over a file: %v", err)
	}
	self, err := alice.ReceiveByCode(t.Context(), shown.Code, "")
	if err != nil {
		t.Fatal(err)
	}
	if p := paired(t, alice, self.ID); !errors.Is(p.Err, pairing.ErrSelf) {
		t.Errorf("entered where it is shown: %+v", p)
	}
	typed, err := bob.ReceiveByCode(t.Context(), shown.QR, "")
	if err != nil {
		t.Fatal(err)
	}
	if p := paired(t, bob, typed.ID); p.State != node.PairDone || nodetest.Ended(t, bob, p.Transfer).State != filexfer.Finished {
		t.Errorf("the right one ended as %+v", p)
	}
}
