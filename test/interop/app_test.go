package interop

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	corepeer "github.com/libp2p/go-libp2p/core/peer"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/node/upgrade"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// What the two talk about.
const (
	club    = "c0ffee"
	picture = "17"
)

// app is a host with passeur's TLS, muxer and protocols, which trusts its peers.
type app struct {
	host  host.Host
	files *filexfer.Service
	again *rerequest.Service
	peer  corepeer.ID // the first of peers
	peers []corepeer.ID
	held  map[string]filexfer.File
	dir   string
	done  chan string // paths of files that were asked for
	wants func(filexfer.Offer) (filexfer.Sink, error)
	seen  atomic.Pointer[func(filexfer.View)] // what transfers are told to, if anybody
}

var (
	_ rerequest.Directory = (*app)(nil)
	_ rerequest.Book      = (*app)(nil)
)

// Check trusts the peers alone.
func (a *app) Check(_ context.Context, conversation string, device corepeer.ID) error {
	if conversation != club {
		return rerequest.ErrUnknownConversation
	}
	if !slices.Contains(a.peers, device) {
		return rerequest.ErrNotMember
	}
	return nil
}

func (a *app) Devices(context.Context, string) ([]corepeer.ID, error) {
	return a.peers, nil
}

func (a *app) Held(_ context.Context, _, interaction string) (filexfer.File, error) {
	file, held := a.held[interaction]
	if !held {
		return filexfer.File{}, rerequest.ErrNotHeld
	}
	return file, nil
}

func newApp(t *testing.T, peers ...*peer) *app {
	t.Helper()
	h, err := libp2p.New(
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.Security(libp2ptls.ID, upgrade.NewTLS),
		libp2p.Muxer(upgrade.MuxerID, upgrade.Muxer()),
		libp2p.DisableRelay(),
	)
	check(t, err)
	a := &app{host: h, held: map[string]filexfer.File{}, dir: t.TempDir(), done: make(chan string, 1)}
	for _, p := range peers {
		id, err := corepeer.Decode(p.ID)
		check(t, err)
		a.peers = append(a.peers, id)
	}
	a.peer = a.peers[0]
	a.files, err = filexfer.New(h, filexfer.Config{Ranges: true, Accept: a.accept, Observe: a.tell})
	check(t, err)
	a.again, err = rerequest.New(h, rerequest.Config{
		Self: h.ID(), Directory: a, Book: a, Files: a.files, Observe: a.observe, Retry: 100 * time.Millisecond,
	})
	check(t, err)
	h.SetStreamHandler(a.files.ID(), a.files.HandleStream)
	h.SetStreamHandler(a.again.ID(), a.again.HandleStream)
	t.Cleanup(func() {
		a.again.Close()
		a.files.Close()
		h.Close()
	})
	return a
}

func (a *app) observe(e rerequest.Event) {
	if e.Kind == rerequest.Done {
		a.done <- e.Path
	}
}

func (a *app) tell(v filexfer.View) {
	if seen := a.seen.Load(); seen != nil {
		(*seen)(v)
	}
}

// watch has each state of each transfer told to a function, until the test ends.
func (a *app) watch(t *testing.T, seen func(filexfer.View)) {
	a.seen.Store(&seen)
	t.Cleanup(func() { a.seen.Store(nil) })
}

// await gives what comes of a file that was asked for.
func (a *app) await(t *testing.T) string {
	t.Helper()
	select {
	case path := <-a.done:
		return path
	case <-time.After(patience):
		t.Fatal("the file did not come")
		return ""
	}
}

// accept takes what was asked for, and else what wants takes.
func (a *app) accept(ctx context.Context, o filexfer.Offer) (filexfer.Sink, error) {
	if sink, wanted, err := a.again.Accept(ctx, o); wanted {
		return sink, err
	}
	if a.wants == nil {
		return nil, filexfer.ErrRefused
	}
	return a.wants(o)
}

// addr is where the peer reaches the app.
func (a *app) addr() string {
	return a.host.Addrs()[0].String() + "/p2p/" + a.host.ID().String()
}

// connect has the app dial the peer.
func (a *app) connect(t *testing.T, p *peer) {
	t.Helper()
	addr, err := multiaddr.NewMultiaddr(p.Addr)
	check(t, err)
	info, err := corepeer.AddrInfoFromP2pAddr(addr)
	check(t, err)
	check(t, a.host.Connect(t.Context(), *info))
}

// newFile makes a file of random bytes.
func newFile(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a file")
	f, err := os.Create(path)
	check(t, err)
	_, err = io.CopyN(f, rand.Reader, size)
	check(t, err)
	check(t, f.Close())
	return path
}

// summed is a file with both of its sums.
func summed(t *testing.T, path string) filexfer.File {
	t.Helper()
	file, err := filexfer.FileFromPath(path)
	check(t, err)
	file.Sum, err = filexfer.SumFile(t.Context(), file, nil)
	check(t, err)
	tree, err := filexfer.SumTree(t.Context(), file, nil)
	check(t, err)
	file.Root, file.Total = tree.Root.String(), file.Size
	file.Tree = func(context.Context) (filexfer.Tree, error) { return tree, nil }
	return file
}

// same compares two files by what OpenSSL makes of them.
func same(t *testing.T, want, got string) {
	t.Helper()
	if a, b := people.OpenSSLSum(t, want), people.OpenSSLSum(t, got); a != b {
		t.Errorf("%s has the SHA3-512 %s, and %s %s", want, a, got, b)
	}
}

// rangeOf is a file with a piece of another one.
func rangeOf(t *testing.T, path string, skip, n int64) string {
	t.Helper()
	all, err := os.ReadFile(path)
	check(t, err)
	part := filepath.Join(t.TempDir(), "a piece")
	check(t, os.WriteFile(part, all[skip:skip+n], 0o600))
	return part
}
