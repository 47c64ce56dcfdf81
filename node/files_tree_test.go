package node_test

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// A large file is offered before it is hashed. Its tree comes with it, its entry at the
// same time, and its SHA3-512 later.
func TestLargeFileIsOfferedBeforeItIsHashed(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.start("alice", ""), w.start("bob", "")
	nodetest.Befriend(t, alice, bob)
	path, content := randomFile(t, "film.mkv", 17<<20+1)
	sent, err := alice.SendFile(t.Context(), path, "bob")
	if err != nil {
		t.Fatal(err)
	}
	offer := nodetest.Offer(t, bob, "film.mkv")
	if _, err := bob.Accept(t.Context(), offer.ID, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	end := nodetest.Ended(t, bob, offer.ID)
	if got, err := os.ReadFile(end.File); end.State != filexfer.Finished || !bytes.Equal(got, content) {
		t.Fatalf("ended as %+v, %v", end, err)
	}
	sent = nodetest.Ended(t, alice, sent.ID)
	if sent.State != filexfer.Finished || sent.Entry.IsZero() || sent.Entry != end.Entry || sent.Tree == "" || sent.Tree != end.Tree {
		t.Errorf("sent as %+v, received as %+v", sent, end)
	}
	node.SumAll(alice) // else in a minute
	sum := sha3.Sum512(content)
	for _, n := range []*node.Node{alice, bob} {
		nodetest.Until(t, n, "the file's SHA3-512", func() bool {
			list, err := n.Files()
			return err == nil && len(list) == 1 && list[0].Sum == hex.EncodeToString(sum[:]) && list[0].State == node.HeldHere
		})
	}
}

// A folder comes as it was, from one who sent it, and then from one who has it.
func TestFolderOfAGroup(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol := w.start("alice", ""), w.start("bob", ""), w.start("carol", "")
	club(t, alice, bob, carol)
	nodetest.Befriend(t, bob, carol)
	dir := filepath.Join(t.TempDir(), "summer")
	files := map[string]string{"a.txt": "a", "empty": "", "sub/b.jpg": string(bytes.Repeat([]byte("b"), 3<<20)), "sub/deep/run.sh": "#!/bin/sh"}
	for name, content := range files {
		writeIn(t, dir, name, content)
	}
	entry := share(t, alice, "club", dir, []*node.Node{bob}, []*node.Node{carol})
	held, err := bob.Files()
	if err != nil || len(held) != 1 || held[0].State != node.HeldHere {
		t.Fatalf("bob holds %+v, %v", held, err)
	}
	wantFolder(t, held[0].Path, files)
	if err := alice.Close(); err != nil {
		t.Fatal(err)
	}
	wanted, err := carol.GetFile(t.Context(), "club", entry.String(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	end := nodetest.Ended(t, carol, wanted.ID)
	if end.State != filexfer.Finished {
		t.Fatalf("ended as %+v", end)
	}
	wantFolder(t, end.File, files)
	writeIn(t, held[0].Path, "a.txt", "A")
	if held, err = bob.Files(); err != nil || held[0].State == node.HeldHere {
		t.Errorf("after a change bob holds %+v, %v", held, err)
	}
}

// Of a folder some files can be taken, and nothing of the others comes.
func TestSomeOfAFolder(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.start("alice", ""), w.start("bob", "")
	nodetest.Befriend(t, alice, bob)
	dir := filepath.Join(t.TempDir(), "summer")
	for name, content := range map[string]string{"a.txt": "a", "b.jpg": "b", "sub/c.jpg": "c"} {
		writeIn(t, dir, name, content)
	}
	if _, err := alice.SendFile(t.Context(), dir, "bob"); err != nil {
		t.Fatal(err)
	}
	offer := nodetest.Offer(t, bob, "summer")
	if offer.Manifest == 0 {
		t.Errorf("the offer is of a file: %+v", offer)
	}
	if _, err := bob.Accept(t.Context(), offer.ID, t.TempDir(), "*.jpg", "["); !errors.Is(err, node.ErrBadChoice) {
		t.Errorf("a pattern that is none: %v", err)
	}
	if _, err := bob.Accept(t.Context(), offer.ID, t.TempDir(), "*.jpg"); err != nil {
		t.Fatal(err)
	}
	end := nodetest.Ended(t, bob, offer.ID)
	if end.State != filexfer.Finished {
		t.Fatalf("ended as %+v", end)
	}
	wantFolder(t, end.File, map[string]string{"b.jpg": "b", "sub/c.jpg": "c"})
	if held, err := bob.Files(); err != nil || len(held) != 0 {
		t.Errorf("bob holds %+v, %v, but has only some of it", held, err)
	}
}

// A node that is killed right after a file got its name finds it there, and leaves
// nothing beside it.
func TestFileThatGotItsNameLast(t *testing.T) {
	w := newWorld(t)
	home := t.TempDir()
	alice, bob := w.start("alice", ""), w.start("bob", home)
	nodetest.Befriend(t, alice, bob)
	path, content := randomFile(t, "photo.jpg", 100_000)
	entry := share(t, alice, "bob", path, nil, []*node.Node{bob})
	if err := alice.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	wanted, err := bob.GetFile(t.Context(), "alice", entry.String(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := bob.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"photo.jpg": content, ".passeur-" + wanted.ID + ".units": {1}} {
		writeIn(t, dir, name, string(content))
	}
	bob = w.start("bob", home)
	if end := nodetest.Ended(t, bob, wanted.ID); end.State != filexfer.Finished {
		t.Errorf("ended as %+v", end)
	}
	wantFolder(t, dir, map[string]string{"photo.jpg": string(content)})
}

// A choice that nothing in the folder matches ends the transfer, and says so.
func TestNothingOfAFolder(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.start("alice", ""), w.start("bob", "")
	nodetest.Befriend(t, alice, bob)
	dir, target := filepath.Join(t.TempDir(), "summer"), t.TempDir()
	writeIn(t, dir, "a.txt", "a")
	if _, err := alice.SendFile(t.Context(), dir, "bob"); err != nil {
		t.Fatal(err)
	}
	offer := nodetest.Offer(t, bob, "summer")
	if _, err := bob.Accept(t.Context(), offer.ID, target, "*.jpg"); err != nil {
		t.Fatal(err)
	}
	end := nodetest.Ended(t, bob, offer.ID)
	if end.State != filexfer.InvalidPath || !strings.Contains(end.Reason, "*.jpg") {
		t.Errorf("ended as %+v", end)
	}
	nodetest.Until(t, bob, "nothing is left of it", func() bool {
		list, err := os.ReadDir(target)
		return err == nil && len(list) == 0
	})
}

func writeIn(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantFolder wants these files in a folder, and no other.
func wantFolder(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(path)
		if content, is := want[name]; !is || content != string(got) {
			t.Errorf("%s has %d bytes, wanted %v of %d", name, len(got), is, len(content))
		}
		found++
		return err
	})
	if err != nil || found != len(want) {
		t.Errorf("%d files, %v; want %d", found, err, len(want))
	}
}
