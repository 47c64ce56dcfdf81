package filexfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// pair makes two connected hosts over TCP and TLS that keep what they get in
// folders of their own.
func pair(t *testing.T) (alice, bob *endpoint) {
	t.Helper()
	alice, bob = newEndpoint(t), newEndpoint(t)
	if err := alice.host.Connect(t.Context(), peer.AddrInfo{ID: bob.host.ID(), Addrs: bob.host.Addrs()}); err != nil {
		t.Fatal(err)
	}
	return alice, bob
}

type endpoint struct {
	host    host.Host
	files   *filexfer.Service
	folder  string
	flowing chan string        // ids of incoming transfers that have begun
	ends    chan filexfer.View // of incoming transfers
}

func newEndpoint(t *testing.T) *endpoint {
	e := &endpoint{host: newHost(), folder: t.TempDir(), flowing: make(chan string, 100), ends: make(chan filexfer.View, 100)}
	accept := func(_ context.Context, o filexfer.Offer) (filexfer.Sink, error) {
		return filexfer.NewFileSink(filexfer.Target{Dir: e.folder, Name: o.Name, Size: o.Size, ID: o.ID})
	}
	observe := func(v filexfer.View) {
		switch {
		case v.Incoming && v.State.Final():
			e.ends <- v
		case v.Incoming && v.State == filexfer.Ongoing && v.Bytes == 0:
			e.flowing <- v.ID
		}
	}
	var err error
	if e.files, err = filexfer.New(e.host, filexfer.Config{Accept: accept, Observe: observe}); err != nil {
		t.Fatal(err)
	}
	e.host.SetStreamHandler(e.files.ID(), e.files.HandleStream)
	t.Cleanup(func() {
		e.files.Close()
		e.host.Close()
	})
	return e
}

// Ten files in each direction at once over the one connection there is.
func TestManyAtOnce(t *testing.T) {
	alice, bob := pair(t)
	source := t.TempDir()
	var sends sync.WaitGroup
	for i := range 10 {
		content := bytes.Repeat([]byte{byte(i)}, i*100_000)
		path := filepath.Join(source, fmt.Sprintf("file %d", i))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		for from, to := range map[*endpoint]*endpoint{alice: bob, bob: alice} {
			sends.Go(func() {
				file, err := filexfer.FileFromPath(path)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := from.files.Send(t.Context(), to.host.ID(), file); err != nil {
					t.Errorf("file %d: %v", i, err)
				}
				if got, err := os.ReadFile(filepath.Join(to.folder, fmt.Sprintf("file %d", i))); err != nil || !bytes.Equal(got, content) {
					t.Errorf("file %d: %d bytes came (%v), want %d", i, len(got), err, len(content))
				}
			})
		}
	}
	sends.Wait()
	if conns := alice.host.Network().ConnsToPeer(bob.host.ID()); len(conns) != 1 {
		t.Errorf("%d connections", len(conns))
	}
}

// Either side stops it in the middle: the reasons of both sides' ends cross a
// real swarm too, and nothing is left behind.
func TestCancelBetweenHosts(t *testing.T) {
	type end struct{ sender, receiver filexfer.State }
	for name, c := range map[string]struct {
		cancel func(sender, receiver *filexfer.Service, sent, received string) error
		want   end
	}{
		"the sender": {func(sender, _ *filexfer.Service, sent, _ string) error { return sender.Cancel(sent) },
			end{filexfer.ClosedByHost, filexfer.ClosedByPeer}},
		"the receiver": {func(_, receiver *filexfer.Service, _, received string) error { return receiver.Cancel(received) },
			end{filexfer.ClosedByPeer, filexfer.ClosedByHost}},
	} {
		t.Run(name, func(t *testing.T) {
			alice, bob := pair(t)
			started := make(chan struct{})
			file := filexfer.File{ID: "0123456789abcdef", Name: "x", Size: 10, Open: blocked(started)}
			go func() {
				<-started
				if err := c.cancel(alice.files, bob.files, file.ID, <-bob.flowing); err != nil {
					t.Error(err)
				}
			}()
			if view, err := alice.files.Send(t.Context(), bob.host.ID(), file); view.State != c.want.sender || !errors.Is(err, filexfer.ErrCancelled) {
				t.Errorf("sender: %v, %v", view.State, err)
			}
			select {
			case end := <-bob.ends:
				if end.State != c.want.receiver || !errors.Is(end.Err, filexfer.ErrCancelled) {
					t.Errorf("receiver: %v, %v", end.State, end.Err)
				}
			case <-time.After(2 * time.Minute):
				t.Fatal("the receiver still waits")
			}
			if left, err := os.ReadDir(bob.folder); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v (%v)", left, err)
			}
		})
	}
}

// A peer that does not speak the protocol cannot be joined, or says nothing
// that could be taken for GO.
func TestPeerWithoutTheProtocol(t *testing.T) {
	alice, bob := pair(t)
	bob.host.RemoveStreamHandler(filexfer.ID)
	file := filexfer.File{Name: "x", Size: 10, Open: blocked(make(chan struct{}))}
	view, err := alice.files.Send(t.Context(), bob.host.ID(), file)
	if err == nil || !view.State.Final() || view.State == filexfer.Finished {
		t.Errorf("%v, %v", view.State, err)
	}
}

// blocked opens a source whose first Read tells started and waits for Close.
func blocked(started chan struct{}) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		return &blockedSource{started: started, closed: make(chan struct{})}, nil
	}
}

type blockedSource struct {
	started, closed chan struct{}
	once            sync.Once
}

func (b *blockedSource) Read([]byte) (int, error) {
	close(b.started)
	<-b.closed
	return 0, io.ErrClosedPipe
}

func (b *blockedSource) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// A file goes over the connection that it is told to go over, of two.
func TestGivenConnection(t *testing.T) {
	alice, bob := pair(t)
	if err := bob.host.Connect(network.WithForceDirectDial(t.Context(), "a second one"), peer.AddrInfo{ID: alice.host.ID(), Addrs: alice.host.Addrs()}); err != nil {
		t.Fatal(err)
	}
	for _, c := range alice.host.Network().ConnsToPeer(bob.host.ID()) {
		file := filexfer.File{Name: "x", Size: 5, Conn: c, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("hello")), nil
		}}
		view, err := alice.files.Send(t.Context(), bob.host.ID(), file)
		if err != nil || view.Conn != c {
			t.Errorf("over %v: %v, want %v", view.Conn, err, c)
		}
		if view, err := alice.files.Send(t.Context(), "another", file); view.State != filexfer.Unjoinable || !errors.Is(err, filexfer.ErrUnjoinable) {
			t.Errorf("to another device: %v, %v", view.State, err)
		}
	}
}
