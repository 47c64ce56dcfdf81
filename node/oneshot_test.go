package node_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/node/internal/throttle"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/oneshot"
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

// begin lets bob receive what alice sends, and gives both transfers when the first bytes
// of it have come; the rest hardly moves then.
func begin(t *testing.T, alice, bob *node.Node, path string) (sent, got node.Transfer, code string) {
	t.Helper()
	limit(t, alice, slow)
	sent, shown, err := alice.SendByCode(t.Context(), []string{path}, node.OneShot{})
	if err != nil {
		t.Fatal(err)
	}
	typed, err := bob.ReceiveByCode(t.Context(), shown.Code, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	there := paired(t, bob, typed.ID)
	if there.State != node.PairDone {
		t.Fatalf("the receiver's pairing: %+v", there)
	}
	got = nodetest.Transfer(t, bob, "the first bytes", func(x node.Transfer) bool { return x.ID == there.Transfer && x.Bytes > 0 })
	limit(t, alice, throttle.MinRate)
	if got.State != filexfer.Ongoing || got.Bytes == got.Size {
		t.Fatalf("too quick: %+v", got)
	}
	return sent, got, shown.Code
}

// slow is a rate at which the first unit takes a moment, and a film half a minute.
const slow = 1 << 20

func limit(t *testing.T, n *node.Node, rate int64) {
	t.Helper()
	if _, err := n.SetLimits(t.Context(), "", &rate, nil); err != nil {
		t.Fatal(err)
	}
}

// What is cut off goes on where it was; who comes later with the same words gets
// nothing.
func TestTransferByCodeGoesOnAfterACut(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.start("alice", ""), w.start("bob", ""), w.start("carol", "")
	path, content := randomFile(t, "film.mkv", 32<<20)
	events := alice.Watch(t.Context())
	sent, got, code := begin(t, alice, bob, path)
	late, err := carol.ReceiveByCode(t.Context(), code, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	again, err := bob.ReceiveByCode(t.Context(), code, "")
	if err != nil {
		t.Fatal(err)
	}
	if p := paired(t, bob, again.ID); !errors.Is(p.Err, pairing.ErrBurnt) {
		t.Errorf("entered a second time: %+v", p)
	}
	disconnect(t, alice, bob)
	limit(t, alice, 0)
	end := nodetest.Ended(t, bob, got.ID)
	if arrived, err := os.ReadFile(end.File); err != nil || !bytes.Equal(arrived, content) || end.State != filexfer.Finished {
		t.Errorf("ended as %+v, %v", end, err)
	}
	if end := nodetest.Ended(t, alice, sent.ID); end.State != filexfer.Finished || end.Bytes != int64(len(content)) {
		t.Errorf("the sender's ended as %+v", end)
	}
	if !wentOn(events, sent.ID, got.Bytes) {
		t.Error("it began anew, or was not cut off")
	}
	if p, err := carol.CancelPairing(late.ID); err != nil || p.Verifier != "" || p.Transfer != "" || len(carol.Transfers()) != 0 {
		t.Errorf("who came later has %+v, %v", p, err)
	}
}

// wentOn tells whether a transfer was interrupted, and then went on with no less than
// was there.
func wentOn(events <-chan node.Event, id string, there int64) bool {
	cut := false
	for e := range events {
		if e.Transfer == nil || e.Transfer.ID != id {
			continue
		}
		x := *e.Transfer
		cut = cut || x.State == filexfer.Created && x.Bytes > 0
		switch {
		case cut && x.State == filexfer.Ongoing && x.Bytes < there:
			return false
		case x.Ended:
			return cut
		}
	}
	return false
}

// When a transfer by code is over, each is a stranger to the other, as before.
func TestNothingLastsAfterATransferByCode(t *testing.T) {
	alice, bob := strangers(t)
	path, _ := randomFile(t, "a.txt", 2<<20)
	_, got := handOver(t, alice, bob, t.TempDir(), path)
	for _, of := range [][2]*node.Node{{alice, bob}, {bob, alice}} {
		n, other := of[0], of[1]
		eventually(t, n, "the other to be a stranger", func() bool { return !node.Admits(t.Context(), n, other) })
		if !node.Conceals(n, other) {
			t.Errorf("%s tells its account", n.Identity().Name)
		}
	}
	assertStrangers(t, alice, bob)
	assertClosed(t, alice, bob)
	assertClosed(t, bob, alice)
	if _, err := bob.GetFile(t.Context(), "alice", "a.txt", ""); !errors.Is(err, node.ErrUnknownConversation) {
		t.Errorf("it is asked for again: %v", err)
	}
	if _, err := alice.SendFile(t.Context(), path, got.Device.String()); !errors.Is(err, node.ErrUnknownContact) {
		t.Errorf("sent to the device: %v", err)
	}
}

// assertClosed: what a modified node would try is refused by n.
func assertClosed(t *testing.T, from, n *node.Node) {
	t.Helper()
	to := n.Identity().Device
	if err := from.Host().Connect(t.Context(), *host.InfoFromHost(n.Host())); err != nil {
		t.Fatal(err)
	}
	files, err := filexfer.New(from.Host(), filexfer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	path, _ := randomFile(t, "spam", 10)
	file, err := filexfer.FileFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, conversation := range []string{"", "code:" + strings.Repeat("00", 32), "code:"} {
		file.Conversation = conversation
		if _, err := files.Send(t.Context(), to, file); !errors.Is(err, filexfer.ErrRefused) {
			t.Errorf("an offer of %q: %v", conversation, err)
		}
	}
	if _, err := oneshot.Ask(t.Context(), from.Host(), to, oneshot.Offer{Size: 1, FileName: "x"}); err == nil || errors.Is(err, oneshot.ErrRefused) {
		t.Errorf("told of a transfer: %v", err)
	}
	if offers := n.Inbox(); len(offers) != 0 {
		t.Errorf("offers: %+v", offers)
	}
}

func TestCancelsOfTransfersByCode(t *testing.T) {
	alice, bob := strangers(t)
	path, _ := randomFile(t, "film.mkv", 32<<20)
	for name, c := range map[string]struct {
		cancel      func(sent, got string) error
		here, there filexfer.State // alice's, bob's
	}{
		"by the sender": {func(sent, _ string) error { _, err := alice.Cancel(t.Context(), sent); return err },
			filexfer.ClosedByHost, filexfer.ClosedByPeer},
		"by the receiver": {func(_, got string) error { _, err := bob.Cancel(t.Context(), got); return err },
			filexfer.ClosedByPeer, filexfer.ClosedByHost},
	} {
		t.Run(name, func(t *testing.T) {
			sent, got, _ := begin(t, alice, bob, path)
			if err := c.cancel(sent.ID, got.ID); err != nil {
				t.Fatal(err)
			}
			here, there := nodetest.Ended(t, alice, sent.ID), nodetest.Ended(t, bob, got.ID)
			if here.State != c.here || there.State != c.there || here.Code != node.EndCancelled || there.Code != node.EndCancelled {
				t.Errorf("the sender's ended as %s %s (%s), the receiver's as %s %s (%s)",
					here.State, here.Code, here.Reason, there.State, there.Code, there.Reason)
			}
			assertNothingIn(t, filepath.Dir(there.File))
		})
	}
	sent, shown, err := alice.SendByCode(t.Context(), []string{path}, node.OneShot{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Cancel(t.Context(), sent.ID); err != nil {
		t.Fatal(err)
	}
	if p, end := paired(t, alice, shown.ID), nodetest.Ended(t, alice, sent.ID); p.State != node.PairCancelled || end.Code != node.EndCancelled {
		t.Errorf("cancelled before it was used: %+v, %+v", p, end)
	}
	if sent, shown, err = alice.SendByCode(t.Context(), []string{path}, node.OneShot{}); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.CancelPairing(shown.ID); err != nil {
		t.Fatal(err)
	}
	if end := nodetest.Ended(t, alice, sent.ID); end.Code != node.EndCancelled || end.State != filexfer.ClosedByHost {
		t.Errorf("its code was cancelled: %+v", end)
	}
}

// assertNothingIn: no file, and no part of one.
func assertNothingIn(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("%s has %v, %v", dir, left, err)
	}
}

// Whoever has several devices may use a code between them; a folder and several files
// come as what they are.
func TestFoldersCrossByCodeBetweenOwnDevices(t *testing.T) {
	w := newWorld(t)
	laptop := w.start("laptop", "")
	phone := w.link(laptop, "phone", t.TempDir(), false)
	dir := filepath.Join(t.TempDir(), "summer")
	files := map[string]string{"a.txt": "a", "empty": "", "sub/b.jpg": string(bytes.Repeat([]byte("b"), 3<<20)), "sub/deep/run.sh": "#!/bin/sh"}
	for name, content := range files {
		writeIn(t, dir, name, content)
	}
	_, got := handOver(t, laptop, phone, t.TempDir(), dir)
	wantFolder(t, got.File, files)
	_, got = handOver(t, phone, laptop, t.TempDir(), filepath.Join(dir, "a.txt"), filepath.Join(dir, "empty"))
	wantFolder(t, got.File, map[string]string{"a.txt": "a", "empty": ""})
}

func TestTransfersByCodeInBothDirections(t *testing.T) {
	alice, bob := strangers(t)
	path, _ := randomFile(t, "a.bin", 3<<20)
	for name, of := range map[string][2]*node.Node{"there": {alice, bob}, "back": {bob, alice}, "there again": {alice, bob}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handOver(t, of[0], of[1], t.TempDir(), path)
		})
	}
}

func TestWhatIsSentByCodeVanishes(t *testing.T) {
	alice, bob := strangers(t)
	path, _ := randomFile(t, "a.txt", 10)
	sent, shown, err := alice.SendByCode(t.Context(), []string{path}, node.OneShot{})
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Transfer(t, alice, "the sum", func(x node.Transfer) bool { return x.ID == sent.ID && x.Tree != "" })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	typed, err := bob.ReceiveByCode(t.Context(), shown.Code, dir)
	if err != nil {
		t.Fatal(err)
	}
	there := paired(t, bob, typed.ID)
	here, got := nodetest.Ended(t, alice, sent.ID), nodetest.Ended(t, bob, there.Transfer)
	if here.State != filexfer.InvalidPath || here.Code != node.EndBadPath || got.State != filexfer.ClosedByPeer || got.Code != node.EndBadPath {
		t.Errorf("the sender's ended as %s %s (%s), the receiver's as %s %s (%s)", here.State, here.Code, here.Reason, got.State, got.Code, got.Reason)
	}
	assertNothingIn(t, dir)
}

// A node that is stopped in the middle ends it for both.
func TestNodesStopDuringATransferByCode(t *testing.T) {
	w := newWorld(t)
	path, _ := randomFile(t, "film.mkv", 32<<20)
	for _, who := range []string{"alice", "bob"} {
		t.Run(who, func(t *testing.T) {
			home := t.TempDir()
			homes := map[string]string{who: home}
			alice, bob := w.start("alice", homes["alice"]), w.start("bob", homes["bob"])
			sent, got, _ := begin(t, alice, bob, path)
			stops, stays, ends, goes := alice, bob, sent, got
			if who == "bob" {
				stops, stays, ends, goes = bob, alice, got, sent
			}
			if err := stops.Close(); err != nil {
				t.Fatal(err)
			}
			if end := nodetest.Ended(t, stays, goes.ID); end.State != filexfer.ClosedByPeer || end.Code != node.EndLost || !strings.Contains(end.Reason, "stopped") {
				t.Errorf("where the node stays: %s %s (%s)", end.State, end.Code, end.Reason)
			}
			if end, found := w.start("", home).Transfer(ends.ID); !found || !end.OneShot || end.Contact != "" || end.Code != node.EndRestarted {
				t.Errorf("where it was stopped: %+v", end)
			}
			assertNothingIn(t, filepath.Dir(got.File))
		})
	}
}

// Whoever is told again and again that the other side expects nothing gives up.
func TestTransferByCodeIsForgottenThere(t *testing.T) {
	alice, bob := strangers(t)
	path, _ := randomFile(t, "film.mkv", 32<<20)
	sent, got, _ := begin(t, alice, bob, path)
	node.ForgetOneShots(bob)
	disconnect(t, alice, bob)
	if end := nodetest.Ended(t, alice, sent.ID); end.State != filexfer.ClosedByPeer || end.Code != node.EndLost || !strings.Contains(end.Reason, "knows nothing") {
		t.Errorf("ended as %s %s (%s)", end.State, end.Code, end.Reason)
	}
	if _, err := bob.Cancel(t.Context(), got.ID); err != nil {
		t.Error(err)
	}
	if end := nodetest.Ended(t, bob, got.ID); end.Code != node.EndCancelled {
		t.Errorf("the receiver's ended as %+v", end)
	}
}
