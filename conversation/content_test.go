package conversation_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/test/vectors"
)

const contentVectors = "testdata/contents.txt"

func TestContentVectors(t *testing.T) {
	for _, v := range vectors.Read(t, contentVectors) {
		t.Run(v["type"]+" "+v["comment"], func(t *testing.T) {
			content := contentOf(t, v)
			got, again, err := readContent(v["type"], content)
			if v["expect"] == "error" {
				if !errors.Is(err, conversation.ErrContent) {
					t.Fatalf("%v, want ErrContent", err)
				}
				return
			}
			check(t, err)
			for _, name := range []string{"comment", "expect", "type", "content"} {
				got[name] = v[name]
			}
			if !reflect.DeepEqual(got, v) {
				t.Errorf("it says\n%q\nwant\n%q", got, v)
			}
			if same := bytes.Equal(again, content); v["expect"] == "ok" && !same {
				t.Errorf("written again it is %s, want %s", again, content)
			}
			if reread, _, err := readContent(v["type"], again); err != nil || !sameBut(reread, got, "comment", "expect", "type", "content") {
				t.Errorf("written again it says %q, %v", reread, err)
			}
		})
	}
}

func contentOf(t testing.TB, v vectors.Vector) []byte {
	t.Helper()
	if v["content"] == "" {
		return nil
	}
	return v.Hex(t, "content")
}

// readContent gives what a content says as a vector does, and writes it again.
func readContent(typ string, content []byte) (says vectors.Vector, again []byte, err error) {
	if typ == conversation.TypeText {
		x, err := conversation.ParseText(content)
		says := vectors.Vector{"text": hex.EncodeToString([]byte(x.Text))}
		addEdit(says, x.Edit, x.Deleted, x.Also)
		return says, x.Content(), err
	}
	f, err := conversation.ParseFile(content)
	says = vectors.Vector{}
	for name, value := range map[string]string{
		"display-name": hex.EncodeToString([]byte(f.DisplayName)), "sha3sum": f.SHA3Sum, "sha3tree": f.SHA3Tree, "tid": f.TID,
		"extra": string(conversation.Fields(f.Extra).Content()), "total-size": strconv.FormatInt(f.TotalSize, 10),
		"manifest": strconv.FormatInt(f.Manifest, 10),
	} {
		sized := !f.Deleted && (f.SHA3Sum != "" || f.Edit.IsZero())
		if value != "" && !(name == "extra" && f.Extra == nil) && !(name == "total-size" && !sized) && !(name == "manifest" && value == "0") {
			says[name] = value
		}
	}
	addEdit(says, f.Edit, f.Deleted, f.Also)
	return says, f.Content(), err
}

func addEdit(says vectors.Vector, edit conversation.ID, deleted bool, also []conversation.ID) {
	if !edit.IsZero() {
		says["edit"] = edit.String()
	}
	if deleted {
		says["deleted"] = "yes"
	}
	if len(also) > 0 {
		says["also"] = idTexts(also)
	}
}

func sameBut(a, b vectors.Vector, but ...string) bool {
	for _, name := range but {
		delete(a, name)
		delete(b, name)
	}
	return reflect.DeepEqual(a, b)
}

func TestBytesThatAreNoUTF8AreReplacedWhenWritten(t *testing.T) {
	text, err := conversation.ParseText(conversation.Text{Text: "caf\xe9"}.Content())
	if err != nil || text.Text != "caf\uFFFD" {
		t.Errorf("%q, %v", text.Text, err)
	}
	f := someFile()
	f.DisplayName = "caf\xe9.jpg"
	file, err := conversation.ParseFile(f.Content())
	if err != nil || file.DisplayName != "caf\uFFFD.jpg" {
		t.Errorf("%q, %v", file.DisplayName, err)
	}
}

