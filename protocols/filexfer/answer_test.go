package filexfer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"golang.org/x/crypto/sha3"
)

func TestAnswerVectors(t *testing.T) {
	for _, v := range readVectors(t, "answer.txt") {
		t.Run(v.name(), func(t *testing.T) {
			wire := v.text(t, "wire")
			got, err := readAnswer(bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(wire)), maxAnswer))
			if v.fields["expect"] == "refuse" {
				if !errors.Is(err, ErrProtocol) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("read %+v (%v)", got, err)
				}
				return
			}
			if want := (answer{v.text(t, "verb"), v.text(t, "reason")}); err != nil || got != want {
				t.Errorf("read %+v, want %+v (%v)", got, want, err)
			}
			if v.fields["canonical"] == "yes" && string(got.line()) != wire {
				t.Errorf("wrote %q, want %q", got.line(), wire)
			}
		})
	}
}

func TestTrailerVectors(t *testing.T) {
	for _, v := range readVectors(t, "trailer.txt") {
		t.Run(v.name(), func(t *testing.T) {
			wire := v.text(t, "wire")
			sum, err := readTrailer(bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(wire)), MaxHeader))
			if v.fields["expect"] == "refuse" {
				if !errors.Is(err, ErrProtocol) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("read %q (%v)", sum, err)
				}
				return
			}
			of := v.text(t, "of")
			if err != nil || sum != sumOf(of) {
				t.Errorf("read %q, want %q (%v)", sum, sumOf(of), err)
			}
			digest := sha3.Sum512([]byte(of))
			if got := trailer(digest[:]); string(got) != wire {
				t.Errorf("wrote %q, want %q", got, wire)
			}
		})
	}
}

// A reason of an app is one short line, whatever the app says.
func TestReasonIsOneShortLine(t *testing.T) {
	for _, reason := range []string{"a\nGO\n", "\r\n\x00", strings.Repeat("é", 300), " ", "\x7f"} {
		line := answer{verbRefuse, reason}.line()
		got, err := readAnswer(bufio.NewReaderSize(bytes.NewReader(line), maxAnswer))
		if err != nil || got.verb != verbRefuse || bytes.Count(line, []byte("\n")) != 1 || !utf8.Valid(line) {
			t.Errorf("%q became %q, read as %+v (%v)", reason, line, got, err)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("GO\n"))
	f.Add([]byte("NGO busy\nOK\n"))
	f.Add([]byte("BAD \x1b[2J\n"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		got, err := readAnswer(bufio.NewReaderSize(bytes.NewReader(wire), maxAnswer))
		if err != nil {
			return
		}
		if again, err := parseAnswer(strings.TrimSuffix(string(got.line()), "\n")); err != nil || again.verb != got.verb {
			t.Fatalf("%+v is written %q and read %+v (%v)", got, got.line(), again, err)
		}
		if reason := said("x", got).Error(); Visible(reason) != reason {
			t.Fatalf("%q would be shown", reason)
		}
	})
}
