package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/node/rules"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// ruled is Bob with rules, and Alice who sends to him.
type ruled struct {
	t          *testing.T
	alice, bob *node.Node
	config     node.Config // bob's
}

// newRuled starts both; audit is Alice's, or nil.
func newRuled(t *testing.T, c node.Config, audit *slog.Logger) *ruled {
	t.Helper()
	alice := nodetest.New(t, node.Config{Name: "alice", DHT: node.DHTServer, Audit: audit})
	c.Name, c.Home, c.Listen, c.DHT, c.Bootstrap = "bob", t.TempDir(), "127.0.0.1:0", node.DHTServer, nodetest.Addrs(alice)
	w := &ruled{t: t, alice: alice, bob: nodetest.New(t, c), config: c}
	nodetest.Befriend(t, alice, w.bob)
	return w
}

// restart starts Bob anew.
func (w *ruled) restart() {
	w.t.Helper()
	if err := w.bob.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.bob = nodetest.New(w.t, w.config)
}

// send has Alice send a file of a name that is new, and gives both sides' transfers:
// Bob's once ready holds for it.
func (w *ruled) send(name string, size int, what string, ready func(node.Transfer) bool) (sent, got node.Transfer) {
	w.t.Helper()
	path, _ := randomFile(w.t, name, size)
	sent, err := w.alice.SendFile(w.t.Context(), path, "bob")
	if err != nil {
		w.t.Fatal(err)
	}
	got = nodetest.Transfer(w.t, w.bob, name+" to be "+what, func(x node.Transfer) bool { return x.Name == name && ready(x) })
	return sent, got
}

func isEnded(x node.Transfer) bool   { return x.Ended }
func isWaiting(x node.Transfer) bool { return x.State == filexfer.AwaitingHost }
func isAsked(x node.Transfer) bool   { return isWaiting(x) && x.Why != "" }
func isOngoing(x node.Transfer) bool { return x.State == filexfer.Ongoing }

// used is what the first rule has taken.
func used(n *node.Node) int64 { return n.Rules().Rules[0].Used }

// records are those of an audit log.
type records struct {
	mu   sync.Mutex
	list []record
}

type record map[string]any

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *records) WithGroup(string) slog.Handler            { return r }
func (r *records) Handle(_ context.Context, from slog.Record) error {
	made := record{"event": from.Message}
	from.Attrs(func(a slog.Attr) bool { made[a.Key] = a.Value.Any(); return true })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, made)
	return nil
}

// with gives the records of an event that have the values, "key", value, ….
func (r *records) with(event string, values ...any) (found []record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.list {
		fits := one["event"] == event
		for i := 0; i < len(values); i += 2 {
			fits = fits && one[values[i].(string)] == values[i+1]
		}
		if fits {
			found = append(found, one)
		}
	}
	return found
}

// once wants exactly one such record.
func (r *records) once(t *testing.T, event string, values ...any) {
	t.Helper()
	if found := r.with(event, values...); len(found) != 1 {
		r.mu.Lock()
		defer r.mu.Unlock()
		t.Errorf("%d records of %s with %v, want one; there are %v", len(found), event, values, r.list)
	}
}

