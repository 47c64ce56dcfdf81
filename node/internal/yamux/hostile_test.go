package yamux_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/node/internal/yamux"
	"github.com/passeur-p2p/passeur/test/loopback"
)

func join(frames ...[]byte) []byte { return slices.Concat(frames...) }

// Whoever breaks the protocol is told so, and the session ends with the reason.
func TestViolations(t *testing.T) {
	syn := frame(1, 1, 2, 0)
	for _, tc := range []struct {
		name string
		wire []byte
		want error
	}{
		{"version", join([]byte{1}, syn[1:]), yamux.ErrVersion},
		{"type", frame(4, 0, 0, 0), yamux.ErrFrameType},
		{"stream id of our side", frame(1, 1, 1, 0), yamux.ErrStreamID},
		{"stream id 0", frame(1, 1, 0, 0), yamux.ErrStreamID},
		{"the same stream twice", join(syn, syn), yamux.ErrDuplicateStream},
		{"too much before it is accepted", join(syn, frame(0, 0, 2, 256<<10+1)), yamux.ErrWindow},
		{"too much at once", frame(0, 1, 2, 1<<32-1), yamux.ErrWindow},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, peer := net.Pipe()
				s, err := ours.NewConn(c, false, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				heard := make(chan []byte, 1)
				go func() {
					b, _ := io.ReadAll(peer)
					heard <- b
				}()
				peer.Write(tc.wire)
				if b := <-heard; !bytes.HasSuffix(b, frame(3, 0, 0, 1)) {
					t.Errorf("the peer heard %x, want a go-away frame at its end", b)
				}
				s.Close()
				want := &network.ConnError{ErrorCode: 1}
				if _, err := s.OpenStream(t.Context()); !errors.Is(err, tc.want) || !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, tc.want)
				}
			})
		})
	}
}

// What comes too late, or for nobody, does no harm.
func TestHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, st, peer := wire(t)
		go io.Copy(io.Discard, peer)
		peer.Write(join(
			frame(0, 0, 9, 5), []byte("stray"), frame(1, 0, 9, 1), frame(1, 4, 9, 0), frame(1, 8, 9, 0), frame(1, 2, 9, 0),
			frame(2, 2, 0, 99),                               // a pong that nobody waits for
			frame(1, 0, 2, 1<<32-1), frame(1, 0, 2, 1<<32-1), // more window than there can be
			frame(0, 2|4, 2, 5), []byte("hello"), frame(1, 4, 2, 0), // flags twice
			frame(0, 0, 2, 5), []byte("after"), // after its end
		))
		synctest.Wait()
		if got, err := io.ReadAll(st); string(got) != "hello" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// A peer that does not read is not waited for: it may cause so many answers and
// no more.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, peer := wire(t)
		for i := range 100_000 {
			h := frame(1, 1, 0, 0)
			h[5], h[6], h[7] = byte((2*i+4)>>16), byte((2*i+4)>>8), byte(2*i+4)
			if _, err := peer.Write(h); err != nil {
				break
			}
			if i%100 == 0 {
				if _, err := peer.Write(frame(2, 1, 0, 1)); err != nil {
					break
				}
			}
		}
		s.Close()
		if _, err := s.OpenStream(t.Context()); !errors.Is(err, yamux.ErrFlood) {
			t.Errorf("%v, want ErrFlood", err)
		}
	})
}

// Pings are answered, but a peer that does not read gets few answers.
func TestPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, peer := wire(t)
		for range 1000 {
			if _, err := peer.Write(frame(2, 1, 0, 0xabcd)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		heard := make([]byte, 1<<20)
		n, _ := peer.Read(heard)
		for {
			peer.Write(frame(2, 1, 0, 0x1234))
			k, err := peer.Read(heard[n:])
			if n += k; err != nil || bytes.Contains(heard[:n], frame(2, 2, 0, 0x1234)) {
				break
			}
		}
		if pongs := bytes.Count(heard[:n], frame(2, 2, 0, 0xabcd)); pongs < 1 || pongs > 64 {
			t.Errorf("%d answers", pongs)
		}
	})
}

// Streams beyond the limit are refused; a place that is left is given again.
func TestMaxIncomingStreams(t *testing.T) {
	c, s := loopback.TCP(t)
	a, b := sessions(t, ours, &yamux.Transport{MaxIncomingStreams: 2}, c, s)
	x, y := streams(t, a, b)
	streams(t, a, b)
	refused, err := a.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := &network.StreamError{ErrorCode: network.StreamResourceLimitExceeded, Remote: true}
	if _, err := refused.Read(make([]byte, 1)); !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
	x.Reset()
	if _, err := y.Read(make([]byte, 1)); !errors.Is(err, network.ErrReset) {
		t.Fatal(err)
	}
	streams(t, a, b)
}

// No more streams are opened than the peer can have waiting.
func TestBacklog(t *testing.T) {
	c, s := loopback.TCP(t)
	a, b := sessions(t, ours, ours, c, s)
	const n = 1000
	opened := make(chan error, 1)
	go func() {
		for range n {
			st, err := a.OpenStream(t.Context())
			if err == nil {
				_, err = st.Write([]byte("x"))
			}
			if err != nil {
				opened <- err
				return
			}
		}
		opened <- nil
	}()
	for range n {
		st, err := b.AcceptStream()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

func TestSettings(t *testing.T) {
	for _, tr := range []yamux.Transport{{Window: 1}, {FrameSize: -1}, {MaxIncomingStreams: -1}, {KeepAlive: -1}, {WriteTimeout: -1}} {
		if _, err := tr.NewConn(nil, false, nil); err == nil {
			t.Errorf("%+v is taken", tr)
		}
	}
}
