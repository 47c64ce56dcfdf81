package history

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/test/vectors"
	"golang.org/x/crypto/sha3"
)

var update = flag.Bool("update", false, "write testdata/messages.txt anew")

func idOf(name string) conversation.ID { return conversation.ID(sha3.Sum256([]byte(name))) }

func idsOf(n int) []conversation.ID {
	ids := make([]conversation.ID, n)
	for i := range ids {
		ids[i] = idOf(fmt.Sprint(i))
	}
	return ids
}

// text prints a message as testdata/messages.txt does.
func text(m message) string {
	switch m := m.(type) {
	case hello:
		return fmt.Sprintf("HELLO number %d, entries %d, bytes %d, follow %d", m.number, m.entries, m.bytes, m.follow)
	case heads:
		return fmt.Sprintf("HEADS %s, total %d, digest %x, ids%s", m.conv, m.total, m.digest, idText(m.ids))
	case want:
		return wantText(m)
	case entry:
		return "ENTRY " + rawText(m.raw)
	case end:
		return fmt.Sprintf("END %s, more %v", m.conv, m.more)
	case fresh:
		return fmt.Sprintf("NEW %s, %s", m.conv, rawText(m.raw))
	case no:
		if m.proof != nil {
			return fmt.Sprintf("NO %s, reason %d, proof %s", m.conv, m.reason, rawText(*m.proof))
		}
		return fmt.Sprintf("NO %s, reason %d", m.conv, m.reason)
	case record:
		return fmt.Sprintf("RECORD %x", m.raw)
	}
	return "unknown"
}

func wantText(m want) string {
	switch m.kind {
	case wantHistory:
		return fmt.Sprintf("WANT history of %s, ids%s, have%s, after %s", m.conv, idText(m.ids), idText(m.have), m.after)
	case wantBodies:
		return fmt.Sprintf("WANT bodies of %s, ids%s", m.conv, idText(m.ids))
	}
	return fmt.Sprintf("WANT nothing of %s", m.conv)
}

func idText(ids []conversation.ID) string {
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, " %s", id)
	}
	return b.String()
}

func rawText(r conversation.Raw) string {
	return fmt.Sprintf("header %x, signature %x, body %x", r.Header, r.Signature, r.Body)
}

var (
	sampleRaw  = conversation.Raw{Header: []byte("header"), Signature: []byte(strings.Repeat("s", sigSize)), Body: []byte("salted body")}
	withheld   = conversation.Raw{Header: sampleRaw.Header, Signature: sampleRaw.Signature}
	sampleConv = idOf("conversation")
)

// samples are what testdata/messages.txt shows as well-formed.
var samples = []struct {
	comment string
	message message
}{
	{"the first message of each side", hello{number: 1795000000000000000, entries: 512, bytes: 1 << 20, follow: 3}},
	{"a conversation with two heads", heads{sampleConv, 2, digestOf(idsOf(2)), idsOf(2)}},
	{"a conversation of which nothing is here", heads{sampleConv, 0, digestOf(nil), nil}},
	{"more heads than are listed", heads{sampleConv, 5000, digestOf(idsOf(3)), idsOf(1)}},
	{"nothing more is wanted: the answer to HEADS", want{kind: wantNothing, conv: sampleConv}},
	{"what two heads hang on, from the beginning", want{kind: wantHistory, conv: sampleConv, ids: idsOf(2)}},
	{"what a head hangs on, less what is here, after the last entry that came", want{kind: wantHistory, conv: sampleConv, ids: idsOf(1), have: idsOf(3), after: idOf("last")}},
	{"everything live, for there were too many heads to name", want{kind: wantHistory, conv: sampleConv, have: idsOf(1)}},
	{"the body of one entry", want{kind: wantBodies, conv: sampleConv, ids: idsOf(1)}},
	{"an entry", entry{sampleRaw}},
	{"an entry whose body is withheld", entry{withheld}},
	{"the end of an answer", end{sampleConv, false}},
	{"the end of an answer to which there is more", end{sampleConv, true}},
	{"a fresh entry", fresh{sampleConv, sampleRaw}},
	{"not given, or not taken", no{sampleConv, reasonNo, nil}},
	{"not now", no{sampleConv, reasonPaused, nil}},
	{"not given, as an entry says", no{sampleConv, reasonNo, &sampleRaw}},
	{"a reason of a later version", no{sampleConv, 9, nil}},
	{"an account record", record{[]byte("record")}},
}

