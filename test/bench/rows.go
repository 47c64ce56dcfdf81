package main

import (
	"context"
	"io"
)

// row is a way for a stream to get from one process to another.
type row struct {
	name, title string
	// listen waits for one stream. The address is for dial, in another process.
	listen func(context.Context) (addr string, accept accept, err error)
	// dial opens a stream on a connection that is secured and ready.
	dial func(ctx context.Context, addr string) (stream, error)
}

type accept func() (stream, error)

// stream is a stream with all that it stands on: Close ends that too.
type stream interface {
	io.ReadWriter
	Close() error
}

const (
	rowRaw = "raw"
	rowTLS = "tls"
	rowICE = "ice"
)

// rows in the order of the table.
var rows = []row{
	{rowRaw, "raw TCP", listenRaw, dialRaw},
	{rowTLS, "TLS 1.3 (crypto/tls)", listenTLS, dialTLS},
	{"default", "libp2p over TCP, its defaults", listenHost(defaults), dialHost(defaults)},
	{"ours", "libp2p over TCP, node/upgrade", listenHost(ours), dialHost(ours)},
	{rowICE, "libp2p over /ice", listenICE, dialICE},
}

func rowNamed(name string) (row, bool) {
	for _, r := range rows {
		if r.name == name {
			return r, true
		}
	}
	return row{}, false
}
