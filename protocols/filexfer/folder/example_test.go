package folder_test

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
	"github.com/passeur-p2p/passeur/protocols/filexfer/folder"
)

// inbox takes folders, but of each only what is in "photos".
type inbox struct{ dir string }

func (in inbox) accept(ctx context.Context, o filexfer.Offer) (filexfer.Sink, error) {
	taken := folder.Accept{Manifest: o.Manifest, Only: []string{"photos"}}
	part, err := filexfer.OpenPart(ctx, filexfer.Target{
		Dir: in.dir, Name: o.Name, ID: o.ID, Size: o.Total, Root: o.Root, Place: taken.Open,
	})
	if err != nil {
		return nil, err
	}
	return whole{part.Range(0, o.Total), part}, nil
}

// whole is a range that is all there is: when it has come, the folder is finished.
type whole struct {
	*filexfer.RangeSink
	part *filexfer.Part
}

func (w whole) Commit() error {
	if err := w.RangeSink.Commit(); err != nil {
		return err
	}
	return w.part.Finish()
}

// Alice sends a folder, and Bob takes a part of it.
func Example() {
	alice, bob := newHost(), newHost()
	defer alice.Close()
	defer bob.Close()
	dir, err := os.MkdirTemp("", "folder")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	in, err := filexfer.New(bob, filexfer.Config{Accept: inbox{dir}.accept, Ranges: true})
	if err != nil {
		log.Fatal(err)
	}
	defer in.Close()
	bob.SetStreamHandler(in.ID(), in.HandleStream)

	holiday := filepath.Join(dir, "holiday")
	for name, content := range map[string]string{"diary.txt": "Day one.\n", "photos/sea.jpg": "blue", "photos/old/hill.jpg": "green"} {
		path := filepath.Join(holiday, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		os.WriteFile(path, []byte(content), 0o644)
	}
	scanned, err := folder.Scan(ctx, folder.Config{}, holiday)
	if err != nil {
		log.Fatal(err)
	}
	for entry := range scanned.Manifest().All() {
		fmt.Println(string(entry.Kind), entry.Path, entry.Size)
	}

	out, err := filexfer.New(alice, filexfer.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer out.Close()
	if err := alice.Connect(ctx, peer.AddrInfo{ID: bob.ID(), Addrs: bob.Addrs()}); err != nil {
		log.Fatal(err)
	}
	view, err := out.Send(ctx, bob.ID(), scanned.File())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(view.State)
	top, err := os.ReadDir(filepath.Join(dir, "holiday (2)"))
	fmt.Println(len(top), err)
	arrived, err := os.ReadFile(filepath.Join(dir, "holiday (2)", "photos", "old", "hill.jpg"))
	fmt.Printf("%s %v\n", arrived, err)

	// Output:
	// f diary.txt 9
	// d photos 0
	// d photos/old 0
	// f photos/old/hill.jpg 5
	// f photos/sea.jpg 4
	// finished
	// 1 <nil>
	// green <nil>
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
