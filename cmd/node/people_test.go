package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

func TestEachCommandAsksForWhatItSays(t *testing.T) {
	f := &fakeNode{}
	serveFake(t, f)
	id3 := conversation.ID{3}.String()[:12] + "\n"
	for line, want := range map[string][2]string{ // what is asked, what is said
		"device revoke phone":                        {"revoke phone", "revoked phone ("},
		"conversation create holiday bob al":         {`create holiday ["bob" "al"]`, "made holiday (010000000000); 2 invited\n"},
		"conversation create holiday bob --json":     {`create holiday ["bob"]`, `{"id":"` + conversation.ID{1}.String() + `"}` + "\n"},
		"conversation accept holiday":                {"accept holiday", "you joined holiday (020000000000)\n"},
		"conversation leave holiday":                 {"leave holiday", "you left holiday"},
		"conversation renew holiday":                 {"renew holiday", "the conversation goes on as holiday"},
		"conversation invite holiday bob":            {`invite bob "" holiday`, "bob is invited to holiday"},
		"conversation remove holiday bob":            {`remove bob "" holiday`, "bob was removed from holiday"},
		"conversation ban holiday bob":               {`ban bob "" holiday`, "bob is banned from holiday"},
		"conversation ban holiday bob --before 3f2a": {`ban bob "3f2a" holiday`, "bob is banned from holiday"},
		"conversation unban holiday bob":             {`unban bob "" holiday`, "bob may be invited to holiday"},
		"conversation promote holiday bob":           {`promote bob "" holiday`, "bob is an admin of holiday"},
		"conv demote holiday bob":                    {`demote bob "" holiday`, "bob is an ordinary member of holiday"},
		"conversation invite holiday bob --json":     {`invite bob "" holiday`, `{"id":"` + conversation.ID{2}.String()},
		"conversation allow holiday bob":             {"allow bob holiday", "bob may send more to holiday"},
		"conversation check holiday":                 {"check holiday false", "all is well\n"},
		"conversation check holiday --rebuild":       {"check holiday true", "all is well\n"},
		"conversation check holiday --json":          {"check holiday false", `{"findings":[]}`},
		"message bob hello there":                    {"send bob hello there", id3},
		"message bob --edit 3f2a hello":              {"edit bob 3f2a hello", id3},
		"message bob --delete 3f2a":                  {"delete bob 3f2a", id3},
		"message bob --json hi":                      {"send bob hi", `{"id":"` + conversation.ID{3}.String()},
		"message bob -- -1 -":                        {"send bob -1 -", id3},
	} {
		f.asked = nil
		code, stdout, stderr := passeur(t.Context(), strings.Fields(line)...)
		if code != 0 || !strings.HasPrefix(stdout, want[1]) || !slices.Contains(f.asked, want[0]) {
			t.Errorf("%s: exit code %d, asked %q, said %s%s", line, code, f.asked, stdout, stderr)
		}
	}
}

func TestWhatIsWrongWithAConversationIsSaid(t *testing.T) {
	serveFake(t, &fakeNode{findings: []string{"entry 7 is void\x1b[2J"}})
	code, stdout, stderr := passeur(t.Context(), "conversation", "check", "holiday")
	if code != exitBadSum || !strings.Contains(stdout, "entry 7 is void") || strings.Contains(stdout, "\x1b") || !strings.Contains(stderr, "--rebuild") {
		t.Errorf("exit code %d, said %q, %q", code, stdout, stderr)
	}
}

func TestWrongUsageOfMessage(t *testing.T) {
	serveFake(t, &fakeNode{})
	for _, line := range []string{"message", "message bob", "message bob --edit 3f2a", "message bob --delete 3f2a text", "message bob --edit 1 --delete 2 x",
		"contact join", "conversation show", "conversation show bob --limit -1", "conversation invite holiday", "conversation frobnicate"} {
		if code, stdout, stderr := passeur(t.Context(), strings.Fields(line)...); code != exitUsage {
			t.Errorf("%s: exit code %d, said %s%s", line, code, stdout, stderr)
		}
	}
}

// TestAnEmptyCodeIsNotEntered: it would have the node show a new one.
func TestAnEmptyCodeIsNotEntered(t *testing.T) {
	f := &fakeNode{}
	serveFake(t, f)
	for _, verb := range []string{"contact", "device"} {
		if code, stdout, stderr := passeur(t.Context(), verb, "join", " "); code != exitUsage || len(f.asked) > 0 {
			t.Errorf("%s: exit code %d, asked %q, said %s%s", verb, code, f.asked, stdout, stderr)
		}
	}
}

