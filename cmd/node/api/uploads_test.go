package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

func room(int64) error { return nil }

func testUploads(t *testing.T) *uploads {
	return newUploads(t.TempDir(), slog.New(slog.DiscardHandler))
}

func TestAnUploadIsSent(t *testing.T) {
	b := &backend{}
	c, home := serve(t, b)
	up, err := c.upload(t.Context(), "film.mkv", strings.NewReader("bytes"))
	if err != nil || up.Name != "film.mkv" || up.Size != 5 {
		t.Fatal(up, err)
	}
	path := filepath.Join(home, sentFolder, up.ID, "film.mkv")
	if _, err := c.BeginOnce(t.Context(), NewTransfer{Uploads: []string{up.ID}, Contact: "bob"}, ""); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); string(got) != "bytes" || b.asked[0] != "send "+path+" bob" {
		t.Errorf("asked %q, it holds %q, %v", b.asked, got, err)
	}
	var p *Problem
	if _, err := c.BeginOnce(t.Context(), NewTransfer{Uploads: []string{up.ID}, Contact: "bob"}, ""); !errors.As(err, &p) || p.Code != CodeUnknownUpload {
		t.Errorf("sent twice: %v", err)
	}
	info, _ := os.Stat(path)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// TestUploadsThatAreSentTogether lie in one folder; when that fails each is where it was.
func TestUploadsThatAreSentTogether(t *testing.T) {
	b := &backend{}
	c, home := serve(t, b)
	var ids []string
	for _, name := range []string{"a", "b"} {
		up, err := c.upload(t.Context(), name, strings.NewReader(name))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, up.ID)
	}
	b.err = node.ErrNotAccepted
	if _, err := c.BeginOnce(t.Context(), NewTransfer{Uploads: ids, Contact: "bob"}, ""); err == nil {
		t.Fatal("no error")
	}
	b.err, b.asked = nil, nil
	if _, err := c.BeginOnce(t.Context(), NewTransfer{Uploads: ids, Contact: "bob"}, ""); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, sentFolder, ids[0])
	if want := "send " + filepath.Join(dir, "a") + " " + filepath.Join(dir, "b") + " bob"; b.asked[0] != want {
		t.Errorf("asked %q, want %q", b.asked, want)
	}
	left, _ := os.ReadDir(filepath.Join(home, sentFolder))
	if len(left) != 1 {
		t.Errorf("left %v", left)
	}
}

// TestUploadsOfOneName are refused, and none takes the place of another, wherever among
// the others they are.
func TestUploadsOfOneName(t *testing.T) {
	c, home := serve(t, &backend{})
	for _, names := range [][]string{{"a", "a"}, {"a", "b", "b"}, {"a", "b", "a"}, {"a", "b", "c", "b"}} {
		var ids []string
		for i, name := range names {
			up, err := c.upload(t.Context(), name, strings.NewReader(name+strconv.Itoa(i)))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, up.ID)
		}
		var p *Problem
		if _, err := c.BeginOnce(t.Context(), NewTransfer{Uploads: ids, Contact: "bob"}, ""); !errors.As(err, &p) || p.Code != CodeBadFile {
			t.Errorf("%q: %v", names, err)
		}
		for i, name := range names {
			got, err := os.ReadFile(filepath.Join(home, sentFolder, ids[i], name))
			if string(got) != name+strconv.Itoa(i) {
				t.Errorf("%q: number %d holds %q, %v", names, i, got, err)
			}
		}
	}
}

func TestHostileNamesOfUploads(t *testing.T) {
	b := &backend{}
	c, home := serve(t, b)
	for _, name := range []string{"..", ".", "../../x", "/etc/passwd", `..\..\x`, "a/b", "\x00", "CON", "a\u202eb", "-rf", ".bashrc", " ", strings.Repeat("é", 400), "%2e%2e"} {
		up, err := c.upload(t.Context(), name, strings.NewReader("x"))
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if up.Name != filexfer.SafeName(name) {
			t.Errorf("%q became %q", name, up.Name)
		}
		if _, err := os.Stat(filepath.Join(home, sentFolder, up.ID, up.Name)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, id := range []string{"..", "../..", "", "0123456789abcdeF", "0123456789abcdef/x"} {
		if _, _, err := testUploads(t).claim([]string{id}); err == nil {
			t.Errorf("%q is an upload", id)
		}
	}
}

func TestAnUploadThatIsCutLeavesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		body  io.Reader
		space func(int64) error
	}{
		"cut":     {io.MultiReader(strings.NewReader("by"), failing{io.ErrUnexpectedEOF}), room},
		"no room": {strings.NewReader("bytes"), func(int64) error { return node.ErrNoSpace }},
		"no room in the middle": {io.LimitReader(zeros{}, spaceStep+1), func(size int64) error {
			if size == 1 {
				return node.ErrNoSpace
			}
			return nil
		}},
	} {
		u := testUploads(t)
		if _, err := u.take("x", 5, test.body, test.space); err == nil {
			t.Errorf("%s: no error", name)
		}
		if left, _ := os.ReadDir(u.dir); len(left) != 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestAClientThatGoesLeavesNothing, over a real connection.
func TestAClientThatGoesLeavesNothing(t *testing.T) {
	c, home := serve(t, &backend{})
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		request, _ := http.NewRequestWithContext(ctx, http.MethodPut, "http://passeur/v1/uploads/x", r)
		answer, err := c.http.Transport.(*judge).next.RoundTrip(request)
		if err == nil {
			answer.Body.Close()
		}
		done <- err
	}()
	if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
		t.Fatal(err)
	}
	awaitEntries(t, filepath.Join(home, sentFolder), 2) // it and its mark
	cancel()
	w.CloseWithError(context.Canceled) // the transport waits for a body that is being read
	if err := <-done; err == nil {
		t.Fatal("it was answered")
	}
	awaitEntries(t, filepath.Join(home, sentFolder), 0)
}