// A deletion names as many edits as fit into a body.
func TestDeletionOfAThousandEditsFitsIntoABody(t *testing.T) {
	target, also := manyIDs(1)[0], manyIDs(2000)
	for typ, content := range map[string][]byte{
		conversation.TypeText: conversation.Text{Edit: target, Deleted: true, Also: also}.Content(),
		conversation.TypeFile: conversation.File{Edit: target, Deleted: true, Also: also}.Content(),
	} {
		w := newWorld(t)
		edit, ok := w.sign(w.draft(typ, content)).Edit()
		if !ok || !edit.Deletes || edit.Target != target || len(edit.Also) != 1000 {
			t.Errorf("%s: %v, %v, %d", typ, edit.Target, edit.Deletes, len(edit.Also))
		}
	}
}

// Other keys cannot stand in for the fields: what the caller left out is out.
func TestExtraKeysDoNotSpeakForFields(t *testing.T) {
	f, target := someFile(), manyIDs(1)[0]
	f.Extra = map[string]string{"edit": target.String(), "sha3tree": "?", "also": "?", "reply-to": "1"}
	got, err := conversation.ParseFile(f.Content())
	f.Extra = map[string]string{"reply-to": "1"}
	if err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("%+v, %v", got, err)
	}
}

func someFile() conversation.File {
	return conversation.File{DisplayName: "photo.jpg", SHA3Sum: strings.Repeat("5a", 64), TID: "4711", TotalSize: 12345}
}

func FuzzText(f *testing.F) { fuzzContent(f, conversation.TypeText) }
func FuzzFile(f *testing.F) { fuzzContent(f, conversation.TypeFile) }

// fuzzContent: what parses is written as something that parses to the same.
func fuzzContent(f *testing.F, typ string) {
	for _, v := range vectors.Read(f, contentVectors) {
		if v["type"] == typ {
			f.Add(contentOf(f, v))
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		says, again, err := readContent(typ, content)
		if err != nil {
			if !errors.Is(err, conversation.ErrContent) {
				t.Fatal(err)
			}
			return
		}
		reread, twice, err := readContent(typ, again)
		if err != nil || !reflect.DeepEqual(reread, says) || !bytes.Equal(again, twice) {
			t.Fatalf("%q was written as %q: %v\n%q\n%q", content, again, err, says, reread)
		}
	})
}

// What ParseFields takes, encoding/json reads alike; what it refuses beyond
// that, encoding/json takes only by guessing.
func FuzzFields(f *testing.F) {
	for _, v := range vectors.Read(f, contentVectors) {
		f.Add(bytes.TrimPrefix(contentOf(f, v), []byte{0}))
	}
	for _, v := range vectors.Read(f, entryVectors) {
		if body, err := hex.DecodeString(v["body"]); err == nil && len(body) > conversation.Salt {
			f.Add(body[conversation.Salt:])
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		fields, err := conversation.ParseFields(content)
		var reference map[string]string
		referenceErr := json.Unmarshal(content, &reference)
		if err != nil {
			if !errors.Is(err, conversation.ErrFields) || fields != nil {
				t.Fatalf("%v, %v", fields, err)
			}
			if referenceErr == nil && !ambiguous(content, reference) {
				t.Fatalf("refused %q: %v", content, err)
			}
			return
		}
		if referenceErr != nil || len(reference) != len(fields) || !reflect.DeepEqual(conversation.Fields(reference), fields) {
			t.Fatalf("%q is\n%q, encoding/json reads\n%q, %v", content, fields, reference, referenceErr)
		}
		again, err := conversation.ParseFields(fields.Content())
		if err != nil || !reflect.DeepEqual(again, fields) {
			t.Fatalf("%q became %q, %v", fields, again, err)
		}
	})
}

// ambiguous tells why an object that encoding/json takes may be refused: it is no
// object, not UTF-8, has a null, a half of a surrogate pair, or a key twice.
func ambiguous(content []byte, read map[string]string) bool {
	return read == nil || !utf8.Valid(content) || bytes.Contains(content, []byte("null")) ||
		bytes.Contains(bytes.ToLower(content), []byte(`\ud`)) || texts(content) > 2*len(read)
}

// texts counts the strings of a JSON text, keys and values.
func texts(content []byte) (n int) {
	tokens := json.NewDecoder(bytes.NewReader(content))
	for {
		token, err := tokens.Token()
		if err != nil {
			return n
		}
		if _, isText := token.(string); isText {
			n++
		}
	}
}
