package filexfer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func TestHeaderVectors(t *testing.T) {
	for _, v := range readVectors(t, "header.txt") {
		t.Run(v.name(), func(t *testing.T) {
			wire := v.text(t, "wire")
			got, err := ParseHeader([]byte(wire))
			if v.fields["expect"] == "refuse" {
				wantSyntaxError(t, err, v.text(t, "reason"))
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := Header{
				Length:       v.number(t, "length"),
				Name:         v.text(t, "name"),
				Offset:       v.number(t, "offset"),
				Sum:          v.text(t, "sum"),
				Trailer:      v.fields["trailer"] == "yes",
				Conversation: v.text(t, "conversation"),
				Interaction:  v.text(t, "interaction"),
				Root:         v.text(t, "root"),
				Follows:      v.fields["follows"] == "yes",
				Total:        v.number(t, "total"),
				Manifest:     v.number(t, "manifest"),
			}
			if got != want {
				t.Errorf("read %+v, want %+v", got, want)
			}
			if written, err := want.MarshalText(); v.fields["canonical"] == "yes" && (err != nil || string(written) != wire) {
				t.Errorf("wrote %q, want %q (%v)", written, wire, err)
			}
		})
	}
}

func wantSyntaxError(t *testing.T, err error, reason string) {
	t.Helper()
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), reason) {
		t.Errorf("error %v, want a *SyntaxError with %q", err, reason)
	}
}

// Jami's parser could not read a header in pieces; ours reads the same from any
// cutting and never a byte too much.
func TestHeaderInFragments(t *testing.T) {
	const wire = "Content-Length: 12345\nDisplay-Name: photo.jpg\nOffset: 0\n\n"
	for cut := range len(wire) {
		src := io.MultiReader(strings.NewReader(wire[:cut]), strings.NewReader(wire[cut:]+"rest"))
		wantHeader(t, bufio.NewReaderSize(src, MaxHeader))
	}
	wantHeader(t, bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(wire+"rest")), MaxHeader))
}

func wantHeader(t *testing.T, r *bufio.Reader) {
	t.Helper()
	h, err := readHeader(r)
	if err != nil || h.Length != 12345 || h.Name != "photo.jpg" {
		t.Fatalf("read %+v (%v)", h, err)
	}
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "rest" {
		t.Fatalf("%q is left (%v), want %q", rest, err, "rest")
	}
}

func TestHeaderIsBounded(t *testing.T) {
	endless := map[string]string{
		"one line":   "X: " + strings.Repeat("a", 1<<20),
		"many lines": "Content-Length: 1\n" + strings.Repeat("X: a\n", 1<<18),
	}
	for name, wire := range endless {
		src := strings.NewReader(wire)
		_, err := readHeader(bufio.NewReaderSize(src, MaxHeader))
		wantSyntaxError(t, err, "longer than 4096 bytes")
		if read := len(wire) - src.Len(); read > 2*MaxHeader {
			t.Errorf("%s: %d bytes read before giving up", name, read)
		}
	}
}

func TestHeaderEndsEarly(t *testing.T) {
	for _, wire := range []string{"", "Content", "Content-Length: 1\n"} {
		if _, err := readHeader(bufio.NewReader(strings.NewReader(wire))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v, want io.ErrUnexpectedEOF", wire, err)
		}
	}
}

func TestHeaderRefusesToBeWritten(t *testing.T) {
	for name, h := range map[string]Header{
		"negative length":   {Length: -1},
		"negative offset":   {Offset: -1},
		"overflow":          {Length: 1, Offset: math.MaxInt64},
		"no sum":            {Sum: "abc"},
		"sum and trailer":   {Sum: sumOf(""), Trailer: true},
		"longer than 4 KiB": {Name: strings.Repeat("a", MaxHeader)},
	} {
		if text, err := h.MarshalText(); err == nil {
			t.Errorf("%s: wrote %q", name, text)
		}
	}
}

// Whatever the fields hold, the reader gets back what the writer had.
func TestHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 200), func(b []byte) string { return string(b) })
		want := Header{
			Length:       rapid.Int64Range(0, math.MaxInt64/2).Draw(t, "length"),
			Offset:       rapid.Int64Range(0, math.MaxInt64/2).Draw(t, "offset"),
			Name:         text.Draw(t, "name"),
			Trailer:      rapid.Bool().Draw(t, "trailer"),
			Conversation: text.Draw(t, "conversation"),
			Interaction:  text.Draw(t, "interaction"),
		}
		wire, err := want.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseHeader(wire); err != nil || got != want {
			t.Fatalf("%q reads as %+v, want %+v (%v)", wire, got, want, err)
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte("Content-Length: 12345\nDisplay-Name: photo.jpg\nOffset: 0\n\n"))
	f.Add([]byte("Content-Length: 0\nTrailer: Sha3-512\nDisplay-Name: %2e%2E%\n\nrest"))
	f.Add([]byte("Content-Length: 18446744073709551616\r\n\r\n"))
	f.Add([]byte("Sha3-512: " + sumOf("") + "\n:\n\n"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		h, err := readHeader(bufio.NewReaderSize(bytes.NewReader(wire), MaxHeader))
		if err != nil {
			return
		}
		written, err := h.MarshalText()
		if err != nil { // only escaping can make an accepted header too long
			wantSyntaxError(t, err, "longer than")
			return
		}
		if again, err := ParseHeader(written); err != nil || again != h {
			t.Fatalf("%+v is written %q and read %+v (%v)", h, written, again, err)
		}
	})
}
