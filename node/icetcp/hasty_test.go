package icetcp

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/multiformats/go-multistream"
)

const tlsID = "/tls/1.0.0"

// The client goes on before the other side has said a word, and what is said then is
// what is said without haste.
func TestHasty(t *testing.T) {
	out, in := rawPair(t)
	h := newHasty(out)
	if chosen, err := multistream.SelectOneOf([]string{tlsID}, h); err != nil || chosen != tlsID {
		t.Fatalf("%q, %v", chosen, err)
	}
	if _, err := h.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	server := multistream.NewMultistreamMuxer[string]()
	server.AddHandler(tlsID, nil)
	if chosen, _, err := server.Negotiate(in); err != nil || chosen != tlsID {
		t.Fatalf("the other side: %q, %v", chosen, err)
	}
	if got := read(t, in, 5); got != "hello" {
		t.Errorf("the other side read %q", got)
	}
	if _, err := in.Write([]byte("and back")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, h, 8); got != "and back" {
		t.Errorf("read %q", got)
	}
}

func read(t *testing.T, r io.Reader, n int) string {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Somebody who does not agree is found out, however he says it.
func TestHastyRefused(t *testing.T) {
	for _, words := range []string{
		"\x13/multistream/1.0.0\n\x03na\n" + "and then something long enough",
		"\x13/multistream/2.0.0\n\x0b/tls/1.0.0\n",
		"HTTP/1.1 400 Bad Request\r\n\r\n and what belongs to it",
	} {
		out, in := rawPair(t)
		h := newHasty(out)
		if _, err := multistream.SelectOneOf([]string{tlsID}, h); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write([]byte(words)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Read(make([]byte, 1)); !errors.Is(err, errGreeting) {
			t.Errorf("%q: %v", words, err)
		}
	}
}

// Whoever proposes something else than TLS waits for the answer.
func TestHastyOtherwise(t *testing.T) {
	out, in := rawPair(t)
	h := newHasty(out)
	go func() {
		server := multistream.NewMultistreamMuxer[string]()
		server.AddHandler(tlsID, nil)
		server.Negotiate(in)
	}()
	if chosen, err := multistream.SelectOneOf([]string{"/noise", tlsID}, h); err != nil || chosen != tlsID {
		t.Errorf("%q, %v", chosen, err)
	}
}

// A connection that closes before a word was said lets its reader go.
func TestHastyClosed(t *testing.T) {
	out, _ := rawPair(t)
	h := newHasty(out)
	done := make(chan error)
	go func() {
		_, err := h.Read(make([]byte, 1))
		done <- err
	}()
	h.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("read: %v", err)
	}
}
