package show

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

// golden compares text with testdata/name; UPDATE=1 writes it.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, text, want)
	}
}

// entryID names the nth entry of a test.
func entryID(n int) string { return fmt.Sprintf("%012x%052d", 0xabc000000000+n, 0) }

// said is a text message so many minutes after the morning of a Monday.
func said(n, minutes int, author, text string) api.Message {
	when := time.Date(2026, 11, 23, 9, 14, 0, 0, time.UTC).Add(time.Duration(minutes) * time.Minute)
	return api.Message{ID: entryID(n), Author: author, Time: when, Seen: when, Type: conversation.TypeText, Text: text, Size: len(text)}
}

func did(n, minutes int, author string, action conversation.Action, target string) api.Message {
	m := said(n, minutes, author, "")
	m.Type, m.Action, m.TargetName = conversation.TypeMember, action, target
	return m
}

// talk is a conversation with one of everything.
func talk() []api.Message {
	edited := said(6, 3, "you", "three o'clock, at the old harbour, where the ferries used to leave before the bridge was built")
	edited.Edited = true
	deleted := said(7, 4, "bob", "")
	deleted.Deleted, deleted.Edited = true, true
	file := said(8, 5, "alice", "")
	file.Type, file.File = conversation.TypeFile, &api.File{Name: "p\u202e.jpg", Size: 3 << 20}
	unknown := said(9, 6, "bob", "")
	unknown.Type, unknown.Size = "image/png", 1234
	late := said(10, 24*60, "bob", "two\nlines\tand a tab")
	late.Late, late.Seen = true, late.Time.Add(50*time.Hour)
	void := said(11, 24*60+1, "mallory", "buy my coins")
	void.Void, void.Reason = true, "alice banned mallory without having seen it"
	stranger := said(12, 24*60+2, "passeur:"+strings.Repeat("a", 58), hostile)
	merge := said(13, 24*60+3, "you", "")
	merge.Type = conversation.TypeMerge
	edit, renewal := said(5, 24*60+3, "you", "three"), said(22, 24*60+12, "alice", "")
	edit.Edit, renewal.Type = entryID(6), node.TypeRenewal
	odd := did(14, 24*60+4, "bob", "juggle\x1b", "")
	made := did(0, 0, "alice", conversation.Initial, "")
	made.Text = "holiday\u202e"
	return []api.Message{
		made, did(1, 0, "alice", conversation.Initial, ""), did(2, 0, "alice", conversation.Invite, "you"),
		did(3, 1, "you", conversation.Join, ""), said(4, 2, "alice", "日本語 when do we meet?"),
		edited, deleted, file, unknown, late, void, stranger, merge, edit, odd,
		did(15, 24*60+5, "alice", conversation.Ban, "mallory"), did(16, 24*60+6, "alice", conversation.Unban, "mallory"),
		did(17, 24*60+7, "alice", conversation.Promote, "bob"), did(18, 24*60+8, "alice", conversation.Demote, "bob"),
		did(19, 24*60+9, "alice", conversation.Remove, "bob"), did(20, 24*60+10, "bob", conversation.Leave, ""),
		did(21, 24*60+11, "alice", conversation.Revoke, ""), renewal,
	}
}

func TestReading(t *testing.T) {
	for name, o := range map[string]Reading{
		"plain.txt":  {Zone: time.UTC},
		"narrow.txt": {Zone: time.UTC, Width: 50},
		"colour.txt": {Zone: time.UTC, Width: 80, Colour: true},
		"all.txt":    {Zone: time.UTC, All: true, Width: 80},
	} {
		var b bytes.Buffer
		if err := Messages(&b, talk(), o); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.String())
		if !o.Colour {
			for line := range strings.Lines(b.String()) {
				harmless(t, strings.TrimSuffix(line, "\n"))
				if w := runewidth.StringWidth(line); o.Width > 0 && w > o.Width {
					t.Errorf("%s: %d columns: %s", name, w, line)
				}
			}
		}
	}
}

