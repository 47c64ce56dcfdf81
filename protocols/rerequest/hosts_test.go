package rerequest_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
)

// Three real hosts over TCP and TLS: two hold a file, and the third gets it from
// both.
func TestThreeHosts(t *testing.T) {
	const size = 24 << 20
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(content)
	folder := t.TempDir()
	path := filepath.Join(folder, "held")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := sha3tree.Read(t.Context(), bytes.NewReader(content), size, nil)
	if err != nil {
		t.Fatal(err)
	}
	held, err := filexfer.FileFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	held.Root = list.Root().String()
	held.Tree = func(context.Context) (filexfer.Tree, error) {
		return filexfer.Tree{Root: list.Root(), List: list}, nil
	}

	alicesHost, bobsHost, carlasHost := newHost(), newHost(), newHost()
	members := club{"hiking": {alicesHost.ID(), bobsHost.ID(), carlasHost.ID()}}
	done, both := make(chan rerequest.Event, 1), make(chan struct{})
	alices := held // who is asked first brings nothing until the other one is, too
	alices.Open = func() (io.ReadCloser, error) { return await(held, both) }
	alice := newApp(alicesHost, members, album{"film": alices}, nil)
	defer alice.close()
	carla := newApp(carlasHost, members, album{"film": alices}, nil)
	defer carla.close()
	var mu sync.Mutex
	claimed := make(map[peer.ID]bool)
	bob := newApp(bobsHost, members, nil, func(e rerequest.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch e.Kind {
		case rerequest.Claimed:
			if claimed[e.Device] = true; len(claimed) == 2 && !isClosed(both) {
				close(both)
			}
		case rerequest.Done:
			done <- e
		}
	})
	defer bob.close()
	for _, other := range []*app{alice, carla} {
		if err := bobsHost.Connect(t.Context(), peer.AddrInfo{ID: other.host.ID(), Addrs: other.host.Addrs()}); err != nil {
			t.Fatal(err)
		}
	}
	want := rerequest.Want{Conversation: "hiking", Interaction: "film", Target: filexfer.Target{Dir: folder, Name: "film", Size: size, Root: held.Root}}
	if err := bob.again.Want(want); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-done:
		if got, err := os.ReadFile(e.Path); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("it never came")
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// awaited is a file whose bytes wait for something.
type awaited struct {
	*os.File
	ready  <-chan struct{}
	closed chan struct{}
}

func await(f filexfer.File, ready <-chan struct{}) (io.ReadCloser, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	return &awaited{r.(*os.File), ready, make(chan struct{})}, nil
}

func (a *awaited) Read(p []byte) (int, error) {
	select {
	case <-a.ready:
		return a.File.Read(p)
	case <-a.closed:
		return 0, io.ErrClosedPipe
	}
}

func (a *awaited) Close() error {
	close(a.closed)
	return a.File.Close()
}