// malformed are messages that end the stream, and skipped ones that do not.
func malformed() []struct{ comment, expect, wire string } {
	whole := func(m message) string { b, _ := encode(m); return hex.EncodeToString(b) }
	conv, zeros := sampleConv.String(), strings.Repeat("0", 64)
	id := idsOf(1)[0].String()
	return []struct{ comment, expect, wire string }{
		{"nothing at all", "malformed", ""},
		{"a type of a later version", "skipped", "c8ffff"},
		{"type 0", "skipped", "00"},
		{"HELLO of version 2", "malformed", "0102" + whole(samples[0].message)[4:]},
		{"HELLO that says more, for a later time", "success", whole(samples[0].message) + "abcd"},
		{"HELLO cut short", "malformed", whole(samples[0].message)[:30]},
		{"HELLO of a device that takes no entries", "malformed", whole(hello{1, 0, 1, 0})},
		{"HELLO of a device that takes no bytes", "malformed", whole(hello{1, 1, 0, 0})},
		{"HEADS with an id cut short", "malformed", "02" + conv + "00000001" + zeros + "001f" + id[:62]},
		{"HEADS with fewer heads than ids", "malformed", "02" + conv + "00000000" + zeros + "0020" + id},
		{"HEADS with a byte behind", "malformed", whole(samples[1].message) + "00"},
		{"WANT of a kind that there is not", "malformed", "0303" + conv},
		{"WANT for nothing with ids", "malformed", "0300" + conv + "0020" + id},
		{"WANT for 65 ids", "malformed", whole(want{kind: wantHistory, conv: sampleConv, ids: idsOf(65)})},
		{"WANT with 65 in have", "malformed", whole(want{kind: wantHistory, conv: sampleConv, have: idsOf(65)})},
		{"WANT for history without after", "malformed", "0301" + conv + "0020" + id + "0000"},
		{"WANT for no bodies", "malformed", "0302" + conv + "0000"},
		{"ENTRY without a header", "malformed", "040000" + strings.Repeat("73", 64) + "000000"},
		{"ENTRY with a signature cut short", "malformed", "04000168" + strings.Repeat("73", 63)},
		{"ENTRY with a byte behind", "malformed", whole(samples[9].message) + "00"},
		{"ENTRY whose body is longer than the message", "malformed", "04000168" + strings.Repeat("73", 64) + "00000262"},
		{"END with more 2", "malformed", "05" + conv + "02"},
		{"END without more", "malformed", "05" + conv},
		{"NEW without an entry", "malformed", "06" + conv},
		{"NO with a proof that is none", "malformed", "07" + conv + "01" + "00000100"},
		{"NO with a byte behind the proof", "malformed", "07" + conv + "01" + "000047" + "000168" + strings.Repeat("73", 64) + "000000" + "00"},
		{"RECORD of no bytes", "malformed", "08"},
	}
}

func vectorText() string {
	var b strings.Builder
	b.WriteString(`# Messages of /passeur/history/1.0.0, as they stand in a frame: type and fields.
# "success": reads as message, which is written as wire again, unless the comment
# says more. "malformed": ends the stream. "skipped": has no effect.
`)
	for _, s := range samples {
		wire, _ := encode(s.message)
		fmt.Fprintf(&b, "\ncomment: %s\nexpect: success\nmessage: %s\nwire: %x\n", s.comment, text(s.message), wire)
	}
	for _, m := range malformed() {
		fmt.Fprintf(&b, "\ncomment: %s\nexpect: %s\nwire: %s\n", m.comment, m.expect, m.wire)
	}
	return b.String()
}

