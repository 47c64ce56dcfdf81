package conversation_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"testing"
	"time"

	"golang.org/x/crypto/sha3"
	"pgregory.net/rapid"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/test/vectors"
)

// Whatever a draft says, the entry says too, and so does the entry that comes out
// at the other end.
func TestDecodeGivesWhatWasSigned(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		d := w.draft(rapid.StringMatching(`[!-@\[-~]{1,96}`).Filter(isData).Draw(t, "type"), rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "content"))
		d.Conversation = drawID(t, "conversation")
		d.Parents = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) conversation.ID { return drawID(t, "parent") }), 1, conversation.MaxParents, rapid.ID).Draw(t, "parents")
		d.Time = time.UnixMilli(rapid.Int64Range(0, 1<<53-1).Draw(t, "time")).UTC()
		if rapid.Bool().Draw(t, "certified") {
			d.Certificate = &w.cert
		}
		e, err := d.Sign(w.device)
		if err != nil {
			t.Fatal(err)
		}
		again, err := conversation.Decode(e.Raw)
		if err != nil || again.Verify() != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("%+v became %+v, %v", e, again, err)
		}
		if content, _ := e.Content(); !bytes.Equal(content, d.Content) || e.Type != d.Type || !e.Time.Equal(d.Time) ||
			e.Conversation != d.Conversation || len(e.Parents) != len(d.Parents) || !reflect.DeepEqual(e.Certificate, d.Certificate) {
			t.Fatalf("%+v was signed as %+v", d, e)
		}
		if header, err := conversation.Reencode(e.Raw.Header); err != nil || !bytes.Equal(header, e.Raw.Header) {
			t.Fatalf("two encodings:\n%x\n%x, %v", e.Raw.Header, header, err)
		}
	})
}

func isData(typ string) bool {
	return typ != conversation.TypeInitial && typ != conversation.TypeMember && typ != conversation.TypeDevice
}

func drawID(t *rapid.T, label string) conversation.ID {
	id := conversation.ID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, label))
	id[0] |= 1 // not the zero ID
	return id
}

// What decodes has one encoding, keeps all limits, and is judged without a panic.
func FuzzDecodeEntry(f *testing.F) {
	for _, v := range vectors.Read(f, entryVectors) {
		raw := rawOf(f, v)
		f.Add(raw.Header, raw.Signature, raw.Body, raw.Body == nil)
	}
	f.Fuzz(func(t *testing.T, header, signature, body []byte, withheld bool) {
		raw := conversation.Raw{Header: header, Signature: signature, Body: body}
		if withheld {
			raw.Body = nil
		}
		for _, raw := range []conversation.Raw{raw, mended(raw)} {
			e, err := conversation.Decode(raw)
			if err == nil {
				assertSound(t, e)
			} else if e != nil || !errors.Is(err, conversation.ErrEntry) {
				t.Fatalf("%v, %v", e, err)
			}
		}
	})
}

// mended names the body in the header, so that fuzzing gets behind the sum.
func mended(raw conversation.Raw) conversation.Raw {
	raw = cloneRaw(raw)
	if at := len(raw.Header) - 36; at >= 0 && raw.Body != nil {
		sum := sha3.Sum256(raw.Body)
		binary.BigEndian.PutUint32(raw.Header[at:], uint32(len(raw.Body)))
		copy(raw.Header[at+4:], sum[:])
	}
	return raw
}

func assertSound(t *testing.T, e *conversation.Entry) {
	t.Helper()
	if err := e.Verify(); err != nil && !errors.Is(err, conversation.ErrSignature) {
		t.Fatal(err)
	}
	if header, err := conversation.Reencode(e.Raw.Header); err != nil || !bytes.Equal(header, e.Raw.Header) {
		t.Fatalf("two encodings:\n%x\n%x, %v", e.Raw.Header, header, err)
	}
	first := e.Type == conversation.TypeInitial
	if len(e.Raw.Header) > conversation.MaxHeader || len(e.Parents) > conversation.MaxParents || e.BodySize > conversation.MaxBody ||
		len(e.Type) > conversation.MaxType || e.Time.UnixMilli() >= 1<<53 || first != (len(e.Parents) == 0) ||
		first != (e.Conversation == e.ID) || isData(e.Type) != (e.Control == nil) {
		t.Fatalf("accepted beyond the limits: %+v", e)
	}
	e.Edit()
	conversation.View([]*conversation.Entry{e}, func(_, _ conversation.ID) bool { return true })
	if again, err := conversation.ParseLine(e.MarshalLine()); err != nil || again.ID != e.ID {
		t.Fatalf("its line does not parse: %v", err)
	}
}

// A control body that is accepted says what it says when it is written again.
func FuzzControl(f *testing.F) {
	w := newWorld(f)
	drafts := map[string]conversation.Draft{
		conversation.TypeInitial: w.initial(conversation.Group),
		conversation.TypeMember:  w.draft(conversation.TypeMember, nil),
		conversation.TypeDevice:  w.draft(conversation.TypeDevice, nil),
	}
	for _, v := range vectors.Read(f, entryVectors) {
		for typ := range drafts {
			if raw := rawOf(f, v); len(raw.Body) > conversation.Salt && bytes.Contains(raw.Header, []byte(typ)) {
				f.Add(typ, raw.Body[conversation.Salt:])
			}
		}
	}
	f.Fuzz(func(t *testing.T, typ string, content []byte) {
		d, known := drafts[typ]
		if !known {
			return
		}
		d.Content = content
		e, err := d.Sign(w.device)
		if err != nil {
			if !errors.Is(err, conversation.ErrEntry) && !(typ == conversation.TypeDevice && errors.Is(err, conversation.ErrSignature)) {
				t.Fatal(err)
			}
			return
		}
		d.Content = conversation.MemberContent(e.Control.Action, e.Control.Target)
		if c := e.Control; typ == conversation.TypeInitial {
			d.Content = conversation.InitialContent(c.Mode, c.With, c.Name)
		} else if typ == conversation.TypeDevice {
			d.Content = content
		}
		if again, err := d.Sign(w.device); err != nil || !reflect.DeepEqual(again.Control, e.Control) {
			t.Fatalf("%q was written as %q: %v", content, d.Content, err)
		}
	})
}

// One line for an entry, and no other.
func FuzzExportLine(f *testing.F) {
	for _, e := range goodEntries(f) {
		f.Add(e.MarshalLine())
	}
	f.Add([]byte(`{"header":"50534531","signature":"00","body":null}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := conversation.ParseLine(line)
		if err != nil {
			if e != nil || !errors.Is(err, conversation.ErrLine) && !errors.Is(err, conversation.ErrEntry) {
				t.Fatalf("%v, %v", e, err)
			}
			return
		}
		if again := e.MarshalLine(); !bytes.Equal(bytes.TrimSuffix(line, []byte("\n")), bytes.TrimSuffix(again, []byte("\n"))) {
			t.Fatalf("two lines:\n%s\n%s", line, again)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	w := newWorld(b)
	d := w.draft(conversation.TypeText, []byte("hello, this is a text of a common length"))
	for b.Loop() {
		w.sign(d)
	}
}

func BenchmarkDecodeVerify(b *testing.B) {
	raw := newWorld(b).text("hello, this is a text of a common length").Raw
	for name, verify := range map[string]bool{"Decode": false, "Decode+Verify": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e, err := conversation.Decode(raw)
				check(b, err)
				if verify {
					check(b, e.Verify())
				}
			}
		})
	}
}
