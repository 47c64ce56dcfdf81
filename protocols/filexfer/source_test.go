package filexfer

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFileFromPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "photo.jpg")
	put(t, path, "content")
	f, err := FileFromPath(path)
	if err != nil || f.Name != "photo.jpg" || f.Size != 7 || f.Sum != "" {
		t.Fatalf("%+v (%v)", f, err)
	}
	src, err := f.open()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if got, err := io.ReadAll(src); err != nil || string(got) != "content" {
		t.Errorf("%q (%v)", got, err)
	}
	if err := src.unchanged(); err != nil {
		t.Error(err)
	}
}

// What happens to a file between the choosing and the last byte.
func TestSourceChanges(t *testing.T) {
	const content = "content that matters"
	later := time.Now().Add(time.Hour)
	changes := map[string]func(path string) error{
		"shrinks":  func(path string) error { return os.Truncate(path, 3) },
		"grows":    func(path string) error { return os.Truncate(path, 1000) },
		"vanishes": os.Remove,
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+"2", []byte(content), 0o600), os.Rename(path+"2", path))
		},
		"rewritten": func(path string) error {
			return errors.Join(os.WriteFile(path, []byte(strings.ToUpper(content)), 0o600), os.Chtimes(path, later, later))
		},
	}
	for name, change := range changes {
		t.Run(name+" before it is opened", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "x")
				put(t, path, content)
				f, err := FileFromPath(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := change(path); err != nil {
					t.Fatal(err)
				}
				left, _ := connect(t)
				s, _ := mount(t, left, Config{})
				view, _ := s.Send(t.Context(), "right", f)
				wantEnd(t, "sender", view, InvalidPath, ErrSource)
			})
		})
	}
	delete(changes, "vanishes") // an open file cannot: the last test of this file
	delete(changes, "replaced")
	for name, change := range changes {
		t.Run(name+" while the receiver decides", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sender, receiver, sink := sendChanged(t, content, change)
				wantEnd(t, "sender", sender, InvalidPath, ErrSource)
				wantEnd(t, "receiver", receiver, ClosedByPeer, ErrSource)
				if _, committed, aborted := sink.kept(); committed != 0 || aborted != 1 {
					t.Errorf("committed %d times, aborted %d times", committed, aborted)
				}
			})
		})
	}
	for name, change := range map[string]func(string) error{"removed": os.Remove} {
		t.Run(name+" while the receiver decides", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sender, receiver, sink := sendChanged(t, content, change)
				wantEnd(t, "sender", sender, Finished, nil)
				wantEnd(t, "receiver", receiver, Finished, nil)
				if data, _, _ := sink.kept(); data != content {
					t.Errorf("kept %q", data)
				}
			})
		})
	}
}

// sendChanged sends a file that changes when the receiver is asked.
func sendChanged(t *testing.T, content string, change func(path string) error) (sender, receiver View, sink *memorySink) {
	path := filepath.Join(t.TempDir(), "x")
	put(t, path, content)
	f, err := FileFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	left, right := connect(t)
	s, _ := mount(t, left, Config{})
	sink = &memorySink{}
	_, received := mount(t, right, Config{Accept: func(context.Context, Offer) (Sink, error) {
		return sink, change(path)
	}})
	sender, _ = s.Send(t.Context(), "right", f)
	return sender, received.awaitEnd(t), sink
}
