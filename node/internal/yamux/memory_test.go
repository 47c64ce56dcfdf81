package yamux_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/test"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	ma "github.com/multiformats/go-multiaddr"
)

// Many streams whose readers stall hold no more memory than the resource manager gives:
// windows are smaller, and whole again when there is room.
func TestMemory(t *testing.T) {
	const (
		all     = 64 << 20 // of the peer
		opened  = 60
		atFirst = 256 << 10
	)
	synctest.Test(t, func(t *testing.T) {
		scope := peerScope(t, all)
		c, s := net.Pipe()
		a, err := ours.NewConn(c, false, &network.NullScope{})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		b, err := ours.NewConn(s, true, scope)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()

		held := 0
		var at []network.MuxedStream
		for i := range opened {
			x, y := streams(t, a, b)
			at = append(at, x, y)
			n := fill(t, x, y)
			held += n
			if i == 0 && n != window {
				t.Errorf("the first stream has a window of %d bytes", n)
			}
			if n < atFirst {
				t.Errorf("stream %d has a window of %d bytes", i, n)
			}
		}
		if reserved := scope.Stat().Memory; int64(held) != reserved || reserved > all*2/5+opened*atFirst {
			t.Errorf("%d bytes are held, %d reserved of %d", held, reserved, all)
		}
		for _, st := range at {
			st.Reset()
		}
		synctest.Wait()
		if left := scope.Stat().Memory; left != 0 {
			t.Errorf("%d bytes are still reserved", left)
		}
		x, y := streams(t, a, b)
		if n := fill(t, x, y); n != window {
			t.Errorf("afterwards a stream has a window of %d bytes", n)
		}
	})
}

// fill has y read just enough for its whole window, and x write until it is full. It
// returns what y's side holds then.
func fill(t *testing.T, x, y network.MuxedStream) int {
	t.Helper()
	if _, err := x.Write(make([]byte, 64<<10)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(y, make([]byte, 64<<10)); err != nil {
		t.Fatal(err)
	}
	x.SetWriteDeadline(time.Now().Add(time.Minute))
	n, err := x.Write(make([]byte, 2*window))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return n
}

// peerScope is the scope of a peer for whom libp2p's resource manager has so many bytes.
func peerScope(t *testing.T, memory int64) network.PeerScope {
	t.Helper()
	limits := rcmgr.PartialLimitConfig{PeerDefault: rcmgr.ResourceLimits{Memory: rcmgr.LimitVal64(memory)}}
	m, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Build(rcmgr.InfiniteLimits)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	conn, err := m.OpenConnection(network.DirInbound, true, ma.StringCast("/ip4/192.0.2.1/tcp/1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetPeer(test.RandPeerIDFatal(t)); err != nil {
		t.Fatal(err)
	}
	return conn.PeerScope()
}
