package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/multiformats/go-multiaddr"
	"github.com/spf13/pflag"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

// fakeNode answers with what a test puts in and plays the steps of a pairing.
type fakeNode struct {
	api.Backend
	account conversation.Account

	devices       []node.Device
	contacts      []node.Contact
	conversations []node.Conversation
	messages      []node.Message
	findings      []string       // of a check
	steps         []node.Pairing // what becomes of a pairing, after its beginning
	mute          bool           // only who watched first hears of it
	refuse        error          // what everything answers that changes something
	export        []string
	course        []node.Event // what becomes of a transfer, from its beginning
	held          []node.HeldFile
	missed        []node.Message

	mu        sync.Mutex
	asked     []string
	transfers []node.Transfer
	pairing   node.Pairing
	watchers  []chan node.Event
	closed    bool
	gone      chan struct{} // closed by Close, if it is not nil
	closes    func()        // called by Close first, if it is not nil
}

const pairingID = "0123456789abcdef"

func testAccount(n byte) conversation.Account {
	k, err := conversation.AccountKeyFromSeed(bytes.Repeat([]byte{n}, 32))
	if err != nil {
		panic(err)
	}
	return k.Account()
}

func (f *fakeNode) ask(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
	return f.refuse
}

func (f *fakeNode) Reload(context.Context, node.Config) ([]string, error) {
	return nil, f.ask("reload")
}

func (f *fakeNode) Identity() node.Identity {
	return node.Identity{Account: f.account, Addrs: []multiaddr.Multiaddr{}}
}

