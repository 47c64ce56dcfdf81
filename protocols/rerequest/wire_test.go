package rerequest

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/test/vectors"
)

// field gives a quoted value; "" when it is missing.
func field(t *testing.T, v vectors.Vector, name string) string {
	t.Helper()
	if v[name] == "" {
		return ""
	}
	s, err := strconv.Unquote(v[name])
	if err != nil {
		t.Fatalf("%s: %s is no quoted string", v["comment"], name)
	}
	return s
}

// wantFailure fails unless err is what a vector expects.
func wantFailure(t *testing.T, expect string, err error) {
	t.Helper()
	isBroken := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err == nil || errors.Is(err, ErrProtocol) != (expect == "refuse") || isBroken != (expect == "broken") {
		t.Errorf("%v, want %s", err, expect)
	}
}

func TestRequestVectors(t *testing.T) {
	for _, v := range vectors.Read(t, "testdata/request.txt") {
		t.Run(v["comment"], func(t *testing.T) {
			wire := field(t, v, "wire")
			got, err := readRequest(strings.NewReader(wire))
			if v["expect"] != "ok" {
				wantFailure(t, v["expect"], err)
				return
			}
			if want := requestOf(t, v); err != nil || got != want {
				t.Fatalf("%+v, %v, want %+v", got, err, want)
			}
			again, err := got.MarshalBinary()
			if isCanonical := string(again) == wire; err != nil || isCanonical != (v["canonical"] == "yes") {
				t.Errorf("written: %q, %v", again, err)
			}
		})
	}
}

// requestOf gives what a vector's bytes mean.
func requestOf(t *testing.T, v vectors.Vector) Request {
	t.Helper()
	device, err := peer.Decode(v["device"])
	if err != nil {
		t.Fatal(err)
	}
	r := Request{Conversation: field(t, v, "conversation"), Interaction: field(t, v, "interaction"), Device: device}
	for name, n := range map[string]*int64{"start": &r.Start, "end": &r.End} {
		if v[name] == "" {
			continue
		}
		if *n, err = strconv.ParseInt(v[name], 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestAnswerVectors(t *testing.T) {
	for _, v := range vectors.Read(t, "testdata/answer.txt") {
		t.Run(v["comment"], func(t *testing.T) {
			wire := field(t, v, "wire")
			err := readAnswer(strings.NewReader(wire))
			switch v["expect"] {
			case "ok":
				if err != nil || string(answerLine(nil)) != wire {
					t.Error(err)
				}
			case "no":
				denial, is := errors.AsType[*Denial](err)
				if !is || *denial != (Denial{field(t, v, "word"), field(t, v, "text")}) {
					t.Fatalf("%v", err)
				}
				if isCanonical := string(answerLine(err)) == wire; isCanonical != (v["canonical"] == "yes") {
					t.Errorf("written: %q", answerLine(err))
				}
			default:
				wantFailure(t, v["expect"], err)
			}
		})
	}
}

// What cannot be said on the wire is not written.
func TestRequestsThatCannotBeWritten(t *testing.T) {
	device, err := peer.Decode("12D3KooWCpmeUY5wHKrEXjZNNaJX2jrNGNGrzsmzsEv2tSeBZ8rp")
	if err != nil {
		t.Fatal(err)
	}
	good := Request{Conversation: "c", Interaction: "i", Device: device}
	if _, err := good.MarshalBinary(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Request){
		"no conversation":    func(r *Request) { r.Conversation = "" },
		"no UTF-8":           func(r *Request) { r.Interaction = "\xff" },
		"a long interaction": func(r *Request) { r.Interaction = strings.Repeat("i", MaxName+1) },
		"no device":          func(r *Request) { r.Device = "" },
		"a long device":      func(r *Request) { r.Device = peer.ID(strings.Repeat("d", maxDevice)) },
		"no peer ID":         func(r *Request) { r.Device = "d" },
		"a negative start":   func(r *Request) { r.Start = -1 },
		"a negative end":     func(r *Request) { r.End = -1 },
	} {
		r := good
		spoil(&r)
		if raw, err := r.MarshalBinary(); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %q, %v", name, raw, err)
		}
	}
}

// Whatever comes, it is refused or means the same when it is written again, and
// an error shows nothing of it.
func FuzzRequest(f *testing.F) {
	for _, v := range vectors.Read(f, "testdata/request.txt") {
		if wire, err := strconv.Unquote(v["wire"]); err == nil {
			f.Add([]byte(wire))
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		r, err := readRequest(bytes.NewReader(wire))
		slow, slowErr := readRequest(iotest.OneByteReader(bytes.NewReader(wire)))
		if slow != r || (slowErr == nil) != (err == nil) {
			t.Fatalf("in pieces: %+v, %v; at once: %+v, %v", slow, slowErr, r, err)
		}
		if err != nil {
			wantVisible(t, err.Error())
			return
		}
		raw, err := r.MarshalBinary()
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", r, err)
		}
		if again, err := readRequest(bytes.NewReader(raw)); err != nil || again != r {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
	})
}

// Whatever comes is OK, a denial that can be shown, or an error.
func FuzzAnswer(f *testing.F) {
	for _, v := range vectors.Read(f, "testdata/answer.txt") {
		if wire, err := strconv.Unquote(v["wire"]); err == nil {
			f.Add([]byte(wire))
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		err := readAnswer(bytes.NewReader(wire))
		if slow := readAnswer(iotest.OneByteReader(bytes.NewReader(wire))); (slow == nil) != (err == nil) {
			t.Fatalf("in pieces: %v; at once: %v", slow, err)
		}
		if err == nil {
			if !bytes.HasPrefix(wire, answerLine(nil)) {
				t.Fatalf("%q is OK", wire)
			}
			return
		}
		wantVisible(t, err.Error())
		if denial, is := errors.AsType[*Denial](err); is && (denial.Word == "" || len(denial.Word)+len(denial.Text) > maxAnswer) {
			t.Fatalf("%+v", denial)
		}
	})
}

// wantVisible fails if a text can move a cursor or hide anything.
func wantVisible(t *testing.T, text string) {
	t.Helper()
	if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Fatalf("%q is shown", text)
	}
}