func TestTextFromStandardInput(t *testing.T) {
	for in, want := range map[string]string{"two\nlines\r\n": "two\nlines", "": "", "\n": ""} {
		if got, err := wordsOrInput(strings.NewReader(in), []string{"-"}); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	if got, err := wordsOrInput(strings.NewReader("x"), []string{"-", "-"}); err != nil || got != "- -" {
		t.Errorf("two words: %q, %v", got, err)
	}
}

// longTalk is a group with so many messages, a minute apart.
func longTalk(n int) *fakeNode {
	f := &fakeNode{conversations: []node.Conversation{{ID: conversation.ID{9}, Mode: conversation.Group, Name: "holiday", Status: "owner"}}}
	for i := range n {
		m := node.Message{ID: conversation.ID{1, byte(i >> 8), byte(i)}, Author: "bob", Type: conversation.TypeText, Text: fmt.Sprintf("message %d.", i),
			Time: time.Unix(int64(i)*60, 0)}
		if i > 0 {
			m.Parents = []conversation.ID{f.messages[i-1].ID}
		}
		f.messages = append(f.messages, m)
	}
	return f
}

func TestShowGetsAsManyPagesAsItNeeds(t *testing.T) {
	f := longTalk(1203)
	serveFake(t, f)
	for limit, want := range map[string]struct{ first, count int }{"50": {1153, 50}, "1100": {103, 1100}, "0": {0, 1203}, "5000": {0, 1203}} {
		code, stdout, stderr := passeur(t.Context(), "conversation", "show", "holiday", "--limit", limit)
		if n := strings.Count(stdout, "message "); code != 0 || n != want.count || !strings.Contains(stdout, fmt.Sprintf("message %d.", want.first)) || !strings.Contains(stdout, "message 1202.\n") {
			t.Errorf("limit %s: exit code %d, %d messages, %s", limit, code, n, stderr)
		}
		if older := strings.Contains(stderr, "what is older is left out"); older != (want.first > 0) {
			t.Errorf("limit %s: %q", limit, stderr)
		}
	}
	_, stdout, _ := passeur(t.Context(), "conversation", "show", "holiday", "--limit", "2", "--graph")
	if !strings.HasPrefix(stdout, "*  0104b2000000  ") || strings.Count(stdout, "*") != 2 || !slices.Contains(f.asked, "messages 3 true") {
		t.Errorf("graph, asked %q:\n%s", f.asked[len(f.asked)-2:], stdout)
	}
	_, stdout, _ = passeur(t.Context(), "conversation", "show", "holiday", "--limit", "1", "--json")
	if !strings.HasPrefix(stdout, `{"id":"0900`) || !strings.Contains(stdout, `"messages":[{"id":"0104b2`) {
		t.Errorf("JSON: %s", stdout)
	}
}

func TestExportToAFile(t *testing.T) {
	f := &fakeNode{export: []string{"{}\n", "{}\n"}}
	serveFake(t, f)
	path := filepath.Join(t.TempDir(), "out.jsonl")
	code, stdout, stderr := passeur(t.Context(), "conversation", "export", "bob", "-o", path)
	content, err := os.ReadFile(path)
	if code != 0 || stdout != "2 entries in "+path+"\n" || string(content) != "{}\n{}\n" || err != nil {
		t.Errorf("exit code %d, said %s%s, wrote %q, %v", code, stdout, stderr, content, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if code, stdout, _ := passeur(t.Context(), "conversation", "export", "bob", "-o", path, "--json"); code != exitError || !strings.Contains(stdout, api.CodeBadFile) {
		t.Errorf("over a file: exit code %d, %s", code, stdout)
	}
	if _, stdout, _ := passeur(t.Context(), "conversation", "export", "bob"); stdout != "{}\n{}\n" {
		t.Errorf("to standard output: %q", stdout)
	}
	f.refuse = errors.New("the disk is on fire")
	part := path + "2"
	if code, _, stderr := passeur(t.Context(), "conversation", "export", "bob", "-o", part); code != exitError || stderr == "" {
		t.Errorf("half an export: exit code %d, %s", code, stderr)
	}
	if _, err := os.Stat(part); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half an export was left: %v", err)
	}
}

// TestTabOffersNothingThatOthersChose.
func TestTabOffersNothingThatOthersChose(t *testing.T) {
	f := &fakeNode{
		devices:  []node.Device{{ID: "me", Name: "me", Self: true}, {ID: "a", Name: "phone"}, {ID: "b", Name: "$(touch x)"}, {ID: "c", Name: "old", Revoked: true}},
		contacts: []node.Contact{{Name: "bob", Account: testAccount(2), State: node.Accepted}},
		conversations: []node.Conversation{
			{ID: conversation.ID{1}, Mode: conversation.OneToOne, Name: "bob", Status: "member"},
			{ID: conversation.ID{2}, Mode: conversation.Group, Name: "$(touch x)", Status: "member"},
			{ID: conversation.ID{3}, Mode: conversation.Group, Name: "holiday", Status: "invited"},
		},
	}
	serveFake(t, f)
	for line, want := range map[string]string{
		"device revoke":                   "phone " + f.devices[2].ID.String(),
		"conversation show":               "bob 020000000000 030000000000\tholiday",
		"conversation accept":             "030000000000\tholiday",
		"conversation invite 0200":        "bob\taccepted",
		"conversation invite 0200 bob":    "",
		"conversation create":             "",
		"conversation create holiday bob": "bob\taccepted",
		"message":                         "bob 020000000000",
		"message bob hello":               "",
		"contact join":                    "",
	} {
		_, stdout, stderr := passeur(t.Context(), append([]string{"__complete"}, append(strings.Fields(line), "")...)...)
		words, _, _ := strings.Cut(stdout, ":")
		if got := strings.ReplaceAll(strings.TrimSpace(words), "\n", " "); got != want {
			t.Errorf("%s: %q, want %q; %s", line, got, want, stderr)
		}
	}
}

// export makes the export of a group of one, with so many messages.
func export(t *testing.T, messages int) (lines []string) {
	t.Helper()
	key, err := conversation.AccountKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	device, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(device)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := key.Certify(id)
	if err != nil {
		t.Fatal(err)
	}
	d := conversation.Draft{
		Account: key.Account(), Time: time.Now(), Certificate: &cert,
		Type: conversation.TypeInitial, Content: conversation.InitialContent(conversation.Group, conversation.Account{}, "holiday\u202e"),
	}
	for range messages + 1 {
		e, err := d.Sign(device)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(e.MarshalLine()))
		d.Conversation, d.Parents, d.Certificate = e.Conversation, []conversation.ID{e.ID}, nil
		d.Type, d.Content = conversation.TypeText, []byte("hi")
	}
	return lines
}

func TestVerify(t *testing.T) {
	lines := export(t, 3)
	path := filepath.Join(t.TempDir(), "holiday.jsonl")
	write := func(lines ...string) {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(lines...)
	code, stdout, stderr := passeur(t.Context(), "conversation", "verify", path)
	if code != 0 || !strings.HasPrefix(stdout, "every signature is right") || !strings.Contains(stdout, `holiday\u202e`) ||
		!strings.Contains(stdout, "4; 0 of them do not count") || !strings.Contains(stdout, testAccount(1).String()+"  owner") {
		t.Errorf("exit code %d, said %s%s", code, stdout, stderr)
	}
	code, stdout, _ = passeur(t.Context(), "conversation", "verify", path, "--json")
	if code != 0 || !strings.Contains(stdout, `"mode":"group","name":"holiday\u202e","entries":4,"void":0,"withheld":0,"heads":["`) {
		t.Errorf("exit code %d, said %s", code, stdout)
	}
	for name, bad := range map[string][]string{
		"a line is missing":  {lines[0], lines[2]},
		"the first is too":   lines[1:],
		"a digit is changed": {lines[0], strings.Replace(lines[1], `"signature":"`, `"signature":"00`, 1)},
		"nothing":            {},
		"something else":     {"hello\n"},
	} {
		write(bad...)
		code, stdout, stderr := passeur(t.Context(), "conversation", "verify", path, "--json")
		if code != exitBadSum || !strings.Contains(stdout, `"code":"bad-export"`) || !strings.Contains(stderr, path) {
			t.Errorf("%s: exit code %d, said %s%s", name, code, stdout, stderr)
		}
	}
	if code, _, _ := passeur(t.Context(), "conversation", "verify", path+"x"); code != exitError {
		t.Errorf("no file: exit code %d", code)
	}
}
