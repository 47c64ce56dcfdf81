package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/pairing"
	"github.com/passeur-p2p/passeur/node/rules"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// someTalk is what each request about a conversation answers.
var someTalk = node.Conversation{ID: conversation.ID{1}, Mode: conversation.Group, Name: "holiday", Status: "owner"}

func (b *backend) Devices() []node.Device { return b.devices }
func (b *backend) RevokeDevice(_ context.Context, who string) (node.Device, error) {
	return node.Device{ID: device, Revoked: true}, b.ask("revoke %s", who)
}
func (b *backend) ShowLinkCode(_ context.Context, keeper bool) (node.Pairing, error) {
	return node.Pairing{ID: id, Purpose: node.PairLink, State: node.PairWaiting}, b.ask("show link %v", keeper)
}
func (b *backend) JoinAccount(_ context.Context, code string) (node.Pairing, error) {
	return node.Pairing{ID: id, Purpose: node.PairContact, State: node.PairWaiting}, b.ask("join %s", code)
}
func (b *backend) ShowContactCode(_ context.Context, name string) (node.Pairing, error) {
	return node.Pairing{ID: id, Purpose: node.PairContact, State: node.PairWaiting}, b.ask("show contact %s", name)
}
func (b *backend) EnterContactCode(_ context.Context, code, name string) (node.Pairing, error) {
	return node.Pairing{ID: id, Purpose: node.PairContact, State: node.PairWaiting}, b.ask("enter %s %s", code, name)
}
func (b *backend) SendByCode(_ context.Context, paths []string, o node.OneShot) (node.Transfer, node.Pairing, error) {
	return node.Transfer{ID: id, Direction: node.Outgoing, State: filexfer.Created, OneShot: true},
		node.Pairing{ID: id, Purpose: node.PairFile, State: node.PairWaiting, Code: "a-b-c-d", Transfer: id}, b.ask("send by code %q %v", paths, o.Lifetime)
}
func (b *backend) ReceiveByCode(_ context.Context, code, path string) (node.Pairing, error) {
	return node.Pairing{ID: id, Purpose: node.PairFile, State: node.PairExchange}, b.ask("receive %s %s", code, path)
}
func (b *backend) Rules() rules.Report {
	return rules.Report{Otherwise: rules.Ask, Reserve: 1 << 28, Rules: []rules.Use{{Rule: rules.Rule{Name: "photos", From: []string{"alice"}, MaxSize: rules.Size{Bytes: 5}}, Used: 3, Files: 1}}}
}
func (b *backend) HasSpace(string, int64) error { return b.err }
func (b *backend) Pairings() []node.Pairing     { return b.pairings }
func (b *backend) CancelPairing(id string) (node.Pairing, error) {
	return node.Pairing{ID: id, Purpose: node.PairContact, State: node.PairCancelled}, b.ask("cancel pairing %s", id)
}
func (b *backend) Conversations() ([]node.Conversation, error) { return b.conversations, b.err }
func (b *backend) Conversation(ref string) (node.Conversation, error) {
	return someTalk, b.ask("conversation %s", ref)
}
func (b *backend) CreateConversation(_ context.Context, name string, contacts []string) (node.Conversation, error) {
	return someTalk, b.ask("create %s %q", name, contacts)
}
func (b *backend) AcceptConversation(_ context.Context, ref string) (node.Conversation, error) {
	return someTalk, b.ask("accept conversation %s", ref)
}
func (b *backend) LeaveConversation(_ context.Context, ref string) (node.Conversation, error) {
	return someTalk, b.ask("leave %s", ref)
}
func (b *backend) RenewConversation(_ context.Context, ref string) (node.Conversation, error) {
	return someTalk, b.ask("renew %s", ref)
}
func (b *backend) AllowMore(ref, who string) (node.Conversation, error) {
	return someTalk, b.ask("allow %s %s", ref, who)
}
func (b *backend) CheckConversation(_ context.Context, ref string, rebuild bool) ([]string, error) {
	return nil, b.ask("check %s %v", ref, rebuild)
}
func (b *backend) ChangeMember(_ context.Context, ref string, a conversation.Action, who, before string) (node.Conversation, error) {
	return someTalk, b.ask("%s %s %s %q", a, ref, who, before)
}
func (b *backend) Messages(ref string, p node.Page) ([]node.Message, error) {
	return b.messages, b.ask("messages %s %v %d %v", ref, p.Before, p.Limit, p.All)
}
func (b *backend) SendMessage(_ context.Context, ref, text string) (node.Message, error) {
	return node.Message{}, b.ask("send message %s %s", ref, text)
}
func (b *backend) EditMessage(_ context.Context, ref, entry, text string) (node.Message, error) {
	return node.Message{}, b.ask("edit %s %s %s", ref, entry, text)
}
func (b *backend) DeleteMessage(_ context.Context, ref, entry string) (node.Message, error) {
	return node.Message{}, b.ask("delete %s %s", ref, entry)
}
func (b *backend) ExportConversation(ref string, w io.Writer) error {
	for _, line := range b.export {
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return b.ask("export %s", ref)
}

func TestEachRequestAboutPeopleReachesTheBackend(t *testing.T) {
	b := &backend{}
	c, _ := serve(t, b)
	ctx := t.Context()
	first := conversation.ID{1}
	steps := []struct {
		do   func() error
		want string
	}{
		{func() error { _, err := c.RevokeDevice(ctx, "my phone/%"); return err }, "revoke my phone/%"},
		{func() error { _, err := c.Pair(ctx, NewPairing{Purpose: node.PairLink}); return err }, "show link false"},
		{func() error { _, err := c.Pair(ctx, NewPairing{Purpose: node.PairLink, Keeper: true}); return err }, "show link true"},
		{func() error { _, err := c.Pair(ctx, NewPairing{Purpose: node.PairLink, Code: "a b"}); return err }, "join a b"},
		{func() error { _, err := c.Pair(ctx, NewPairing{Purpose: node.PairContact, Name: "bob"}); return err }, "show contact bob"},
		{func() error {
			_, err := c.Pair(ctx, NewPairing{Purpose: node.PairContact, Name: "bob", Code: "a"})
			return err
		}, "enter a bob"},
		{func() error { _, err := c.CancelPairing(ctx, id); return err }, "cancel pairing " + id},
		{func() error { _, err := c.Conversation(ctx, "a/b ?#%"); return err }, "conversation a/b ?#%"},
		{func() error { _, err := c.CreateConversation(ctx, "x", []string{"bob", "al"}); return err }, `create x ["bob" "al"]`},
		{func() error { _, err := c.AcceptConversation(ctx, "x"); return err }, "accept conversation x"},
		{func() error { _, err := c.LeaveConversation(ctx, "x"); return err }, "leave x"},
		{func() error { _, err := c.RenewConversation(ctx, "x"); return err }, "renew x"},
		{func() error { _, err := c.AllowMore(ctx, "x", "bob"); return err }, "allow x bob"},
		{func() error { _, err := c.CheckConversation(ctx, "x", true); return err }, "check x true"},
		{func() error { _, err := c.ChangeMember(ctx, "x", conversation.Invite, "bob", ""); return err }, `invite x bob ""`},
		{func() error { _, err := c.ChangeMember(ctx, "x", conversation.Ban, "bob", "3f2a"); return err }, `ban x bob "3f2a"`},
		{func() error { _, err := c.Messages(ctx, "x", Page{}); return err }, "messages x " + conversation.ID{}.String() + " 50 false"},
		{func() error {
			_, err := c.Messages(ctx, "x", Page{Before: first.String(), Limit: MaxPage, All: true})
			return err
		}, "messages x " + first.String() + " 500 true"},
		{func() error { _, err := c.SendMessage(ctx, "x", "a\nb"); return err }, "send message x a\nb"},
		{func() error { _, err := c.EditMessage(ctx, "x", "3f2a", "c"); return err }, "edit x 3f2a c"},
		{func() error { _, err := c.DeleteMessage(ctx, "x", "3f2a"); return err }, "delete x 3f2a"},
		{func() error { return c.Export(ctx, "x", io.Discard) }, "export x"},
	}
	for _, s := range steps {
		b.asked = nil
		if err := s.do(); err != nil {
			t.Errorf("%s: %v", s.want, err)
		} else if len(b.asked) != 1 || b.asked[0] != s.want {
			t.Errorf("asked %q, want %q", b.asked, s.want)
		}
	}
}

// TestNamesAreNoPaths: a group may be called anything.
func TestNamesAreNoPaths(t *testing.T) {
	b := &backend{}
	c, _ := serve(t, b)
	for _, name := range []string{".", "..", "../x", "x/", "//", "a/../b", "%2e", "%", " ", "é", "\x00"} {
		b.asked = nil
		if _, err := c.Conversation(t.Context(), name); err != nil || !slices.Equal(b.asked, []string{"conversation " + name}) {
			t.Errorf("%q: asked %q, %v", name, b.asked, err)
		}
		b.asked = nil
		if _, err := c.SendMessage(t.Context(), name, "hi"); err != nil || !slices.Equal(b.asked, []string{"send message " + name + " hi"}) {
			t.Errorf("%q: asked %q, %v", name, b.asked, err)
		}
	}
}

func TestBadRequestsAboutPeople(t *testing.T) {
	b := &backend{}
	c, _ := serve(t, b)
	for _, test := range []struct {
		method, path string
		body         any
		status       int
		code         string
	}{
		{"POST", "/v1/pairings", nil, 400, CodeInvalid},
		{"POST", "/v1/pairings", NewPairing{Purpose: "friend"}, 400, CodeInvalid},
		{"POST", "/v1/pairings", NewPairing{Purpose: node.PairLink, Name: "bob"}, 400, CodeInvalid},
		{"POST", "/v1/pairings", NewPairing{Purpose: node.PairLink, Code: "a", Keeper: true}, 400, CodeInvalid},
		{"POST", "/v1/pairings", NewPairing{Purpose: node.PairContact, Keeper: true}, 400, CodeInvalid},
		{"GET", "/v1/pairings/0", nil, 404, CodeUnknownPairing},
		{"POST", "/v1/conversations/x/members", MemberChange{Action: "join", Who: "bob"}, 400, CodeInvalid},
		{"POST", "/v1/conversations/x/members", MemberChange{Action: "remove", Who: "bob", Before: "3f2a"}, 400, CodeInvalid},
		{"GET", "/v1/conversations/x/messages?limit=0", nil, 400, CodeInvalid},
		{"GET", "/v1/conversations/x/messages?limit=501", nil, 400, CodeInvalid},
		{"GET", "/v1/conversations/x/messages?limit=many", nil, 400, CodeInvalid},
		{"GET", "/v1/conversations/x/messages?before=3f2a", nil, 400, CodeInvalid},
		{"GET", "/v1/conversations/x/messages?all=maybe", nil, 400, CodeInvalid},
		{"POST", "/v1/conversations/x/messages", Text{strings.Repeat("x", maxBody)}, 413, CodeInvalid},
		{"POST", "/v1/conversations/x/messages", map[string]string{"texte": "x"}, 400, CodeInvalid},
	} {
		err := c.ask(t.Context(), test.method, test.path, test.body, nil)
		var p *Problem
		if !errors.As(err, &p) || p.Status != test.status || p.Code != test.code || p.Detail == "" {
			t.Errorf("%s %s: %+v", test.method, test.path, err)
		}
	}
	if b.asked != nil {
		t.Errorf("a bad request reached the backend: %q", b.asked)
	}
}

// TestTheLongestTextFits: the worst that JSON makes of it, too.
func TestTheLongestTextFits(t *testing.T) {
	b := &backend{}
	c, _ := serve(t, b)
	text := strings.Repeat("\x01", conversation.MaxBody)
	if _, err := c.SendMessage(t.Context(), "x", text); err != nil || len(b.asked) != 1 || b.asked[0] != "send message x "+text {
		t.Errorf("asked %d times, %v", len(b.asked), err)
	}
}

func TestErrorsAboutPeopleBecomeProblems(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("%w: x", node.ErrUnknownDevice), 404, CodeUnknownDevice},
		{node.ErrNotKeeper, 403, CodeNotKeeper},
		{node.ErrRevoked, 403, CodeRevoked},
		{node.ErrThisDevice, 409, CodeThisDevice},
		{node.ErrTooManyDevices, 409, CodeManyDevices},
		{node.ErrHasState, 409, CodeHasState},
		{node.ErrUnknownPairing, 404, CodeUnknownPairing},
		{node.ErrPairingEnded, 409, CodeEnded},
		{node.ErrNotMet, 503, CodeNotMet},
		{pairing.ErrMalformed, 400, CodeBadCode},
		{pairing.ErrPurpose, 400, CodeWrongPurpose},
		{pairing.ErrSelf, 409, CodeOwnCode},
		{pairing.ErrBurnt, 409, CodeBurnt},
		{pairing.ErrUsed, 409, CodeUsed},
		{pairing.ErrWrongCode, 409, CodeWrongCode},
		{pairing.ErrExpired, 409, CodeExpired},
		{pairing.ErrLive, 409, CodeBusy},
		{pairing.ErrTooMany, 429, CodeTooMany},
		{pairing.ErrFull, 429, CodeTooMany},
		{pairing.ErrGuessed, 429, CodeTooMany},
		{pairing.ErrSilent, 409, CodeBurnt},
		{node.ErrBadLifetime, 400, CodeBadLifetime},
		{pairing.ErrOffline, 503, CodeOffline},
		{node.ErrAmbiguous, 409, CodeAmbiguous},
		{node.ErrUnknownConversation, 404, CodeUnknownConversation},
		{node.ErrUnknownEntry, 404, CodeUnknownEntry},
		{node.ErrNotAllowed, 403, CodeNotAllowed},
		{node.ErrTooLong, 413, CodeTooLong},
		{node.ErrBadText, 400, CodeBadText},
	} {
		if p := problemOf(test.err); p.Status != test.status || p.Code != test.code || p.Detail != test.err.Error() {
			t.Errorf("%v: %+v", test.err, p)
		}
		failed := node.Pairing{State: node.PairFailed, Err: test.err}
		if code := pairingOf(failed).Failure; code != test.code {
			t.Errorf("a pairing that fails by %v: %q", test.err, code)
		}
	}
	if code := pairingOf(node.Pairing{State: node.PairFailed}).Failure; code != CodePairing {
		t.Errorf("a pairing that fails for no reason given: %q", code)
	}
	if code := pairingOf(node.Pairing{State: node.PairDone}).Failure; code != "" {
		t.Errorf("a pairing that is done: %q", code)
	}
}