func TestMessageVectors(t *testing.T) {
	const file = "testdata/messages.txt"
	if *update {
		if err := os.WriteFile(file, []byte(vectorText()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all := vectors.Read(t, file)
	if want := len(samples) + len(malformed()); len(all) != want {
		t.Errorf("%d vectors, want %d; run go test -run Vectors -update", len(all), want)
	}
	for _, v := range all {
		wire, err := hex.DecodeString(v["wire"])
		if err != nil {
			t.Fatal(err)
		}
		m, err := parse(wire)
		switch {
		case v["expect"] == "malformed" && errors.Is(err, errMessage):
		case v["expect"] == "skipped" && errors.Is(err, errSkipped):
		case v["expect"] == "success" && v["message"] == "" && err == nil:
		case v["expect"] == "success" && err == nil && text(m) == v["message"]:
			if again, err := encode(m); err != nil || hex.EncodeToString(again) != v["wire"] {
				t.Errorf("%s: written as %x, %v", v["comment"], again, err)
			}
		default:
			t.Errorf("%s: %s, %v; want %s %s", v["comment"], text(m), err, v["expect"], v["message"])
		}
	}
}

// The vectors are what the samples say, not only what was once written.
func TestVectorsAreFresh(t *testing.T) {
	raw, err := os.ReadFile("testdata/messages.txt")
	if err != nil || string(raw) != vectorText() {
		t.Errorf("testdata/messages.txt differs from the samples (%v); run go test -run Vectors -update", err)
	}
}

func TestLargestMessagesFit(t *testing.T) {
	raw := conversation.Raw{Header: make([]byte, conversation.MaxHeader), Signature: make([]byte, sigSize), Body: make([]byte, conversation.MaxBody)}
	for _, m := range []message{
		heads{sampleConv, maxHeads, digestOf(nil), idsOf(maxHeads)},
		want{kind: wantHistory, conv: sampleConv, ids: idsOf(maxIDs), have: idsOf(maxIDs)},
		entry{raw}, fresh{sampleConv, raw}, no{sampleConv, reasonNo, &raw}, record{make([]byte, MaxRecord)},
	} {
		wire, err := encode(m)
		if err != nil {
			t.Errorf("%T: %v", m, err)
		}
		again, err := parse(wire)
		if err != nil || !reflect.DeepEqual(text(again), text(m)) {
			t.Errorf("%T is not read again: %v", m, err)
		}
	}
	if _, err := parse(append([]byte{typeRecord}, make([]byte, MaxRecord+1)...)); !errors.Is(err, errMessage) {
		t.Errorf("a record of %d bytes: %v", MaxRecord+1, err)
	}
	raw.Body = make([]byte, MaxFrame)
	if _, err := encode(entry{raw}); err == nil {
		t.Error("an entry longer than a frame is written")
	}
}

func FuzzMessage(f *testing.F) {
	for _, s := range samples {
		wire, _ := encode(s.message)
		f.Add(wire)
	}
	for _, m := range malformed() {
		wire, _ := hex.DecodeString(m.wire)
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		m, err := parse(wire)
		if err != nil {
			if !errors.Is(err, errMessage) && !errors.Is(err, errSkipped) {
				t.Errorf("%v is no error of the parser", err)
			}
			return
		}
		again, err := encode(m)
		if _, ok := m.(hello); ok && len(wire) > len(again) {
			wire = wire[:len(again)]
		}
		if len(wire) <= MaxFrame && (err != nil || string(again) != string(wire)) {
			t.Errorf("%s is written as %x (%v), was %x", text(m), again, err, wire)
		}
	})
}
