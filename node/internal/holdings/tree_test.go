package holdings

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// A file whose SHA3-512 nobody knows yet is held by its tree, whose sums are not
// computed again to give it out.
func TestAFileHeldByItsTree(t *testing.T) {
	s := newShelf(t, true)
	path := s.write(1, "a", text)
	touch(t, path)
	list, err := sha3tree.Read(t.Context(), bytes.NewReader([]byte(text)), int64(len(text)), nil)
	check(t, err)
	h := heldAt(2, path, text)
	h.Sum, h.Tree = "", list.Root().String()
	check(t, s.Put(t.Context(), h, &store.Tree{Units: list.Sums}), s.Close())
	s.open()
	s.wantTree(2, list)
	if n := s.timesRead(); n > 1 {
		t.Errorf("%d readings, want at most the one of a file just put", n)
	}
	check(t, os.WriteFile(path, []byte("THE ANNOUNCED BYTES"), 0o600))
	if _, err := s.file(2); !errors.Is(err, ErrChanged) {
		t.Errorf("%v, want ErrChanged", err)
	}
	check(t, os.WriteFile(path, []byte(text), 0o600))
	s.wantTree(2, list)
}

func (s *shelf) wantTree(entry byte, list sha3tree.List) {
	s.t.Helper()
	f, err := s.file(entry)
	check(s.t, err)
	tree, err := f.Tree(s.t.Context())
	if err != nil || f.Root != list.Root().String() || f.Total != list.Size || tree.Root != list.Root() || !bytes.Equal(tree.List.Sums, list.Sums) {
		s.t.Errorf("%+v, tree %+v, %v", f, tree, err)
	}
	if got, err := contentOf(f); err != nil || got != text {
		s.t.Errorf("the file has %q, %v", got, err)
	}
}

// What the store gives back is held against the root.
func TestATreeThatIsNotTheOneOfItsRoot(t *testing.T) {
	s := newShelf(t, true)
	path := s.write(1, "a", text)
	h := heldAt(2, path, text)
	h.Tree = sha3tree.Sum{1}.String()
	check(t, s.Put(t.Context(), h, &store.Tree{Units: make([]byte, sha3tree.Size)}))
	if _, err := s.tree(store.Held{Conversation: talk, Entry: conversation.ID{2}, Size: h.Size, Tree: h.Tree}); err == nil {
		t.Error("a wrong list was given out")
	}
	if f, err := s.file(1); err != nil || f.Tree != nil || f.Root != "" {
		t.Errorf("%+v, %v: a file without a tree offers one", f, err)
	}
}
