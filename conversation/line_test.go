package conversation_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/test/vectors"
)

// goodEntries are those of the vectors that say what they are.
func goodEntries(t testing.TB) (all []*conversation.Entry) {
	t.Helper()
	for _, v := range vectors.Read(t, entryVectors) {
		if v["expect"] == "ok" && v["id"] != "" {
			e, err := conversation.Decode(rawOf(t, v))
			check(t, err)
			all = append(all, e)
		}
	}
	return all
}

func TestLinesGiveBackTheirEntries(t *testing.T) {
	for _, e := range goodEntries(t) {
		line := e.MarshalLine()
		if bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' || !json.Valid(line) {
			t.Fatalf("no line of JSON: %q", line)
		}
		for _, text := range [][]byte{line, line[:len(line)-1]} {
			again, err := conversation.ParseLine(text)
			if err != nil || !reflect.DeepEqual(again, e) {
				t.Errorf("%s\ngives %+v, %v", text, again, err)
			}
		}
	}
}

// What a person reads is what is signed.
func TestLineThatSaysOtherThanItsBytesIsRefused(t *testing.T) {
	w := newWorld(t)
	line := string(w.text("I owe you 10").MarshalLine())
	for name, change := range map[string][2]string{
		"content":        {"I owe you 10", "I owe you 99"},
		"no content":     {`"content":"I owe you 10",`, ``},
		"time":           {`"time":"2026`, `"time":"2027`},
		"account":        {w.key.Account().String(), newWorld(t).key.Account().String()},
		"a new field":    {`{"id"`, `{"note":"signed by Bob","id"`},
		"a field twice":  {`{"id"`, `{"content":"I owe you 99","id"`},
		"white space":    {`{"id"`, `{ "id"`},
		"another case":   {`"content"`, `"Content"`},
		"another order":  {`"type":"text/plain",`, ``},
		"hex in capital": {`"header":"5053453`, `"header":"505345` + "3"},
	} {
		wrong := strings.Replace(line, change[0], change[1], 1)
		if _, err := conversation.ParseLine([]byte(wrong)); wrong != line && !errors.Is(err, conversation.ErrLine) {
			t.Errorf("%s: %v, want ErrLine", name, err)
		}
	}
	for _, wrong := range []string{"", "{}", "null", "[]", line + line, line + "\n", strings.Repeat(" ", conversation.MaxLine+1), `{"header":"zz"}`, `{"header":"","signature":"z"}`} {
		if e, err := conversation.ParseLine([]byte(wrong)); err == nil || e != nil {
			t.Errorf("%.40q was taken", wrong)
		}
	}
}

func TestLineObeysNoTerminal(t *testing.T) {
	line := newWorld(t).text("\x1b[2J\x7f\u009b31m\u202e\u200b\ufeff\U000e0041 déjà vu 👋 \u2028").MarshalLine()
	if want := `"content":"\u001b[2J\u007f\u009b31m\u202e\u200b\ufeff\udb40\udc41 déjà vu 👋 \u2028"`; !bytes.Contains(line, []byte(want)) {
		t.Errorf("%s\nlacks %s", line, want)
	}
}

func TestLongestLineFits(t *testing.T) {
	w := newWorld(t)
	for name, content := range map[string][]byte{
		"zeros": make([]byte, conversation.MaxBody-conversation.Salt),
		"tags":  []byte(strings.Repeat("\U000e0041", (conversation.MaxBody-conversation.Salt)/4)),
	} {
		line := w.sign(w.draft(conversation.TypeText, content)).MarshalLine()
		if _, err := conversation.ParseLine(line); err != nil || len(line) > conversation.MaxLine {
			t.Errorf("%s: a line of %d bytes: %v", name, len(line), err)
		}
	}
}

// An export is checked without this program: sums and signature by openssl.
func TestOpenSSLVerifiesALine(t *testing.T) {
	for _, e := range goodEntries(t)[:3] {
		var line struct {
			ID, Header, Signature string
			Body                  []byte
		}
		check(t, json.Unmarshal(e.MarshalLine(), &line))
		header, err := hex.DecodeString(line.Header)
		check(t, err)
		signature, err := hex.DecodeString(line.Signature)
		check(t, err)
		dir := t.TempDir()
		for name, content := range map[string][]byte{
			"signed": append([]byte("passeur/entry/1\x00"), header...), "signature": signature, "body": line.Body,
			"key": append([]byte("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"), header[68:100]...),
		} {
			check(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
		}
		openssl := func(args ...string) string {
			cmd := exec.Command("openssl", args...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("openssl %s: %v\n%s", args, err, out)
			}
			return string(out)
		}
		if out := openssl("dgst", "-sha3-256", "signed"); !strings.Contains(out, "= "+line.ID) {
			t.Errorf("the id is %s, openssl says %s", line.ID, out)
		}
		if out := openssl("dgst", "-sha3-256", "body"); !strings.Contains(out, "= "+line.Header[len(line.Header)-64:]) {
			t.Errorf("the header ends in %s, openssl says %s", line.Header[len(line.Header)-64:], out)
		}
		openssl("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin", "-in", "signed", "-sigfile", "signature")
	}
}