func TestPeopleAsJSON(t *testing.T) {
	when := time.Date(2026, 11, 23, 4, 5, 6, 0, time.FixedZone("", 3600))
	b := &backend{
		devices:  []node.Device{{ID: device, Name: "phone", Added: when, Self: true, Keeper: true, Connected: true}},
		pairings: []node.Pairing{{ID: id, Purpose: node.PairLink, State: node.PairWaiting, Code: "a-b-c-d-e", QR: "PASSEUR:1:L:X", Expires: when}},
		conversations: []node.Conversation{{
			ID: conversation.ID{1}, Mode: conversation.Group, Name: "h", Status: "owner", Entries: 3, Heads: []conversation.ID{{2}},
			Members: []node.Member{{Account: account(1), Name: "you", Status: "owner", Self: true}},
			Last:    &node.Message{Text: strings.Repeat("é", 600), Time: when, Seen: when},
		}},
		messages: []node.Message{{
			ID: conversation.ID{2}, Conversation: conversation.ID{1}, Account: account(2), Device: device, Author: "bob",
			Time: when, Seen: when.Add(time.Hour), Late: true, Type: conversation.TypeText, Text: "hi", Edited: true, Size: 2,
			Parents: []conversation.ID{{1}},
		}},
	}
	c, _ := serve(t, b)
	for path, want := range map[string]string{
		"/v1/devices": `[{"id":"` + device.String() + `","name":"phone","added":"2026-11-23T03:05:06Z","self":true,"keeper":true,"revoked":false,"connected":true}]`,
		"/v1/pairings/" + id: `{"id":"0123456789abcdef","purpose":"link","state":"waiting","failure":"","reason":"","code":"a-b-c-d-e","qr":"PASSEUR:1:L:X",` +
			`"expires":"2026-11-23T03:05:06Z","verifier":"","device":null,"contact":null,"transfer":""}`,
		"/v1/conversations/x/messages": `[{"id":"` + conversation.ID{2}.String() + `","conversation":"` + conversation.ID{1}.String() + `","account":"` + account(2).String() +
			`","device":"` + device.String() + `","author":"bob","time":"2026-11-23T03:05:06Z","seen":"2026-11-23T04:05:06Z","late":true,"type":"text/plain","text":"hi","file":null,` +
			`"action":"","target":"","target_name":"","edit":"","edited":true,"deleted":false,"void":false,"reason":"","size":2,"parents":["` + conversation.ID{1}.String() + `"]}]`,
	} {
		var raw jsonText
		if err := c.ask(t.Context(), http.MethodGet, path, nil, &raw); err != nil || string(raw) != want {
			t.Errorf("%s: got\n%s\nwant\n%s\n%v", path, raw, want, err)
		}
	}
	all, err := c.Conversations(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	got := all[0]
	if got.ID != (conversation.ID{1}).String() || got.Renewed != "" || got.Heads[0] != (conversation.ID{2}).String() || !got.Members[0].Self {
		t.Errorf("%+v", got)
	}
	if want := strings.Repeat("é", maxLastText/2) + "…"; got.Last.Text != want {
		t.Errorf("the last message's text is %q", got.Last.Text)
	}
}

// TestAFloodOfTextMakesASmallerPage, of the newest.
func TestAFloodOfTextMakesASmallerPage(t *testing.T) {
	long := strings.Repeat("x", conversation.MaxBody)
	b := &backend{}
	for i := range MaxPage {
		b.messages = append(b.messages, node.Message{ID: conversation.ID{byte(i), byte(i >> 8)}, Text: long, Size: len(long)})
	}
	c, _ := serve(t, b)
	page, err := c.Messages(t.Context(), "x", Page{Limit: MaxPage})
	if err != nil || len(page) != maxPageText/(2*len(long)) || page[len(page)-1].ID != b.messages[MaxPage-1].ID.String() {
		t.Errorf("%d messages, %v", len(page), err)
	}
}

func TestExport(t *testing.T) {
	b := &backend{export: []string{"{}\n", "{\"a\":1}\n"}}
	c, _ := serve(t, b)
	var out bytes.Buffer
	if err := c.Export(t.Context(), "x", &out); err != nil || out.String() != "{}\n{\"a\":1}\n" {
		t.Errorf("%q, %v", &out, err)
	}
	answer, err := c.do(t.Context(), http.MethodGet, "/v1/conversations/x/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); kind != "application/x-ndjson" {
		t.Errorf("it is %q", kind)
	}
}

// TestAnExportThatFailsIsNoWhole says so at its beginning, or breaks off.
func TestAnExportThatFailsIsNoWhole(t *testing.T) {
	b := &backend{err: node.ErrAmbiguous}
	c, _ := serve(t, b)
	var p *Problem
	if err := c.Export(t.Context(), "x", io.Discard); !errors.As(err, &p) || p.Code != CodeAmbiguous {
		t.Errorf("%v", err)
	}
	b.export = []string{strings.Repeat("x", 1<<20)}
	if err := c.Export(t.Context(), "x", io.Discard); err == nil {
		t.Errorf("half an export passed: %v", err)
	}
}

func TestEventsAboutPeople(t *testing.T) {
	b := &backend{events: make(chan node.Event)}
	c, _ := serve(t, b)
	all, err := c.Events(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	for _, e := range []node.Event{
		{Message: &node.Message{Text: strings.Repeat("\x01", conversation.MaxBody), Author: "bob"}},
		{Conversation: &node.Conversation{Name: "h"}},
		{Pairing: &node.Pairing{ID: id, State: node.PairDone}},
		{Device: &node.Device{ID: device}},
	} {
		b.events <- e
		got, err := all.Next()
		if err != nil {
			t.Fatal(err)
		}
		want := eventOf(e)
		switch {
		case got.kind() != want.kind(),
			want.Message != nil && fmt.Sprint(*got.Message) != fmt.Sprint(*want.Message),
			want.Conversation != nil && fmt.Sprint(*got.Conversation) != fmt.Sprint(*want.Conversation),
			want.Pairing != nil && fmt.Sprint(*got.Pairing) != fmt.Sprint(*want.Pairing),
			want.Device != nil && fmt.Sprint(*got.Device) != fmt.Sprint(*want.Device):
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	close(b.events)
}

// TestRequestsWaitForANodeThatStartsAnew.
func TestRequestsWaitForANodeThatStartsAnew(t *testing.T) {
	server, c := newServer(t)
	server.Use(&backend{})
	server.Use(nil)
	server.Use(nil) // no harm
	answered := make(chan error, 1)
	go func() {
		devices, err := c.Devices(t.Context())
		if err == nil && len(devices) != 1 {
			err = fmt.Errorf("the node before answered: %v", devices)
		}
		answered <- err
	}()
	// Whether the request is there before the node or after it, it is answered.
	server.Use(&backend{devices: []node.Device{{ID: device}}})
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestARequestDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		start := time.Now()
		_, err := g.await(t.Context())
		var p *Problem
		if !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || p.Code != CodeRestarting || time.Since(start) != restartTime {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		g.await(ctx) // returns at once
		if time.Since(start) != restartTime {
			t.Error("it waited for a client that is gone")
		}
	})
}

func TestASocketThatAnotherTookStays(t *testing.T) {
	home := t.TempDir()
	first, err := Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(SocketPath(home)); err != nil {
		t.Errorf("the other's socket is gone: %v", err)
	}
}
