package yamux_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/node/internal/yamux"
)

func TestReadDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := piped(t)
		x.SetReadDeadline(time.Now().Add(time.Second))
		start := time.Now()
		if _, err := x.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if _, err := x.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("once more: %v", err)
		}
		x.SetReadDeadline(time.Time{})
		y.Write([]byte("a"))
		if _, err := x.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
		go func() {
			time.Sleep(time.Second)
			x.SetReadDeadline(time.Now()) // while the read waits
		}()
		if _, err := x.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	})
}

// wire is a session of ours and the bare connection of its peer, whose stream 2
// is open.
func wire(t *testing.T) (s network.MuxedConn, st network.MuxedStream, peer net.Conn) {
	t.Helper()
	c, peer := net.Pipe()
	s, err := ours.NewConn(c, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); peer.Close() })
	go peer.Write(frame(1, 1, 2, 0))
	if st, err = s.AcceptStream(); err != nil {
		t.Fatal(err)
	}
	return s, st, peer
}

// frame is the header of a frame.
func frame(kind, flags byte, stream byte, length uint32) []byte {
	return []byte{0, kind, 0, flags, 0, 0, 0, stream, byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}
}

// A Read that ends in the middle of a frame has the bytes that came, gets its
// memory back at once, and the rest comes to the next one.
func TestReadEndsWithinAFrame(t *testing.T) {
	ends := map[string]func(network.MuxedStream){
		"deadline":   func(st network.MuxedStream) { st.SetReadDeadline(time.Now()) },
		"reset":      func(st network.MuxedStream) { st.Reset() },
		"close read": func(st network.MuxedStream) { st.CloseRead() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, st, peer := wire(t)
				go io.Copy(io.Discard, peer)
				p := make([]byte, 1000)
				type result struct {
					n   int
					err error
				}
				done := make(chan result, 1)
				go func() {
					n, err := st.Read(p)
					done <- result{n, err}
				}()
				synctest.Wait()
				peer.Write(append(frame(0, 0, 2, 100), "first"...))
				synctest.Wait()
				end(st)
				if r := <-done; r.n != 5 || r.err != nil || string(p[:5]) != "first" {
					t.Fatalf("%d, %v", r.n, r.err)
				}
				clear(p)
				peer.Write(bytes.Repeat([]byte("x"), 95))
				peer.Write(frame(2, 1, 0, 7))
				synctest.Wait()
				if !bytes.Equal(p, make([]byte, 1000)) {
					t.Error("memory of a Read that has returned was written to")
				}
				if name != "deadline" {
					if _, err := st.Read(p); !errors.Is(err, network.ErrReset) {
						t.Errorf("read after the end: %v", err)
					}
					return
				}
				st.SetReadDeadline(time.Time{})
				if n, err := st.Read(p); n != 95 || err != nil {
					t.Errorf("the rest: %d, %v", n, err)
				}
			})
		})
	}
}

// A Write to a peer that reads nothing ends at once, and its memory is not looked
// at again; the frame that was begun is completed with what was in it then.
func TestWriteEnds(t *testing.T) {
	ends := map[string]func(network.MuxedStream){
		"deadline":    func(st network.MuxedStream) { st.SetWriteDeadline(time.Now()) },
		"reset":       func(st network.MuxedStream) { st.Reset() },
		"close write": func(st network.MuxedStream) { st.CloseWrite() },
		"close":       func(st network.MuxedStream) { st.Close() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, st, peer := wire(t)
				p := bytes.Repeat([]byte("w"), 200_000)
				done := make(chan int, 1)
				go func() {
					n, err := st.Write(p)
					if (err == nil) != (n == len(p)) { // all of it may be in the frame that was begun
						t.Errorf("%d of %d bytes will be sent, and the write says %v", n, len(p), err)
					}
					done <- n
				}()
				synctest.Wait()
				start := time.Now()
				end(st)
				n := <-done
				if time.Since(start) != 0 {
					t.Errorf("the write ended after %v", time.Since(start))
				}
				clear(p)
				if got := dataOf(t, peer, n); !bytes.Equal(got, bytes.Repeat([]byte("w"), n)) {
					t.Errorf("%d bytes came, not the %d that Write told", len(got), n)
				}
			})
		})
	}
}

// dataOf reads frames until there were n bytes of data.
func dataOf(t *testing.T, peer io.Reader, n int) (data []byte) {
	t.Helper()
	var h [12]byte
	for len(data) < n {
		if _, err := io.ReadFull(peer, h[:]); err != nil {
			t.Fatal(err)
		}
		if h[1] != 0 {
			continue
		}
		payload := make([]byte, int(h[9])<<16|int(h[10])<<8|int(h[11]))
		if _, err := io.ReadFull(peer, payload); err != nil {
			t.Fatal(err)
		}
		data = append(data, payload...)
	}
	return data
}

func TestWriteDeadlineWithoutWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := piped(t)
		fills := func(want int) {
			t.Helper()
			x.SetWriteDeadline(time.Now().Add(time.Minute))
			n, err := x.Write(make([]byte, 2*window))
			if n != want || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%d, %v; want %d and a timeout", n, err, want)
			}
		}
		fills(256 << 10)
		if _, err := io.ReadFull(y, make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
		fills(window - 192<<10)
	})
}

// A connection that takes nothing ends after WriteTimeout.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, st, _ := wire(t)
		start := time.Now()
		_, err := st.Write(make([]byte, 1<<20))
		if !errors.Is(err, yamux.ErrWriteTimeout) && !errors.Is(err, yamux.ErrKeepAlive) || !errors.Is(err, network.ErrReset) {
			t.Error(err)
		}
		if d := time.Since(start); d > 30*time.Second || d < 20*time.Second {
			t.Errorf("after %v", d)
		}
	})
}

// A peer that says nothing any more is given up.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, st, peer := wire(t)
		go io.Copy(io.Discard, peer)
		if _, err := st.Read(make([]byte, 1)); !errors.Is(err, yamux.ErrKeepAlive) {
			t.Error(err)
		}
	})
}

// Two sessions that have nothing to say stay, and know their distance.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := net.Pipe()
		a, b := sessions(t, ours, ours, c, s)
		time.Sleep(time.Hour)
		if a.IsClosed() || b.IsClosed() {
			t.Error("an idle session ended")
		}
		var own *yamux.Session
		if !a.As(&own) || own.RTT() != 0 { // no time passes on this connection
			t.Error("no session, or a wrong distance")
		}
	})
}

// Close ends what waits, at once.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, st, _ := wire(t)
		done := make(chan error, 4)
		go func() { _, err := st.Write(make([]byte, 1<<20)); done <- err }()
		go func() { _, err := st.Read(make([]byte, 1)); done <- err }()
		go func() { _, err := s.AcceptStream(); done <- err }()
		synctest.Wait()
		start := time.Now()
		s.Close()
		for range 3 {
			if err := <-done; !errors.Is(err, network.ErrReset) {
				t.Errorf("%v, want network.ErrReset in it", err)
			}
		}
		if _, err := s.OpenStream(t.Context()); err == nil {
			t.Error("a stream was opened on a closed session")
		}
		if time.Since(start) != 0 {
			t.Errorf("it took %v", time.Since(start))
		}
		s.Close()
	})
}
