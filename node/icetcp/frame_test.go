package icetcp

import (
	"bytes"
	"encoding/hex"
	"io"
	"os"
	"strings"
	"testing"
)

// vectors reads a file of "name: value" blocks divided by empty lines; lines that
// begin with # are comments.
func vectors(t testing.TB, name string) (vs []map[string]string) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(string(b), "\n\n") {
		v := make(map[string]string)
		for line := range strings.Lines(block) {
			if key, value, ok := strings.Cut(line, ":"); ok && line[0] != '#' {
				v[key] = strings.TrimSpace(value)
			}
		}
		if len(v) > 0 {
			vs = append(vs, v)
		}
	}
	return vs
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFrames(t *testing.T) {
	for _, v := range vectors(t, "frames.txt") {
		wire := unhex(t, v["wire"])
		got, err := readFrame(bytes.NewReader(wire), make([]byte, maxFrame))
		if want := v["error"]; want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %s", v["comment"], err, want)
			}
			continue
		}
		payload := unhex(t, v["payload"])
		if err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%s: read %x, %v", v["comment"], got, err)
		}
		if b := appendFrame(nil, payload); !bytes.Equal(b, wire) {
			t.Errorf("%s: wrote %x", v["comment"], b)
		}
	}
}

func TestMarkers(t *testing.T) {
	for _, v := range vectors(t, "markers.txt") {
		controlling := credentials{v["controlling-ufrag"], v["controlling-pwd"]}
		controlled := credentials{v["controlled-ufrag"], v["controlled-pwd"]}
		if got := hex.EncodeToString(marker(v["role"], controlling, controlled)); got != v["marker"] {
			t.Errorf("%s: got %s", v["role"], got)
		}
	}
}

// TestMarkersMatch: what one side sends is what the other waits for, and nothing
// else is: not the own marker back, not one of another session. It tells who dialled.
func TestMarkersMatch(t *testing.T) {
	a, b := credentials{"aaaa", strings.Repeat("1", 32)}, credentials{"bbbb", strings.Repeat("2", 32)}
	side := func(local, remote credentials, controlling bool) *session {
		return &session{local: local, remote: remote, controlling: controlling}
	}
	one, two := side(a, b, true), side(b, a, false)
	other := side(credentials{"aaaa", strings.Repeat("3", 32)}, b, true)
	for _, dialled := range []bool{false, true} {
		sent := one.marker(&socket{dialled: dialled})
		got := &socket{}
		if len(sent) != markerLen || !two.isMarker(got, sent) || got.peerDialled != dialled {
			t.Errorf("dialled %v: the two sides disagree", dialled)
		}
		if one.isMarker(got, sent) {
			t.Error("the own marker came back and was taken")
		}
		if two.isMarker(got, other.marker(&socket{dialled: dialled})) {
			t.Error("the marker of another session was taken")
		}
	}
	if side(a, credentials{}, false).isMarker(&socket{}, marker("controlling", credentials{}, a)) {
		t.Error("a marker was taken before the other side was known")
	}
}

// FuzzReadFrame: whatever comes, frames are within the limit and the rest is an error.
func FuzzReadFrame(f *testing.F) {
	for _, v := range vectors(f, "frames.txt") {
		f.Add(unhex(f, v["wire"]))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		r, buf, read := bytes.NewReader(wire), make([]byte, maxFrame), 0
		for {
			frame, err := readFrame(r, buf)
			if err != nil {
				if err == io.EOF && read != len(wire) {
					t.Fatal("EOF in the middle")
				}
				return
			}
			read += frameHeader + len(frame)
			if len(frame) > maxFrame || read > len(wire) {
				t.Fatal("too much was read")
			}
		}
	})
}