// Rules accept into their folders, refuse, and ask; they are counted, and recorded.
func TestRulesDecide(t *testing.T) {
	folder, audit := filepath.Join(t.TempDir(), "new", "photos"), &records{}
	w := newRuled(t, node.Config{Audit: slog.New(audit), Rules: []node.Rule{
		{Name: "photos", From: []string{"alice"}, Device: []string{"alice"}, Type: []string{"image/*"}, Quota: rules.Size{Bytes: 250_000}, Folder: folder},
		{Name: "no programs", Type: []string{".exe"}, Action: rules.Refuse},
		{Name: "only met", Verified: true},
	}}, nil)
	sent, got := w.send("one.jpg", 100_000, "accepted", isEnded)
	if got.State != filexfer.Finished || got.Rule != "photos" || got.File != filepath.Join(folder, "one.jpg") {
		t.Errorf("one.jpg: %+v", got)
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", info, err)
	}
	if end := nodetest.Ended(t, w.alice, sent.ID); end.State != filexfer.Finished {
		t.Errorf("alice sees %+v", end)
	}
	taken := filepath.Join(folder, "two.jpg")
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, got = w.send("two.jpg", 100_000, "accepted", isEnded); got.File != filepath.Join(folder, "two (2).jpg") {
		t.Errorf("two.jpg lies at %s", got.File)
	}
	lies(t, taken, []byte("mine"))
	if used(w.bob) != 200_000 {
		t.Errorf("used: %d", used(w.bob))
	}

	sent, got = w.send("tool.exe", 10, "refused", isEnded)
	if got.Code != node.EndRefused || got.Rule != "no programs" || !strings.Contains(got.Reason, `"no programs"`) {
		t.Errorf("tool.exe: %+v", got)
	}
	if end := nodetest.Ended(t, w.alice, sent.ID); end.Code != node.EndRefused || strings.Contains(end.Reason, "no programs") {
		t.Errorf("alice sees %+v", end)
	}

	if _, got = w.send("three.jpg", 100_000, "asked", isAsked); !strings.Contains(got.Why, `"photos"`) || got.Rule != "" {
		t.Errorf("three.jpg: %+v", got)
	}
	w.restart() // which ends the offer, and forgets no quota
	if used(w.bob) != 200_000 {
		t.Errorf("used after a restart: %d", used(w.bob))
	}
	_, got = w.send("four.jpg", 60_000, "asked", isAsked)
	if _, err := w.bob.Accept(t.Context(), got.ID, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if end := nodetest.Ended(t, w.bob, got.ID); end.State != filexfer.Finished || end.Rule != "" || end.Why != "" || used(w.bob) != 200_000 {
		t.Errorf("accepted by hand: %+v, used %d", end, used(w.bob))
	}
	if _, got = w.send("text.txt", 10, "asked", isWaiting); got.Why != "" {
		t.Errorf("no rule speaks of it: %+v", got)
	}
	if _, err := w.bob.VerifyContact(t.Context(), "alice", true); err != nil {
		t.Fatal(err)
	}
	if _, got = w.send("more.txt", 10, "accepted", isEnded); got.Rule != "only met" || filepath.Dir(got.File) != filepath.Join(w.config.Home, "received") {
		t.Errorf("of a verified contact: %+v", got)
	}

	alice := w.alice.Identity()
	audit.once(t, "contact.asked", "account", alice.Account.String())
	audit.once(t, "contact.added", "account", alice.Account.String(), "verified", "")
	audit.once(t, "contact.verified", "name", "alice", "verified", "person")
	audit.once(t, "offer.received", "name", "one.jpg", "account", alice.Account.String(), "device", alice.Device.String(), "size", int64(100_000))
	audit.once(t, "offer.decided", "name", "one.jpg", "decision", "accepted", "by", "rule", "rule", "photos")
	audit.once(t, "transfer.ended", "name", "one.jpg", "result", "finished", "direction", "incoming", "rule", "photos", "bytes", int64(100_000))
	audit.once(t, "offer.decided", "name", "tool.exe", "decision", "refused", "by", "rule", "rule", "no programs")
	audit.once(t, "transfer.ended", "name", "tool.exe", "result", "refused")
	audit.once(t, "transfer.ended", "name", "three.jpg", "result", "interrupted")
	audit.once(t, "offer.decided", "name", "four.jpg", "decision", "accepted", "by", "person", "rule", "")
	audit.once(t, "device.linked", "self", true)
	audit.once(t, "device.keeper", "self", true)

	c := w.bob.Counts()
	if c.Ended[node.TransferEnd{Direction: node.Incoming}] != 2 || c.Decisions[node.Decision{By: "person", Accepted: true}] != 1 ||
		c.Offers != 3 || c.Received < 60_000 || c.Rules != 3 || c.Contacts[node.Accepted] != 1 || c.ContactsOnline != 1 ||
		c.Durations[node.Incoming].Count != 2 || c.Transfers[node.TransferKind{Direction: node.Incoming, State: filexfer.AwaitingHost}] != 1 {
		t.Errorf("since the restart: %+v", c)
	}
}

// What a rule is taking counts, and what comes to nothing does not.
func TestQuotaOfRunningTransfers(t *testing.T) {
	w := newRuled(t, node.Config{Rules: []node.Rule{{Name: "all", Quota: rules.Size{Bytes: 10 << 20}}}}, nil)
	slow := int64(16 << 10)
	if _, err := w.bob.SetLimits(t.Context(), "", nil, &slow); err != nil {
		t.Fatal(err)
	}
	_, running := w.send("a.bin", 6<<20, "under way", isOngoing)
	if running.Rule != "all" || used(w.bob) != 6<<20 {
		t.Errorf("under way: %+v, used %d", running, used(w.bob))
	}
	_, waiting := w.send("b.bin", 6<<20, "asked", isAsked)
	if _, err := w.bob.Refuse(t.Context(), waiting.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.bob.Cancel(t.Context(), running.ID); err != nil {
		t.Fatal(err)
	}
	nodetest.Ended(t, w.bob, running.ID)
	if used(w.bob) != 0 {
		t.Errorf("used after it was cancelled: %d", used(w.bob))
	}
	_, again := w.send("c.bin", 6<<20, "under way", isOngoing)
	if again.Rule != "all" || w.bob.Rules().Rules[0].Files != 1 {
		t.Errorf("the next: %+v", again)
	}
}

// What would leave less than the reserve waits for the user, and he cannot either; what
// is missed stays so. Both change with the reserve.
func TestReserve(t *testing.T) {
	w := newRuled(t, node.Config{Accept: node.AcceptContacts, Reserve: math.MaxInt64, Rules: []node.Rule{{Name: "jpg", Type: []string{".jpg"}}}}, nil)
	for name, why := range map[string]string{"a.jpg": `the rule "jpg" could not`, "a.txt": "could not be accepted by itself"} {
		_, got := w.send(name, 1000, "asked", isAsked)
		if !strings.Contains(got.Why, why) || !strings.Contains(got.Why, "are to stay free") || used(w.bob) != 0 {
			t.Errorf("%s waits: %s", name, got.Why)
		}
		if x, err := w.bob.Accept(t.Context(), got.ID, ""); !errors.Is(err, node.ErrNoSpace) || x.State != filexfer.AwaitingHost {
			t.Errorf("accepted without room: %+v, %v", x, err)
		}
	}
	if err := w.bob.HasSpace(filepath.Join(t.TempDir(), "not", "there"), 1); !errors.Is(err, node.ErrNoSpace) {
		t.Errorf("room in a folder to be made: %v", err)
	}
	next := w.config
	next.Reserve = -1
	if restart, err := w.bob.Reload(t.Context(), next); err != nil || len(restart) != 0 {
		t.Fatal(restart, err)
	}
	if err := w.bob.HasSpace(filepath.Join(t.TempDir(), "not", "there"), 1); err != nil {
		t.Error(err)
	}
	for _, waiting := range w.bob.Inbox() {
		if _, err := w.bob.Accept(t.Context(), waiting.ID, ""); err != nil {
			t.Fatal(err)
		}
		if end := nodetest.Ended(t, w.bob, waiting.ID); end.State != filexfer.Finished || end.Rule != "" {
			t.Errorf("with room: %+v", end)
		}
	}
}

// What was missed is decided by the same rules, by the device that sent it.
func TestRulesDecideAboutWhatWasMissed(t *testing.T) {
	folder, audit := filepath.Join(t.TempDir(), "missed"), &records{}
	w := newRuled(t, node.Config{Rules: []node.Rule{
		{Name: "jpg", Device: []string{"alice"}, Type: []string{".jpg"}, Quota: rules.Size{Bytes: 1e6}, Folder: folder},
		{Name: "no exe", Type: []string{".exe"}, Action: rules.Refuse},
	}}, slog.New(audit))
	if err := w.bob.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.jpg", "a.exe", "a.txt"} {
		path, _ := randomFile(t, name, 100_000)
		sent, err := w.alice.SendFile(t.Context(), path, "bob")
		if err != nil {
			t.Fatal(err)
		}
		transferTo(t, w.alice, sent.ID, "the entry to be written", func(x node.Transfer) bool { return !x.Entry.IsZero() && len(x.Parts) == 1 })
		if _, err := w.alice.Cancel(t.Context(), sent.ID); err != nil {
			t.Fatal(err)
		}
		nodetest.Ended(t, w.alice, sent.ID)
	}
	w.bob = nodetest.New(t, w.config)
	for _, name := range []string{"a.jpg", "a.exe", "a.txt"} {
		missed(t, w.bob, name)
	}
	if err := w.bob.GetMissed(time.Minute); err != nil {
		t.Fatal(err)
	}
	got := nodetest.Transfer(t, w.bob, "the photo to come", func(x node.Transfer) bool { return x.Name == "a.jpg" && x.Ended })
	if got.State != filexfer.Finished || got.Rule != "jpg" || got.File != filepath.Join(folder, "a.jpg") || used(w.bob) != 100_000 {
		t.Errorf("the photo: %+v, used %d", got, used(w.bob))
	}
	if left, err := w.bob.Missed(); err != nil || len(left) != 1 || left[0].File.DisplayName != "a.txt" {
		t.Errorf("missed: %+v, %v", left, err)
	}
	refused := nodetest.Transfer(t, w.bob, "the program", func(x node.Transfer) bool { return x.Name == "a.exe" })
	if refused.Code != node.EndRefused || refused.Rule != "no exe" || !refused.Ended {
		t.Errorf("the program: %+v", refused)
	}
	if err := w.bob.GetMissed(time.Minute); err != nil || len(w.bob.Transfers()) != 2 {
		t.Errorf("asked again: %+v, %v", w.bob.Transfers(), err)
	}
	eventually(t, w.alice, "the serving to be counted", func() bool { return w.alice.Counts().Served == 1 })
	audit.once(t, "file.served", "name", "a.jpg", "result", "finished", "account", w.bob.Identity().Account.String())
}

func TestReload(t *testing.T) {
	audit := &records{}
	c := node.Config{Name: "bob", Home: t.TempDir(), Listen: "127.0.0.1:0", Audit: slog.New(audit)}
	n := nodetest.New(t, c)
	bad := c
	bad.Rules, bad.Accept = []node.Rule{{Name: "a"}, {Name: "a"}}, node.AcceptContacts
	var wrong *rules.RuleError
	if _, err := n.Reload(t.Context(), bad); !errors.As(err, &wrong) || wrong.Number != 2 || wrong.Field != "name" {
		t.Errorf("two rules of one name: %v", err)
	}
	if r := n.Rules(); len(r.Rules) != 0 || r.Otherwise != rules.Ask || r.Reserve != 256<<20 {
		t.Errorf("after a bad config: %+v", r)
	}
	next := c
	next.Name, next.MDNS, next.STUN, next.Bootstrap = "robert", true, []string{"stun.example.org:3478"}, []string{}
	next.Rules, next.Accept, next.Reserve, next.Downloads = []node.Rule{{Name: "a", Quota: rules.Size{Bytes: 5}}}, node.AcceptContacts, 7, t.TempDir()
	restart, err := n.Reload(t.Context(), next)
	if err != nil || !slices.Equal(restart, []string{"MDNS", "Name", "STUN"}) {
		t.Errorf("%q need a restart, %v", restart, err)
	}
	if r := n.Rules(); len(r.Rules) != 1 || r.Rules[0].Name != "a" || r.Otherwise != rules.Accept || r.Reserve != 7 {
		t.Errorf("after the reload: %+v", r)
	}
	audit.once(t, "rules.changed", "when", "start")
	if _, err := n.Reload(t.Context(), next); err != nil {
		t.Error(err)
	}
	audit.once(t, "rules.changed", "when", "reload") // the second changed nothing
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			one := c
			one.Reserve = int64(i + 1)
			if _, err := n.Reload(t.Context(), one); err != nil {
				t.Error(err)
			}
			if r := n.Rules().Reserve; r < 1 || r > 8 {
				t.Errorf("a reserve of %d", r)
			}
		})
	}
	all.Wait()
}

