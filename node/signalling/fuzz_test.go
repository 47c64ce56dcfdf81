package signalling

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzFrame: what can be read is written back as it was; nothing is read beyond a
// frame; nothing panics.
func FuzzFrame(f *testing.F) {
	for _, v := range readVectors(f, "frames.txt") {
		f.Add(v.hex(f, "wire"))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := bytes.NewReader(wire)
		got, err := readFrame(r)
		if err != nil {
			if !errors.Is(err, errFrame) && err != io.EOF && err != io.ErrUnexpectedEOF {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		var out bytes.Buffer
		if err := writeFrame(&out, got); err != nil || !bytes.Equal(out.Bytes(), wire[:len(wire)-r.Len()]) {
			t.Fatalf("%x became %x, %v", wire, out.Bytes(), err)
		}
		if p, is := got.(put); is && (len(p.body) > MaxMessage || p.ttl > MaxTTL || p.ttl < time.Second) {
			t.Fatalf("beyond its limits: %d bytes for %v", len(p.body), p.ttl)
		}
	})
}

// FuzzSealed: whatever is sent to a recipient's keys is opened or refused.
func FuzzSealed(f *testing.F) {
	files, err := filepath.Glob("testdata/sealed/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatal(len(files), err)
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			f.Fatal(err)
		}
		f.Add(readVectors(f, filepath.Join("sealed", filepath.Base(file)))[0].hex(f, "sealed"))
	}
	key, reply := fixedXWing(f, "record"), fixedXWing(f, "reply")
	fallback, err := fallbackPrivateKey(recipientKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sealed []byte) {
		e, err := parseEnvelope(sealed)
		if err != nil {
			return
		}
		if content, err := e.open(reply, publicOf(senderKey), isAnswer); err == nil {
			parseAnswer(content, publicOf(senderKey))
		}
		e.open(fallback, publicOf(recipientKey), isRequest)
		// Most mutations miss the key; open as if they had not.
		e.suite, e.key = suiteXWing, keyIDOf(suiteXWing, key.PublicKey())
		if content, err := e.open(key, publicOf(recipientKey), isRequest); err == nil {
			parseRequest(content, publicOf(recipientKey))
		}
	})
}

// FuzzRequest: content that its sender signed, however odd, is read as it was
// written, or refused. Every other content is refused.
func FuzzRequest(f *testing.F) {
	f.Add(fixedRequest(f).marshal(), []byte(nil))
	f.Add(fixedRequest(f).marshal(), []byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, content, tail []byte) {
		if _, err := parseRequest(content, publicOf(recipientKey)); err == nil {
			t.Fatal("unsigned content was taken")
		}
		if len(content) < 32 {
			return
		}
		copy(content, publicOf(senderKey))
		signed := append(mustSign(t, senderKey, requestLabel, recipientKey, bytes.Clone(content)), tail...)
		q, err := parseRequest(signed, publicOf(recipientKey))
		if err != nil {
			if !errors.Is(err, errContent) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if !bytes.Equal(q.marshal(), content) || !validKind(q.kind) || len(q.payload) > MaxPayload {
			t.Fatalf("%x became %x", content, q.marshal())
		}
	})
}

// FuzzAnswer is FuzzRequest for answers.
func FuzzAnswer(f *testing.F) {
	f.Add(fixedAnswer(answered, "payload").marshal(), []byte(nil))
	f.Add(fixedAnswer(refused, "reason").marshal(), []byte{0})
	f.Fuzz(func(t *testing.T, content, tail []byte) {
		if _, err := parseAnswer(content, publicOf(senderKey)); err == nil {
			t.Fatal("unsigned content was taken")
		}
		if len(content) < 32 {
			return
		}
		copy(content, publicOf(recipientKey))
		signed := append(mustSign(t, recipientKey, answerLabel, senderKey, bytes.Clone(content)), tail...)
		a, err := parseAnswer(signed, publicOf(senderKey))
		if err != nil {
			if !errors.Is(err, errContent) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if !bytes.Equal(a.marshal(), content) {
			t.Fatalf("%x became %x", content, a.marshal())
		}
		if payload, err := a.result(); err == nil && !bytes.Equal(payload, a.payload) {
			t.Fatal("the result is something else")
		}
	})
}
