package yamux_test

import (
	"net"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	libp2pyamux "github.com/libp2p/go-libp2p/p2p/muxer/yamux"

	"github.com/passeur-p2p/passeur/node/internal/yamux"
)

const window = 16 << 20

var ours = &yamux.Transport{Window: window}

// theirs is go-yamux, with more patience for a busy machine.
var theirs = func() network.Multiplexer {
	y := *libp2pyamux.DefaultTransport
	y.ConnectionWriteTimeout = 2 * time.Minute
	return &y
}()

// kinds are the pairs of implementations that are tested with each other.
var kinds = []struct {
	name           string
	client, server network.Multiplexer
}{
	{"ours to ours", ours, ours},
	{"ours to go-yamux", ours, theirs},
	{"go-yamux to ours", theirs, ours},
}

// sessions gives both ends of a session over c and s.
func sessions(t testing.TB, client, server network.Multiplexer, c, s net.Conn) (a, b network.MuxedConn) {
	t.Helper()
	a, err := client.NewConn(c, false, &network.NullScope{})
	if err != nil {
		t.Fatal(err)
	}
	b, err = server.NewConn(s, true, &network.NullScope{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// streams opens a stream from a to b.
func streams(t testing.TB, a, b network.MuxedConn) (x, y network.MuxedStream) {
	t.Helper()
	x, err := a.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if y, err = b.AcceptStream(); err != nil {
		t.Fatal(err)
	}
	return x, y
}

// piped gives both ends of a stream over a net.Pipe.
func piped(t testing.TB) (x, y network.MuxedStream) {
	t.Helper()
	c, s := net.Pipe()
	a, b := sessions(t, ours, ours, c, s)
	return streams(t, a, b)
}