// awaitEntries waits until a folder has so many entries.
func awaitEntries(t *testing.T, dir string, want int) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		entries, _ := os.ReadDir(dir)
		if len(entries) == want {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s has %v", dir, entries)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestUnsentUploadsGoAfterADay(t *testing.T) {
	u := testUploads(t)
	old, err := u.take("old", 1, strings.NewReader("x"), room)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := u.take("sent", 1, strings.NewReader("x"), room)
	if err != nil {
		t.Fatal(err)
	}
	_, settle, err := u.claim([]string{sent.ID})
	if err != nil {
		t.Fatal(err)
	}
	u.sweep(time.Now().Add(2 * uploadLife)) // one is being sent
	settle(nil)
	if _, err := os.Stat(filepath.Join(u.dir, old.ID)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old one is there: %v", err)
	}
	u.sweep(time.Now().Add(2 * uploadLife))
	if left, _ := os.ReadDir(u.dir); len(left) != 1 || left[0].Name() != sent.ID {
		t.Errorf("left %v", left)
	}
	fresh, err := u.take("fresh", 1, strings.NewReader("x"), room)
	if err != nil {
		t.Fatal(err)
	}
	u.sweep(time.Now())
	if _, err := os.Stat(filepath.Join(u.dir, fresh.ID)); err != nil {
		t.Errorf("a fresh one is gone: %v", err)
	}
}

func TestSendingTwiceWithOneKey(t *testing.T) {
	b := &backend{}
	c, _ := serve(t, b)
	in := NewTransfer{File: "/x", Contact: "bob"}
	b.err = node.ErrNotAccepted // a failure is not remembered
	if _, err := c.BeginOnce(t.Context(), in, "k"); err == nil {
		t.Fatal("no error")
	}
	b.err, b.asked = nil, nil
	first, err := c.BeginOnce(t.Context(), in, "k")
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.BeginOnce(t.Context(), in, "k")
	if err != nil || second.ID != first.ID || len(b.asked) != 1 {
		t.Errorf("asked %q, %v", b.asked, err)
	}
	in.File = "/y"
	var p *Problem
	if _, err := c.BeginOnce(t.Context(), in, "k"); !errors.As(err, &p) || p.Code != CodeIdempotency || p.Status != http.StatusConflict {
		t.Errorf("%v", err)
	}
	if _, err := c.BeginOnce(t.Context(), in, "another"); err != nil {
		t.Error(err)
	}
}

// TestTheMemoryIsBounded in number and in time.
func TestTheMemoryIsBounded(t *testing.T) {
	m := &memory{}
	sends := 0
	send := func(key string) {
		m.once(key, NewTransfer{}, func() (Sent, error) { sends++; return Sent{}, nil })
	}
	send("first")
	for i := range maxMemos {
		send(string(rune('a'+i%26)) + strings.Repeat("x", i/26))
	}
	if len(m.memos) != maxMemos {
		t.Errorf("%d are kept", len(m.memos))
	}
	before := sends
	send("first")
	if sends != before+1 {
		t.Error("the oldest is remembered")
	}
	m.memos[0].since = time.Now().Add(-2 * memoTime)
	send("one more")
	if len(m.memos) != maxMemos {
		t.Errorf("%d are kept", len(m.memos))
	}
}

func TestSendingByCode(t *testing.T) {
	b := &backend{}
	c, _ := serve(t, b)
	sent, err := c.BeginOnce(t.Context(), NewTransfer{File: "/x", Code: true, Lifetime: "1h30m"}, "")
	if err != nil || sent.Pairing == nil || sent.Pairing.Code != "a-b-c-d" || b.asked[0] != `send by code ["/x"] 1h30m0s` {
		t.Errorf("%+v, asked %q, %v", sent, b.asked, err)
	}
	if p, err := c.Receive(t.Context(), NewReceive{Code: "a b c d", Path: "/y/"}); err != nil || p.ID != id || b.asked[1] != "receive a b c d /y/" {
		t.Errorf("%+v, asked %q, %v", p, b.asked, err)
	}
	for _, in := range []NewTransfer{{File: "/x", Code: true, Contact: "bob"}, {File: "/x", Uploads: []string{id}}} {
		var p *Problem
		if _, err := c.BeginOnce(t.Context(), in, ""); !errors.As(err, &p) || p.Code != CodeInvalid {
			t.Errorf("%+v: %v", in, err)
		}
	}
}