func (f *fakeNode) Watch(ctx context.Context) <-chan node.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	in, out := make(chan node.Event, 100), make(chan node.Event)
	f.watchers = append(f.watchers, in)
	if f.closed {
		close(in)
	}
	go func() {
		defer close(out)
		for {
			select {
			case e, open := <-in:
				if !open {
					return
				}
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func (f *fakeNode) publishLocked(p node.Pairing) {
	f.pairing = p
	for i, w := range f.watchers {
		if f.mute && i > 0 {
			break
		}
		w <- node.Event{Pairing: &p}
	}
}

func (f *fakeNode) Close() error {
	if f.closes != nil {
		f.closes()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.gone != nil {
		close(f.gone)
	}
	for _, w := range f.watchers {
		close(w)
	}
	return nil
}

func (f *fakeNode) Devices() []node.Device   { return f.devices }
func (f *fakeNode) Contacts() []node.Contact { return f.contacts }
func (f *fakeNode) RevokeDevice(_ context.Context, who string) (node.Device, error) {
	return node.Device{ID: "x", Name: who, Revoked: true}, f.ask("revoke %s", who)
}

// pair begins a pairing and plays its steps.
func (f *fakeNode) pair(p node.Pairing, format string, args ...any) (node.Pairing, error) {
	if err := f.ask(format, args...); err != nil {
		return node.Pairing{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p.ID, p.State = pairingID, node.PairWaiting
	f.publishLocked(p)
	for _, step := range f.steps {
		next := p
		next.State, next.Verifier, next.Reason, next.Err, next.Device, next.Contact = step.State, step.Verifier, step.Reason, step.Err, step.Device, step.Contact
		f.publishLocked(next)
	}
	return p, nil
}

func (f *fakeNode) ShowLinkCode(_ context.Context, keeper bool) (node.Pairing, error) {
	return f.pair(node.Pairing{Purpose: node.PairLink, Code: "a-b-c-d-e", QR: "PASSEUR:1:L:X"}, "show link %v", keeper)
}
func (f *fakeNode) JoinAccount(_ context.Context, code string) (node.Pairing, error) {
	return f.pair(node.Pairing{Purpose: node.PairLink}, "join %s", code)
}
func (f *fakeNode) ShowContactCode(_ context.Context, name string) (node.Pairing, error) {
	return f.pair(node.Pairing{Purpose: node.PairContact, Code: "a-b-c-d", QR: "PASSEUR:1:C:X"}, "show contact %s", name)
}
func (f *fakeNode) EnterContactCode(_ context.Context, code, name string) (node.Pairing, error) {
	return f.pair(node.Pairing{Purpose: node.PairContact}, "enter %s %s", code, name)
}

func (f *fakeNode) Pairings() []node.Pairing {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pairing.ID == "" {
		return nil
	}
	return []node.Pairing{f.pairing}
}

func (f *fakeNode) CancelPairing(id string) (node.Pairing, error) {
	f.ask("cancel pairing %s", id)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pairing.State.Ended() {
		return node.Pairing{}, node.ErrPairingEnded
	}
	p := f.pairing
	p.State = node.PairCancelled
	f.publishLocked(p)
	return p, nil
}

func (f *fakeNode) Conversations() ([]node.Conversation, error) { return f.conversations, nil }
func (f *fakeNode) Conversation(ref string) (node.Conversation, error) {
	if len(f.conversations) == 0 {
		return node.Conversation{}, f.refuse
	}
	return f.conversations[0], f.ask("conversation %s", ref)
}
func (f *fakeNode) CreateConversation(_ context.Context, name string, contacts []string) (node.Conversation, error) {
	return node.Conversation{ID: conversation.ID{1}, Mode: conversation.Group, Name: name}, f.ask("create %s %q", name, contacts)
}
func (f *fakeNode) change(verb, ref string) (node.Conversation, error) {
	return node.Conversation{ID: conversation.ID{2}, Mode: conversation.Group, Name: ref}, f.ask("%s %s", verb, ref)
}
func (f *fakeNode) AcceptConversation(_ context.Context, ref string) (node.Conversation, error) {
	return f.change("accept", ref)
}
func (f *fakeNode) LeaveConversation(_ context.Context, ref string) (node.Conversation, error) {
	return f.change("leave", ref)
}
func (f *fakeNode) RenewConversation(_ context.Context, ref string) (node.Conversation, error) {
	return f.change("renew", ref)
}
func (f *fakeNode) AllowMore(ref, who string) (node.Conversation, error) {
	return f.change("allow "+who, ref)
}
func (f *fakeNode) CheckConversation(_ context.Context, ref string, rebuild bool) ([]string, error) {
	return f.findings, f.ask("check %s %v", ref, rebuild)
}
func (f *fakeNode) ChangeMember(_ context.Context, ref string, a conversation.Action, who, before string) (node.Conversation, error) {
	return f.change(fmt.Sprintf("%s %s %q", a, who, before), ref)
}

// Messages gives what Page says of the messages that there are, all of one type.
func (f *fakeNode) Messages(_ string, p node.Page) ([]node.Message, error) {
	end := len(f.messages)
	if i := slices.IndexFunc(f.messages, func(m node.Message) bool { return m.ID == p.Before }); i >= 0 {
		end = i
	}
	return f.messages[max(end-p.Limit, 0):end], f.ask("messages %d %v", p.Limit, p.All)
}
func (f *fakeNode) SendMessage(_ context.Context, ref, text string) (node.Message, error) {
	return node.Message{ID: conversation.ID{3}}, f.ask("send %s %s", ref, text)
}
func (f *fakeNode) EditMessage(_ context.Context, ref, entry, text string) (node.Message, error) {
	return node.Message{ID: conversation.ID{3}}, f.ask("edit %s %s %s", ref, entry, text)
}
func (f *fakeNode) DeleteMessage(_ context.Context, ref, entry string) (node.Message, error) {
	return node.Message{ID: conversation.ID{3}}, f.ask("delete %s %s", ref, entry)
}
func (f *fakeNode) ExportConversation(_ string, w io.Writer) error {
	for _, line := range f.export {
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return f.refuse
}

// serveFake answers commands for f, in a home that is that of all commands of the
// test from now on.
func serveFake(t *testing.T, f *fakeNode) {
	t.Helper()
	serveBackend(t, f, func(string) api.Backend { return f })
}

// serveBackend is serveFake for a backend that is f and more.
func serveBackend(t *testing.T, f *fakeNode, backend func(home string) api.Backend) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("PASSEUR_HOME", home)
	l, err := api.Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	server := api.NewServer(api.Options{Home: home})
	server.Use(backend(home))
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		f.Close()
		server.Close()
		<-served
	})
}

// passeur runs a command line in this process.
func passeur(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, log bytes.Buffer
	code = execute(ctx, args, &out, &log)
	return code, out.String(), log.String()
}

func TestDeviceLink(t *testing.T) {
	f := &fakeNode{steps: []node.Pairing{
		{State: node.PairExchange}, {State: node.PairExchange}, {State: node.PairConnect, Verifier: "one two three four"},
		{State: node.PairDone, Verifier: "one two three four", Device: &node.Device{ID: "x", Name: "phone\x1b"}},
	}}
	serveFake(t, f)
	code, stdout, stderr := passeur(t.Context(), "device", "link", "--keeper")
	wantErr := `waiting for somebody to enter the code (Ctrl-C ends it)
somebody entered a code; each side proves to the other that it is this one
proven; connecting. Both sides now show the words: one two three four
`
	if code != 0 || stderr != wantErr || !slices.Contains(f.asked, "show link true") {
		t.Errorf("exit code %d, asked %q, it said\n%s", code, f.asked, stderr)
	}
	for _, part := range []string{"\n      a   b   c   d   e\n", "\n      passeur device join a-b-c-d-e\n", "phone\\u001b (", ") is one of your devices now\n"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("no %q in\n%s", part, stdout)
		}
	}
	if strings.Contains(stdout, "█") {
		t.Error("a QR code where there is no terminal")
	}
	if _, stdout, _ = passeur(t.Context(), "device", "link", "--qr"); !strings.Contains(stdout, "█") {
		t.Error("no QR code, though it was asked for")
	}
	if code, _, _ = passeur(t.Context(), "device", "link", "--qr", "--no-qr"); code != exitUsage {
		t.Errorf("with and without: exit code %d", code)
	}
}

func TestPairingAsEvents(t *testing.T) {
	f := &fakeNode{steps: []node.Pairing{
		{State: node.PairExchange}, {State: node.PairDone, Contact: &node.Contact{Account: testAccount(2), Name: "bob", State: node.Accepted}},
	}}
	serveFake(t, f)
	code, stdout, stderr := passeur(t.Context(), "contact", "invite", "--name", "bob", "--json", "--qr")
	var states []string
	for line := range strings.Lines(stdout) {
		event, rest, _ := strings.Cut(strings.TrimPrefix(line, `{"event":"`), `"`)
		_, state, _ := strings.Cut(rest, `"state":"`)
		state, _, _ = strings.Cut(state, `"`)
		states = append(states, event+" "+state)
	}
	if want := []string{"pairing waiting", "pairing exchange", "done done"}; code != 0 || stderr != "" || !slices.Equal(states, want) {
		t.Errorf("exit code %d, %q, said %q, want %q:\n%s", code, stderr, states, want, stdout)
	}
	if !strings.Contains(stdout, `"code":"a-b-c-d","qr":"PASSEUR:1:C:X"`) || !slices.Contains(f.asked, "show contact bob") {
		t.Errorf("asked %q:\n%s", f.asked, stdout)
	}
}

func TestEnteringACode(t *testing.T) {
	f := &fakeNode{steps: []node.Pairing{{State: node.PairDone, Contact: &node.Contact{Name: "alice", State: node.Accepted}}}}
	serveFake(t, f)
	code, stdout, stderr := passeur(t.Context(), "contact", "join", "a", "b", "c-d", "--name", "alice")
	if code != 0 || stdout != "alice is a contact now; you may send each other files and messages\n" || !slices.Contains(f.asked, "enter a b c-d alice") {
		t.Errorf("exit code %d, asked %q, said %s%s", code, f.asked, stdout, stderr)
	}
}

func TestAPairingThatFailsHasACodeOfItsOwn(t *testing.T) {
	for _, test := range []struct {
		end  node.Pairing
		exit int
		code string
		said string
	}{
		{node.Pairing{State: node.PairFailed, Err: errors.New("odd"), Reason: "odd"}, 1, api.CodePairing, "odd"},
		{node.Pairing{State: node.PairFailed, Err: node.ErrNotMet, Reason: "no way"}, 4, api.CodeNotMet, "no way"},
		{node.Pairing{State: node.PairCancelled}, 1, "cancelled", "the code was cancelled; it is burnt"},
	} {
		f := &fakeNode{steps: []node.Pairing{test.end}}
		serveFake(t, f)
		code, stdout, stderr := passeur(t.Context(), "contact", "invite", "--json")
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		if code != test.exit || len(lines) != 2 || !strings.Contains(stderr, "passeur: "+test.said) {
			t.Errorf("%s: exit code %d, said %s%s", test.code, code, stdout, stderr)
		}
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, `{"event":"done"`) || test.code != "cancelled" && !strings.Contains(last, `"failure":"`+test.code+`"`) {
			t.Errorf("the last line is %s", last)
		}
	}
}

func TestARefusalHasItsExitCode(t *testing.T) {
	for err, exit := range map[error]int{
		node.ErrNotKeeper: exitRefused, node.ErrHasState: exitError, node.ErrBadCode: exitError, node.ErrNotMet: exitUnjoinable,
	} {
		serveFake(t, &fakeNode{refuse: err})
		code, stdout, stderr := passeur(t.Context(), "device", "link", "--json")
		if code != exit || !strings.HasPrefix(stdout, `{"event":"error","code":"`) || !strings.Contains(stderr, err.Error()) {
			t.Errorf("%v: exit code %d, said %s%s", err, code, stdout, stderr)
		}
	}
}

// cancelOn ends a context when it is written what contains a text.
type cancelOn struct {
	bytes.Buffer
	text   string
	cancel context.CancelFunc
}

func (c *cancelOn) Write(p []byte) (int, error) {
	if strings.Contains(string(p), c.text) {
		c.cancel()
	}
	return c.Buffer.Write(p)
}

func TestCtrlCBurnsTheCode(t *testing.T) {
	f := &fakeNode{}
	serveFake(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdout := &cancelOn{text: "works once", cancel: cancel}
	var stderr bytes.Buffer
	code := execute(ctx, []string{"contact", "invite"}, stdout, &stderr)
	if code != exitInterrupted || !slices.Contains(f.asked, "cancel pairing "+pairingID) {
		t.Errorf("exit code %d, asked %q, said %s%s", code, f.asked, stdout, &stderr)
	}
	if !strings.HasSuffix(stderr.String(), "passeur: the code was cancelled; it is burnt\n") {
		t.Errorf("said %s", &stderr)
	}
}

// startHouse runs serve with nodes one after the other, in a home that is that of
// all commands of the test from now on.
func startHouse(t *testing.T, nodes ...*fakeNode) (stdout *cancelOn, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, isReady := context.WithCancel(context.Background())
	stdout = &cancelOn{text: "ready", cancel: isReady}
	a := &app{home: t.TempDir(), json: true, stdout: stdout, stderr: io.Discard}
	t.Setenv("PASSEUR_HOME", a.home)
	done := make(chan error, 1)
	start := func(context.Context) (running, error) {
		if len(nodes) == 0 {
			return nil, errors.New("no node is left")
		}
		next := nodes[0]
		nodes = nodes[1:]
		return next, nil
	}
	given := pflag.NewFlagSet("", pflag.ContinueOnError)
	s, err := a.newService(given)
	if err != nil {
		t.Fatal(err)
	}
	go func() { done <- s.serve(ctx, start) }()
	select {
	case <-ready.Done():
	case err := <-done:
		t.Fatal(err)
	}
	return stdout, func() error { cancel(); return <-done }
}

// TestJoiningAnAccountStartsTheNodeAnew, in the same process, and the command that
// asked for it returns when the new one is there.
func TestJoiningAnAccountStartsTheNodeAnew(t *testing.T) {
	first := &fakeNode{account: testAccount(1), steps: []node.Pairing{{State: node.PairConnect}, {State: node.PairDone}}}
	second := &fakeNode{account: testAccount(2)}
	stdout, stop := startHouse(t, first, second)
	code, said, stderr := passeur(t.Context(), "device", "join", "a", "b", "c", "d", "e")
	if want := "this device belongs to the account " + testAccount(2).String() + " now\n"; code != 0 || said != want {
		t.Errorf("exit code %d, said %s%s", code, said, stderr)
	}
	if !first.closed || second.closed {
		t.Errorf("closed: first %v, second %v", first.closed, second.closed)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	var ready []string
	for line := range strings.Lines(stdout.String()) {
		ready = append(ready, strings.TrimSpace(line))
	}
	if len(ready) != 2 || !strings.Contains(ready[0], testAccount(1).String()) || !strings.Contains(ready[1], testAccount(2).String()) {
		t.Errorf("run said %q", ready)
	}
	if !second.closed {
		t.Error("the second node was not closed")
	}
}

// TestJoiningIsKnownWithoutItsLastEvent, which a node that closes may not get out.
func TestJoiningIsKnownWithoutItsLastEvent(t *testing.T) {
	first := &fakeNode{account: testAccount(1), steps: []node.Pairing{{State: node.PairDone}}, mute: true}
	second := &fakeNode{account: testAccount(2)}
	_, stop := startHouse(t, first, second)
	if code, said, stderr := passeur(t.Context(), "device", "join", "a", "b", "c", "d", "e"); code != 0 || !strings.Contains(said, testAccount(2).String()) {
		t.Errorf("exit code %d, said %s%s", code, said, stderr)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestOnlyTheJoiningSideStartsAnew: who shows the code stays as he is.
func TestOnlyTheJoiningSideStartsAnew(t *testing.T) {
	only := &fakeNode{account: testAccount(1), steps: []node.Pairing{{State: node.PairDone, Device: &node.Device{ID: "x", Name: "phone"}}}}
	stdout, stop := startHouse(t, only)
	if code, said, stderr := passeur(t.Context(), "device", "link"); code != 0 {
		t.Errorf("exit code %d, said %s%s", code, said, stderr)
	}
	if code, said, stderr := passeur(t.Context(), "contact", "join", "a"); code != 0 {
		t.Errorf("exit code %d, said %s%s", code, said, stderr)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(stdout.String(), "ready"); n != 1 {
		t.Errorf("ready %d times", n)
	}
}

func TestANodeThatDoesNotStartAnewEndsRun(t *testing.T) {
	first := &fakeNode{account: testAccount(1), steps: []node.Pairing{{State: node.PairDone}}, gone: make(chan struct{})}
	_, stop := startHouse(t, first)
	ctx, cancel := context.WithCancel(t.Context())
	joined := make(chan int, 1)
	go func() {
		code, _, _ := passeur(ctx, "device", "join", "a", "b", "c", "d", "e")
		joined <- code
	}()
	<-first.gone
	if err := stop(); err == nil || err.Error() != "the node cannot start: no node is left" {
		t.Errorf("run ended with %v", err)
	}
	cancel()
	if code := <-joined; code == 0 {
		t.Error("device join says that all is well")
	}
}

// TestWhoAsksWhileTheNodeClosesHearsThatItDoes, whatever of the node is closed already.
func TestWhoAsksWhileTheNodeClosesHearsThatItDoes(t *testing.T) {
	only := &fakeNode{account: testAccount(1)}
	var code int
	var said string
	only.closes = func() { code, said, _ = passeur(t.Context(), "files", "--json") }
	_, stop := startHouse(t, only)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if code == 0 || !strings.Contains(said, `"code":"closing"`) {
		t.Errorf("exit code %d, said %s", code, said)
	}
}