// TestALongMessageDoesNotPushOthersAway, nor does it take another's place.
func TestALongMessageDoesNotPushOthersAway(t *testing.T) {
	m := said(1, 0, "mallory", strings.Repeat("bob   I am a fool\n", 5000))
	for all, want := range map[bool]int{false: 1 + maxLines + 1, true: 1 + 5001} {
		var b bytes.Buffer
		if err := Messages(&b, []api.Message{m}, Reading{All: all, Zone: time.UTC}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) != want {
			t.Errorf("%d lines, want %d", len(lines), want)
		}
		for _, line := range lines[2:] {
			if line != strings.TrimLeft(line, " ") || line == "" {
				continue
			}
			t.Fatalf("a line stands where authors do: %q", line)
		}
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("a word or two", 5)
	f.Add("日本語日本語 x\r\n\ty", 3)
	f.Add(hostile, 1)
	f.Fuzz(func(t *testing.T, text string, width int) {
		width = 1 + max(width, -width)%100
		for _, line := range wrap(text, width) {
			harmless(t, line)
			if runewidth.StringWidth(line) > width && utf8.RuneCountInString(line) > 1 {
				t.Errorf("%q is wider than %d", line, width)
			}
		}
		squeeze := func(s string) string { return strings.NewReplacer(" ", "", "\n", "").Replace(s) }
		all := strings.Join(wrap(text, width), "")
		if want := squeeze(strings.Join(wrap(text, 0), "")); squeeze(all) != want {
			t.Errorf("%q became %q", want, all)
		}
	})
}

func group() api.Conversation {
	last := said(4, 2, "alice", "hi\nthere")
	return api.Conversation{
		ID: entryID(1), Mode: conversation.Group, Name: "holiday\u202e", Status: "owner", Entries: 7, Last: &last,
		Members: []api.Member{
			{Name: "you", Status: "owner", Self: true}, {Name: "bob", Status: "member"}, {Name: "mallory", Status: "banned"},
			{Name: "carol", Status: "invited"}, {Name: "dan", Status: "admin"},
		},
	}
}

func TestConversations(t *testing.T) {
	one := api.Conversation{ID: entryID(2), Mode: conversation.OneToOne, Name: "bob", Status: "member"}
	invited := group()
	invited.Status, invited.Paused, invited.Renewed = "invited", "mallory has sent 64 MiB", entryID(9)
	var b bytes.Buffer
	o := Reading{Zone: time.UTC}
	err := Conversations(&b, []api.Conversation{group(), one, invited}, o)
	for _, c := range []api.Conversation{group(), one, invited} {
		b.WriteByte('\n')
		if err == nil {
			err = Conversation(&b, c, o)
		}
	}
	if err == nil {
		err = Conversations(&b, nil, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "conversations.txt", b.String())
}

func TestPairingSteps(t *testing.T) {
	var b bytes.Buffer
	p := api.Pairing{ID: "0123456789abcdef", Purpose: node.PairLink, State: node.PairWaiting, Code: "acorn-breeze-cable-dune-ember",
		QR: "PASSEUR:1:L:" + strings.Repeat("A7", 26), Expires: time.Date(2026, 11, 23, 9, 14, 0, 0, time.UTC)}
	for _, o := range []CodeStyle{{Zone: time.UTC}, {Zone: time.UTC, QR: true}, {Zone: time.UTC, Colour: true}} {
		if err := Code(&b, p, "passeur device join", o); err != nil {
			t.Fatal(err)
		}
	}
	say := func(text string) { fmt.Fprintln(&b, text) }
	say(PairingStep(p))
	entered := p
	entered.Code, entered.QR, entered.State = "", "", node.PairExchange
	say(PairingStep(entered))
	for _, state := range []node.PairingState{node.PairExchange, node.PairConnect} {
		p.State = state
		say(PairingStep(p))
	}
	p.Verifier = "one two three four"
	say(PairingStep(p))
	for _, end := range []api.Pairing{
		{Device: &api.Device{Name: hostile, ID: "12D3a"}}, {Device: &api.Device{Name: "phone", ID: "12D3a", Keeper: true}},
		{Contact: &api.Contact{Name: "bob"}}, {Purpose: node.PairLink}, {},
	} {
		say(Paired(end))
	}
	for _, end := range []api.Pairing{
		{State: node.PairCancelled}, {State: node.PairFailed}, {State: node.PairFailed, Reason: "the code was mistyped\x1b"},
	} {
		say(PairingFailure(end))
	}
	p.Code = "" // a code without words
	if err := Code(&b, p, "passeur device join", CodeStyle{Zone: time.UTC}); err != nil {
		t.Fatal(err)
	}
	golden(t, "pairing.txt", b.String())
}

func TestPairingEvents(t *testing.T) {
	var b bytes.Buffer
	p := api.Pairing{ID: "0123456789abcdef", Purpose: node.PairContact, State: node.PairWaiting, Code: "a-b-c-d", QR: "PASSEUR:1:C:X"}
	JSON(&b, NewPairingEvent(p))
	p.State, p.Contact = node.PairDone, &api.Contact{Account: "passeur:x", Name: "bob", State: node.Accepted}
	JSON(&b, NewPairingEvent(p))
	want := `{"event":"pairing","id":"0123456789abcdef","purpose":"contact","state":"waiting","failure":"","reason":"","code":"a-b-c-d","qr":"PASSEUR:1:C:X","expires":"0001-01-01T00:00:00Z","verifier":"","device":null,"contact":null,"transfer":""}
{"event":"done","id":"0123456789abcdef","purpose":"contact","state":"done","failure":"","reason":"","code":"a-b-c-d","qr":"PASSEUR:1:C:X","expires":"0001-01-01T00:00:00Z","verifier":"","device":null,"contact":{"account":"passeur:x","name":"bob","state":"accepted","verified":""},"transfer":""}
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

// TestQRIsWhatTheCodeSays reads the modules back from the drawing.
func TestQRIsWhatTheCodeSays(t *testing.T) {
	text := "PASSEUR:1:L:" + strings.Repeat("A7", 26)
	var b bytes.Buffer
	if err := QR(&b, text, false); err != nil {
		t.Fatal(err)
	}
	width, err := QRWidth(text)
	if err != nil {
		t.Fatal(err)
	}
	light := modules(t, b.String(), width)
	want := qrOf(t, text)
	for y := range width {
		for x := range width {
			if is := !want.Black(x-quiet, y-quiet); light[y][x] != is {
				t.Fatalf("module %d,%d is light: %v, want %v", x, y, light[y][x], is)
			}
		}
	}
	if len(light) != width && slices.Contains(light[width], true) {
		t.Error("there is ink below the frame")
	}
}
