package main

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// carryFiles is all that it takes: files that come are put into folder, and the
// function that it returns sends one.
func carryFiles(h host.Host, folder string) (send func(to peer.ID, path string), err error) {
	files, err := filexfer.New(h, filexfer.Config{
		Accept: func(_ context.Context, o filexfer.Offer) (filexfer.Sink, error) {
			return filexfer.NewFileSink(filexfer.Target{Dir: folder, Name: o.Name, Size: o.Size})
		},
		Observe: show,
	})
	if err != nil {
		return nil, err
	}
	h.SetStreamHandler(files.ID(), files.HandleStream)
	return func(to peer.ID, path string) {
		file, err := filexfer.FileFromPath(path)
		if err != nil {
			fmt.Println("*", err)
			return
		}
		files.Send(context.Background(), to, file) // how it went, show tells
	}, nil
}

// show prints how a transfer has ended. The name is fit to be shown.
func show(v filexfer.View) {
	if v.State.Final() {
		fmt.Printf("* %s: %v, %d bytes\n", v.Name, v.State, v.Bytes)
	}
}
