package yamux_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"pgregory.net/rapid"

	"github.com/passeur-p2p/passeur/test/loopback"
)

// echo answers every stream with what it reads.
func echo(c network.MuxedConn) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		s, err := c.AcceptStream()
		if err != nil {
			return
		}
		wg.Go(func() {
			defer s.Close()
			io.Copy(s, s)
		})
	}
}

// talk sends data in pieces of the given sizes, again and again, and reads the
// echo in other sizes.
func talk(c network.MuxedConn, seed uint64, size int, pieces []int) error {
	s, err := c.OpenStream(context.Background())
	if err != nil {
		return err
	}
	defer s.Close()
	want := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(want)
	if size > 0 {
		want[0] = 0 // see serveChaos
	}
	sent := make(chan error, 1)
	go func() {
		for i, rest := 0, want; len(rest) > 0; i++ {
			n := min(len(rest), pieces[i%len(pieces)])
			piece := bytes.Clone(rest[:n])
			k, err := s.Write(piece)
			if err != nil || k != n {
				sent <- errors.Join(err, io.ErrShortWrite)
				return
			}
			clear(piece) // a Write that has returned does not look again
			rest = rest[n:]
		}
		sent <- s.CloseWrite()
	}()
	got, err := io.ReadAll(s)
	if err := errors.Join(err, <-sent); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("other bytes came back than went out")
	}
	return nil
}

// Many streams at once, in both directions, with pieces of all sizes.
func TestBytes(t *testing.T) {
	pieces := [][]int{{1, 100, 5000}, {32 << 10}, {32<<10 + 1, 7, 100_000}, {300_000}, {1<<20 + 1}}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			c, s := loopback.TCP(t)
			a, b := sessions(t, k.client, k.server, c, s)
			var wg, done sync.WaitGroup
			wg.Go(func() { echo(a) })
			wg.Go(func() { echo(b) })
			for i, p := range append(pieces, pieces...) {
				from := []network.MuxedConn{a, b}[i%2]
				done.Go(func() {
					size := 200_000
					if p[0] > 5000 {
						size = 1 << 20
					}
					if err := talk(from, uint64(i), size+i, p); err != nil {
						t.Errorf("pieces %v: %v", p, err)
					}
				})
			}
			done.Wait()
			a.Close()
			b.Close()
			wg.Wait()
		})
	}
}

// Any sizes, any number of streams, over a connection that holds not a byte.
func TestAnySizes(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				c, s := net.Pipe()
				a, b := sessions(t, k.client, k.server, c, s)
				var wg, done sync.WaitGroup
				wg.Go(func() { echo(b) })
				for i := range rapid.IntRange(1, 4).Draw(rt, "streams") {
					size := rapid.IntRange(0, 150_000).Draw(rt, "size")
					pieces := rapid.SliceOfN(rapid.IntRange(size/50+1, 400_000), 1, 5).Draw(rt, "pieces")
					done.Go(func() {
						if err := talk(a, uint64(i), size, pieces); err != nil {
							t.Errorf("%d bytes in pieces of %v: %v", size, pieces, err)
						}
					})
				}
				done.Wait()
				a.Close()
				b.Close()
				wg.Wait()
			})
		})
	}
}

// More than a window, to a reader that begins late.
func TestWindow(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			c, s := loopback.TCP(t)
			a, b := sessions(t, k.client, k.server, c, s)
			x, y := streams(t, a, b)
			const size = window + 4<<20
			sent := make(chan error, 1)
			go func() {
				_, err := x.Write(make([]byte, size))
				sent <- errors.Join(err, x.CloseWrite())
			}()
			other, more := streams(t, b, a) // the connection is not blocked
			for _, p := range [][2]network.MuxedStream{{other, more}, {more, other}} {
				if _, err := p[0].Write([]byte("meanwhile")); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(p[1], make([]byte, 9)); err != nil {
					t.Fatal(err)
				}
			}
			if n, err := io.Copy(io.Discard, y); n != size || err != nil {
				t.Errorf("%d bytes came, %v; want %d", n, err, size)
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
		})
	}
}

// A reset carries its code, to Reads and Writes that wait and those that come.
func TestReset(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			c, s := loopback.TCP(t)
			a, b := sessions(t, k.client, k.server, c, s)
			for _, flip := range []bool{false, true} {
				x, y := streams(t, a, b)
				if flip {
					x, y = y, x
				}
				read, wrote := make(chan error, 1), make(chan error, 1)
				go func() {
					_, err := y.Read(make([]byte, 1))
					read <- err
				}()
				go func() {
					_, err := y.Write(make([]byte, 2*window))
					wrote <- err
				}()
				if _, err := io.ReadFull(x, make([]byte, 100_000)); err != nil {
					t.Fatal(err)
				}
				x.ResetWithError(0x1234)
				want := &network.StreamError{ErrorCode: 0x1234, Remote: true}
				for _, got := range []chan error{read, wrote} {
					if err := <-got; !errors.Is(err, want) || !errors.Is(err, network.ErrReset) {
						t.Errorf("%v, want %v", err, want)
					}
				}
				if _, err := y.Write([]byte("x")); !errors.Is(err, want) {
					t.Errorf("a later write: %v", err)
				}
				want.Remote = false
				if _, err := x.Read(make([]byte, 1)); !errors.Is(err, want) {
					t.Errorf("own read: %v", err)
				}
			}
		})
	}
}

// A code ends the session of the other side, and all its streams.
func TestCloseWithError(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			c, s := loopback.TCP(t)
			a, b := sessions(t, k.client, k.server, c, s)
			_, y := streams(t, a, b)
			a.CloseWithError(0x77)
			var want error = &network.ConnError{ErrorCode: 0x77, Remote: true}
			if k.server == theirs {
				want = network.ErrReset // it may notice the closed connection first
			}
			if _, err := y.Read(make([]byte, 1)); !errors.Is(err, want) {
				t.Errorf("read: %v", err)
			}
			if _, err := b.OpenStream(t.Context()); err == nil || k.server == ours && !errors.Is(err, want) {
				t.Errorf("open: %v", err)
			}
			if !a.IsClosed() || !b.IsClosed() {
				t.Error("not closed")
			}
		})
	}
}

// Each direction ends by itself.
func TestHalfClose(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			c, s := loopback.TCP(t)
			a, b := sessions(t, k.client, k.server, c, s)
			x, y := streams(t, a, b)
			x.Write([]byte("question"))
			if err := x.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(y); string(got) != "question" || err != nil {
				t.Fatalf("%q, %v", got, err)
			}
			y.Write([]byte("answer"))
			y.Close()
			if got, err := io.ReadAll(x); string(got) != "answer" || err != nil {
				t.Fatalf("%q, %v", got, err)
			}
			if _, err := x.Write([]byte("more")); err == nil {
				t.Error("a write after the end")
			}
			if err := x.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
