package upgrade_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"github.com/passeur-p2p/passeur/node/upgrade"
	"github.com/passeur-p2p/passeur/test/conformance"
	"github.com/passeur-p2p/passeur/test/loopback"
)

func tcpTransport(t *testing.T, k crypto.PrivKey) transport.Transport {
	t.Helper()
	u, err := upgrade.New(k, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := tcp.NewTCPTransport(u, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestConformance(t *testing.T) {
	ka, ida := newKey(t)
	kb, _ := newKey(t)
	conformance.Run(t, tcpTransport(t, ka), tcpTransport(t, kb), "/ip4/127.0.0.1/tcp/0", ida)
}

func ours() []libp2p.Option {
	return []libp2p.Option{libp2p.Security(libp2ptls.ID, upgrade.NewTLS), libp2p.Muxer(upgrade.MuxerID, upgrade.Muxer())}
}

func theirs() []libp2p.Option { return []libp2p.Option{libp2p.Security(libp2ptls.ID, libp2ptls.New)} }

// A host built with our options and one with go-libp2p's defaults understand
// each other, in both directions, and need no extra round trip for the muxer.
func TestHosts(t *testing.T) {
	for _, tc := range []struct {
		name         string
		dialer, host []libp2p.Option
	}{
		{"ours to ours", ours(), ours()},
		{"ours to go-libp2p", ours(), theirs()},
		{"go-libp2p to ours", theirs(), ours()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := loopback.Host(t, tc.dialer...), loopback.Host(t, tc.host...)
			b.SetStreamHandler("/echo", func(s network.Stream) {
				io.Copy(s, s)
				s.Close()
			})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			if err := a.Connect(ctx, peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
				t.Fatal(err)
			}
			st := a.Network().ConnsToPeer(b.ID())[0].ConnState()
			if st.Security != libp2ptls.ID || st.StreamMultiplexer != upgrade.MuxerID || !st.UsedEarlyMuxerNegotiation {
				t.Errorf("connection is %+v, want TLS and yamux by early negotiation", st)
			}
			echo(t, ctx, a, b.ID(), 3<<20)
		})
	}
}

func echo(t *testing.T, ctx context.Context, h host.Host, to peer.ID, size int) {
	t.Helper()
	s, err := h.NewStream(ctx, to, "/echo")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := make([]byte, size)
	rand.Read(want)
	sent := make(chan error, 1)
	go func() {
		_, err := s.Write(want)
		if err == nil {
			err = s.CloseWrite()
		}
		sent <- err
	}()
	got, err := io.ReadAll(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back, not the %d that went out", len(got), size)
	}
}

// Nothing older than TLS 1.3 gets in.
func TestOldTLSRefused(t *testing.T) {
	k, _ := newKey(t)
	st, err := upgrade.NewTLS(libp2ptls.ID, k, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, s := loopback.TCP(t)
	refused := make(chan error, 1)
	go func() {
		_, err := st.SecureInbound(t.Context(), s, "")
		refused <- err
	}()
	client := tls.Client(c, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, NextProtos: []string{"libp2p"}})
	if err := client.HandshakeContext(t.Context()); err == nil {
		t.Error("a TLS 1.2 client was let in")
	}
	if err := <-refused; err == nil {
		t.Error("the server took a TLS 1.2 client")
	}
}
