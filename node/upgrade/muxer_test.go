package upgrade

import (
	"crypto/rand"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"

	"github.com/passeur-p2p/passeur/node/internal/yamux"
)

// The window is the short one only where a handshake of ours has shown that the path
// is: a connection that tells nothing may lead anywhere.
func TestWindowForPath(t *testing.T) {
	m := Muxer().(*muxer)
	for name, c := range map[string]struct {
		conn net.Conn
		want *yamux.Transport
	}{
		"a cable":           {&conn{shook: 5 * time.Millisecond}, m.short},
		"another continent": {&conn{shook: 150 * time.Millisecond}, m.long},
		"unknown":           {&net.TCPConn{}, m.long},
	} {
		if got := m.forPath(c.conn); got != c.want {
			t.Errorf("%s: a window of %d bytes, want %d", name, got.Window, c.want.Window)
		}
	}
	if m.short.Window != shortWindowSize || m.long.Window != windowSize {
		t.Errorf("windows of %d and %d bytes", m.short.Window, m.long.Window)
	}
}

// far is an end of a path on which everything takes a while.
type far struct {
	net.Conn
	delay time.Duration
}

func (f far) Write(p []byte) (int, error) {
	time.Sleep(f.delay) // of the bubble's clock
	return f.Conn.Write(p)
}

// Both ends of a connection find out for themselves how long the path is.
func TestWindowOfAConnection(t *testing.T) {
	for delay, want := range map[time.Duration]uint32{0: shortWindowSize, shortPath / 2: windowSize, time.Second: windowSize} {
		synctest.Test(t, func(t *testing.T) {
			there, here := net.Pipe()
			t.Cleanup(func() { there.Close(); here.Close() })
			shaken := make(chan sec.SecureConn, 2)
			go func() {
				c, err := ownTLS(t).SecureOutbound(t.Context(), far{there, delay}, "")
				check(t, err)
				shaken <- c
			}()
			go func() {
				c, err := ownTLS(t).SecureInbound(t.Context(), far{here, delay}, "")
				check(t, err)
				shaken <- c
			}()
			for range 2 {
				if got := Muxer().(*muxer).forPath(<-shaken).Window; got != want {
					t.Errorf("each way %v: a window of %d bytes, want %d", delay, got, want)
				}
			}
		})
	}
}

// ownTLS is that of somebody new.
func ownTLS(t *testing.T) *TLS {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	check(t, err)
	s, err := NewTLS(libp2ptls.ID, key, []upgrader.StreamMuxer{{ID: MuxerID, Muxer: Muxer()}})
	check(t, err)
	return s
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
