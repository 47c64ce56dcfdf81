package rerequest_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
)

// club is the directory of an app whose conversations are fixed lists of
// devices.
type club map[string][]peer.ID

func (c club) Check(_ context.Context, conversation string, device peer.ID) error {
	devices, known := c[conversation]
	if !known {
		return rerequest.ErrUnknownConversation
	}
	for _, d := range devices {
		if d == device {
			return nil
		}
	}
	return rerequest.ErrNotMember
}

func (c club) Devices(_ context.Context, conversation string) ([]peer.ID, error) {
	return c[conversation], nil
}

// album is the book of an app that keeps a file of each entry, by its name. It
// remembers the sums, and so need not read a file for each request.
type album map[string]filexfer.File

func (a album) Held(_ context.Context, _, interaction string) (filexfer.File, error) {
	file, held := a[interaction]
	if !held {
		return filexfer.File{}, rerequest.ErrNotHeld
	}
	return file, nil
}

// app is what one device runs.
type app struct {
	host  host.Host
	files *filexfer.Service
	again *rerequest.Service
}

func (a *app) close() {
	a.again.Close()
	a.files.Close()
	a.host.Close()
}

// newApp mounts both protocols.
func newApp(h host.Host, members club, held album, observe func(rerequest.Event)) *app {
	a := &app{host: h}
	var err error
	a.files, err = filexfer.New(h, filexfer.Config{Ranges: true, Accept: a.accept})
	if err != nil {
		log.Fatal(err)
	}
	a.again, err = rerequest.New(h, rerequest.Config{
		Self: h.ID(), Directory: members, Book: held, Files: a.files, Observe: observe,
	})
	if err != nil {
		log.Fatal(err)
	}
	h.SetStreamHandler(a.files.ID(), a.files.HandleStream)
	h.SetStreamHandler(a.again.ID(), a.again.HandleStream)
	return a
}

// accept takes what was asked for, and nothing else.
func (a *app) accept(ctx context.Context, o filexfer.Offer) (filexfer.Sink, error) {
	if sink, wanted, err := a.again.Accept(ctx, o); wanted {
		return sink, err
	}
	return nil, filexfer.ErrRefused
}

// An app with its own conversations and its own files, on two plain libp2p
// hosts over TCP and TLS. Nothing else of passeur is needed.
func Example() {
	folder, err := os.MkdirTemp("", "rerequest")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	alicesHost, bobsHost := newHost(), newHost()
	members := club{"hiking": {alicesHost.ID(), bobsHost.ID()}}

	// Alice has the picture that she announced to the club while Bob was away.
	picture := announced(filepath.Join(folder, "summit.jpg"), "not really a picture\n")
	alice := newApp(alicesHost, members, album{"picture of the summit": picture}, nil)
	defer alice.close()

	// Bob has read the announcement: the size and the sum of the picture.
	done := make(chan string, 1)
	bob := newApp(bobsHost, members, nil, func(e rerequest.Event) {
		if e.Kind == rerequest.Done {
			done <- e.Path
		}
	})
	defer bob.close()
	err = bob.again.Want(rerequest.Want{
		Conversation: "hiking",
		Interaction:  "picture of the summit",
		Target:       filexfer.Target{Dir: folder, Name: "from alice.jpg", Size: picture.Size, Sum: picture.Sum},
	})
	if err != nil {
		log.Fatal(err)
	}

	// Later Alice is there.
	ctx := context.Background()
	if err := bobsHost.Connect(ctx, peer.AddrInfo{ID: alicesHost.ID(), Addrs: alicesHost.Addrs()}); err != nil {
		log.Fatal(err)
	}
	bob.again.Appeared(alicesHost.ID())

	path := <-done
	arrived, err := os.ReadFile(path)
	fmt.Printf("%s: %q %v\n", filepath.Base(path), arrived, err)

	// Output:
	// from alice.jpg: "not really a picture\n" <nil>
}

// announced makes a file and hashes it, once.
func announced(path, content string) filexfer.File {
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		log.Fatal(err)
	}
	file, err := filexfer.FileFromPath(path)
	if err != nil {
		log.Fatal(err)
	}
	if file.Sum, err = filexfer.SumFile(context.Background(), file, nil); err != nil {
		log.Fatal(err)
	}
	return file
}

func newHost() host.Host {
	h, err := libp2p.New(
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.DisableRelay(),
	)
	if err != nil {
		log.Fatal(err)
	}
	return h
}
