package main

import (
	"context"
	"fmt"
	"io"
)

// way is how a stream gets from one process to another.
type way struct {
	name, title string
	// listen waits at an IP address for one stream. The address that it gives is for
	// dial, in another process.
	listen func(ctx context.Context, ip string) (addr string, accept accept, err error)
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
	wayRaw     = "raw"
	wayTLS     = "tls"
	wayDefault = "default"
	wayOurs    = "ours"
	wayICE     = "ice"
)

// ways in the order of the table; control is what plain sockets use, see [plain].
func ways(control string) []way {
	p := plain{control}
	return []way{
		{wayRaw, "raw TCP", p.listenRaw, p.dialRaw},
		{wayTLS, "plain TLS", p.listenTLS, p.dialTLS},
		{wayDefault, "libp2p over TCP, its defaults", listenHost(defaults), dialHost(defaults)},
		{wayOurs, "libp2p over TCP, node/upgrade", listenHost(ours), dialHost(ours)},
		{wayICE, "libp2p over /ice", listenICE, dialICE},
	}
}

func wayNamed(name, control string) (way, error) {
	for _, w := range ways(control) {
		if w.name == name {
			return w, nil
		}
	}
	return way{}, fmt.Errorf("no way %q", name)
}
