package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// serviceNode is the node of another user: it reads nothing but what lies in its home.
type serviceNode struct {
	*fakeNode
	home string
}

func (s serviceNode) SendFiles(ctx context.Context, paths []string, ref string) (node.Transfer, error) {
	for _, path := range paths {
		if !strings.HasPrefix(path, s.home) {
			return node.Transfer{}, filexfer.ErrSource
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return node.Transfer{}, err
		}
		s.ask("given %s: %s", filepath.Base(path), content)
	}
	return s.fakeNode.SendFiles(ctx, paths, ref)
}

func (s serviceNode) HasSpace(string, int64) error { return nil }

// TestFilesThatTheNodeCannotReadAreHandedOver, and -v says so.
func TestFilesThatTheNodeCannotReadAreHandedOver(t *testing.T) {
	f := &fakeNode{course: sentToTwo(t)}
	serveBackend(t, f, func(home string) api.Backend { return serviceNode{f, home} })
	path := filepath.Join(t.TempDir(), "film.mkv")
	if err := os.WriteFile(path, []byte("the film"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := passeur(t.Context(), "send", "-v", path, "holiday")
	if code != 0 || !slices.Contains(f.asked, "given film.mkv: the film") {
		t.Errorf("exit code %d, asked %q, said %s", code, f.asked, stderr)
	}
	if want := "the node cannot read " + path + "; its bytes are handed over\n"; !strings.Contains(stderr, want) {
		t.Errorf("said %s", stderr)
	}
	if code, _, stderr := passeur(t.Context(), "send", t.TempDir(), "holiday"); code != exitError || stderr == "" {
		t.Errorf("a folder: exit code %d, said %s", code, stderr)
	}
}