// A contact that was met by a code is verified on both sides, over restarts.
func TestVerification(t *testing.T) {
	shows, enters := &records{}, &records{}
	alice := nodetest.New(t, node.Config{Name: "alice", DHT: node.DHTServer, Audit: slog.New(shows)})
	c := node.Config{Name: "bob", Home: t.TempDir(), DHT: node.DHTServer, Bootstrap: nodetest.Addrs(alice), Audit: slog.New(enters)}
	bob := nodetest.New(t, c)
	meet(t, alice, bob, "", "")
	if v := nodetest.Contact(t, alice, "bob", node.Accepted).Verified; v != node.VerifiedByCode {
		t.Errorf("bob is %q", v)
	}
	if err := bob.Close(); err != nil {
		t.Fatal(err)
	}
	bob = nodetest.New(t, c)
	if v := nodetest.Contact(t, bob, "alice", node.Accepted).Verified; v != node.VerifiedByCode {
		t.Errorf("alice is %q", v)
	}
	if _, err := bob.VerifyContact(t.Context(), "nobody", true); !errors.Is(err, node.ErrUnknownContact) {
		t.Error(err)
	}
	for _, verified := range []bool{true, false} {
		v, err := bob.VerifyContact(t.Context(), "alice", verified)
		if err != nil || (v.Verified == node.VerifiedInPerson) != verified || (v.Verified == node.NotVerified) == verified {
			t.Errorf("verified %v: %+v, %v", verified, v, err)
		}
	}
	shows.once(t, "code.shown", "purpose", "contact")
	shows.once(t, "code.used", "purpose", "contact")
	shows.once(t, "code.ended", "result", "done", "account", bob.Identity().Account.String())
	shows.once(t, "contact.added", "verified", "code", "name", "bob")
	enters.once(t, "code.entered", "purpose", "contact")
	enters.once(t, "contact.added", "verified", "code", "name", "alice")
	shown, err := bob.ShowContactCode(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.CancelPairing(shown.ID); err != nil {
		t.Fatal(err)
	}
	enters.once(t, "code.burnt", "pairing", shown.ID, "result", "cancelled")
	if err := bob.RemoveContact(t.Context(), alice.Identity().Account); err != nil {
		t.Fatal(err)
	}
	enters.once(t, "contact.removed", "name", "alice")
	if text, err := json.Marshal(enters.list); err != nil || strings.Contains(string(text), shown.Code) || strings.Contains(string(text), shown.QR) {
		t.Errorf("the audit log tells the code, or %v", err)
	}
}

// What waits because there was no room is accepted when there is some; what waits for
// another reason, or what no rule would accept now, is not.
func TestRoomForWhatWaits(t *testing.T) {
	w := newRuled(t, node.Config{Reserve: math.MaxInt64, Rules: []node.Rule{{Name: "jpg", Type: []string{".jpg"}}, {Name: "png", Type: []string{".png"}}}}, nil)
	sent := map[string]string{}
	for _, name := range []string{"a.jpg", "b.png"} {
		_, got := w.send(name, 1000, "asked", isAsked)
		sent[name] = got.ID
	}
	_, other := w.send("c.txt", 1000, "waiting", isWaiting)
	sent["c.txt"] = other.ID
	node.AcceptLeft(w.bob)
	if inbox := w.bob.Inbox(); len(inbox) != 3 {
		t.Errorf("without room these wait: %+v", inbox)
	}
	next := w.config
	next.Reserve, next.Rules = -1, next.Rules[:1]
	if _, err := w.bob.Reload(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	node.AcceptLeft(w.bob)
	if end := nodetest.Ended(t, w.bob, sent["a.jpg"]); end.State != filexfer.Finished || end.Rule != "jpg" || end.Why != "" || used(w.bob) == 0 {
		t.Errorf("with room: %+v", end)
	}
	for _, name := range []string{"b.png", "c.txt"} {
		if x, _ := w.bob.Transfer(sent[name]); !isWaiting(x) {
			t.Errorf("%s: %+v", name, x)
		}
	}
}
