package upgrade_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"

	"github.com/passeur-p2p/passeur/node/internal/yamux"
	"github.com/passeur-p2p/passeur/node/upgrade"
	"github.com/passeur-p2p/passeur/test/loopback"
)

// watched counts the writes that reach the socket and is told TLS's state.
type watched struct {
	net.Conn
	writes  atomic.Int64
	started chan struct{} // gets a value, if there is room, as a write begins
	state   tls.ConnectionState
}

func (w *watched) Write(p []byte) (int, error) {
	w.writes.Add(1)
	select {
	case w.started <- struct{}{}:
	default:
	}
	return w.Conn.Write(p)
}

func (w *watched) ObserveTLS(state tls.ConnectionState) { w.state = state }

var _ upgrade.TLSObserver = (*watched)(nil)

func newTLS(t testing.TB) (*upgrade.TLS, peer.ID) {
	t.Helper()
	k, id := newKey(t)
	st, err := upgrade.NewTLS(libp2ptls.ID, k, []upgrader.StreamMuxer{{ID: upgrade.MuxerID, Muxer: upgrade.Muxer()}})
	if err != nil {
		t.Fatal(err)
	}
	return st, id
}

type end struct {
	sec.SecureConn
	raw *watched
}

// securePair gives both ends of a TLS connection on loopback.
func securePair(t testing.TB) (client, server end) {
	t.Helper()
	c, s := loopback.TCP(t)
	return secureOver(t, c, s)
}

func secureOver(t testing.TB, c, s net.Conn) (client, server end) {
	t.Helper()
	a, ida := newTLS(t)
	b, idb := newTLS(t)
	client.raw, server.raw = &watched{Conn: c}, &watched{Conn: s}
	done := make(chan error, 1)
	go func() {
		var err error
		server.SecureConn, err = b.SecureInbound(t.Context(), server.raw, ida)
		done <- err
	}()
	var err error
	if client.SecureConn, err = a.SecureOutbound(t.Context(), client.raw, idb); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.raw.Close()
		server.raw.Close()
	})
	return client, server
}

func TestState(t *testing.T) {
	client, server := securePair(t)
	for _, e := range []end{client, server} {
		st := e.raw.state
		if st.Version != tls.VersionTLS13 || st.CurveID != tls.X25519MLKEM768 || st.NegotiatedProtocol != string(upgrade.MuxerID) || st.DidResume {
			t.Errorf("observed %s, %s, ALPN %q, resumed %v", tls.VersionName(st.Version), st.CurveID, st.NegotiatedProtocol, st.DidResume)
		}
		own := e.SecureConn.(interface{ ConnectionState() tls.ConnectionState }).ConnectionState()
		if own.Version != st.Version || own.CurveID != st.CurveID {
			t.Errorf("the connection says %s, %s; the observer heard %s, %s", tls.VersionName(own.Version), own.CurveID, tls.VersionName(st.Version), st.CurveID)
		}
	}
	if client.RemotePeer() != server.LocalPeer() || server.RemotePeer() != client.LocalPeer() {
		t.Error("the peers do not know each other")
	}
}

func TestWrongPeer(t *testing.T) {
	a, _ := newTLS(t)
	b, _ := newTLS(t)
	_, somebodyElse := newKey(t)
	c, s := loopback.TCP(t)
	done := make(chan error, 1)
	go func() {
		_, err := b.SecureInbound(t.Context(), s, "")
		done <- err
	}()
	_, err := a.SecureOutbound(t.Context(), c, somebodyElse)
	if mismatch := (sec.ErrPeerIDMismatch{}); !errors.As(err, &mismatch) {
		t.Errorf("dialled one peer, reached another: %v", err)
	}
	if err := <-done; err == nil {
		t.Error("the server's handshake succeeded")
	}
}

// Four records of a frame go out in one write, once TLS has grown its records: it
// begins with small ones.
func TestWritesPerFrame(t *testing.T) {
	client, server := securePair(t)
	go io.Copy(io.Discard, server)
	frame := make([]byte, upgrade.FrameSize)
	const want = upgrade.FrameSize / (4 * 16 << 10)
	for i := range 8 {
		before := client.raw.writes.Load()
		if _, err := client.Write(frame); err != nil {
			t.Fatal(err)
		}
		if n := client.raw.writes.Load() - before; n > want+1 || i > 0 && n != want {
			t.Errorf("frame %d took %d writes, want %d", i, n, want)
		}
	}
}

// Pieces of every size, from several writers, arrive whole and in order.
func TestBytes(t *testing.T) {
	client, server := securePair(t)
	sizes := []int{0, 1, 12, 16<<10 - 1, 16 << 10, 16<<10 + 1, upgrade.FrameSize, upgrade.FrameSize + 1, 3 << 20}
	for dir, pair := range map[string][2]end{"up": {client, server}, "down": {server, client}} {
		for _, size := range sizes {
			want := make([]byte, size)
			rand.Read(want)
			sent := make(chan error, 1)
			go func() {
				_, err := pair[0].Write(want)
				sent <- err
			}()
			got := make([]byte, size)
			if _, err := io.ReadFull(pair[1], got); err != nil {
				t.Fatal(err)
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s, %d bytes: not what was sent", dir, size)
			}
		}
	}
}

func TestConcurrentWriters(t *testing.T) {
	client, server := securePair(t)
	const writers, rounds, size = 4, 50, 40_000
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for range rounds {
				if _, err := client.Write(bytes.Repeat([]byte{byte(w)}, size)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	piece := make([]byte, size)
	for i := range writers * rounds {
		if _, err := io.ReadFull(server, piece); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(piece, bytes.Repeat(piece[:1], size)) {
			t.Fatalf("piece %d mixes two writes", i)
		}
	}
	wg.Wait()
}

// stuckWrite gives a connection whose Write has begun and cannot end, as the
// other side does not read. The channel gives the error that ends it.
func stuckWrite(t *testing.T) (end, <-chan error) {
	t.Helper()
	c, s := net.Pipe() // holds not a single byte
	client, _ := secureOver(t, c, s)
	client.raw.started = make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() {
		_, err := client.Write(make([]byte, upgrade.FrameSize))
		ended <- err
	}()
	<-client.raw.started
	return client, ended
}

func TestCloseEndsAStuckWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, ended := stuckWrite(t)
		start := time.Now()
		client.Close()
		if err := <-ended; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the write ended with %v, want io.ErrClosedPipe", err)
		}
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("close took %v", d)
		}
		if _, err := client.Write([]byte("x")); err == nil {
			t.Error("a write after close succeeded")
		}
		if err := client.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: %v, want net.ErrClosed", err)
		}
	})
}

func TestDeadlineEndsAStuckWrite(t *testing.T) {
	client, ended := stuckWrite(t)
	client.SetWriteDeadline(time.Now())
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the write ended with %v, want os.ErrDeadlineExceeded", err)
	}
	// Half a frame is on the wire: nothing may follow it, whatever the deadline.
	client.SetWriteDeadline(time.Time{})
	if _, err := client.Write([]byte("x")); err == nil {
		t.Error("a write after half a frame succeeded")
	}
}

func TestReadDeadline(t *testing.T) {
	client, server := securePair(t)
	client.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read: %v, want os.ErrDeadlineExceeded", err)
	}
	client.SetReadDeadline(time.Time{})
	go server.Write([]byte("later"))
	got := make([]byte, 5)
	if _, err := io.ReadFull(client, got); err != nil || string(got) != "later" {
		t.Errorf("after the deadline was lifted: %q, %v", got, err)
	}
}

// After CloseWrite the other side reads to the end and can still answer.
func TestCloseWrite(t *testing.T) {
	client, server := securePair(t)
	question := strings.Repeat("question", 100_000)
	go func() {
		io.WriteString(client, question)
		client.SecureConn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	got, err := io.ReadAll(server)
	if err != nil || string(got) != question {
		t.Fatalf("%d bytes, %v; want %d", len(got), err, len(question))
	}
	if _, err := io.WriteString(server, "answer"); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 6)
	if _, err := io.ReadFull(client, answer); err != nil || string(answer) != "answer" {
		t.Errorf("%q, %v", answer, err)
	}
}

// Close right after Write loses nothing and ends the other side with EOF.
func TestCloseAfterWrite(t *testing.T) {
	client, server := securePair(t)
	go func() {
		client.Write(make([]byte, 1<<20))
		client.Close()
	}()
	if n, err := io.Copy(io.Discard, server); n != 1<<20 || err != nil {
		t.Errorf("%d bytes, %v; want all and a clean end", n, err)
	}
}

func TestCloseWhileWriting(t *testing.T) {
	for range 50 {
		client, server := securePair(t)
		go io.Copy(io.Discard, server)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for _, err := client.Write(make([]byte, 100)); err == nil; {
					_, err = client.Write(make([]byte, 50_000))
				}
			})
		}
		client.Close()
		wg.Wait()
		server.Close()
	}
}

// batcher is what the muxer uses of a connection.
func batcher(t *testing.T, e end) yamux.Batcher {
	t.Helper()
	b, ok := e.SecureConn.(yamux.Batcher)
	if !ok {
		t.Fatal("the connection is no yamux.Batcher")
	}
	return b
}

// What was buffered goes out in one write, from the first byte on, when TLS still
// makes small records.
func TestFlush(t *testing.T) {
	client, server := securePair(t)
	out := batcher(t, client)
	want := make([]byte, 64<<10)
	for range 40 {
		rand.Read(want)
		before := client.raw.writes.Load()
		for at := 0; at < len(want); at += 16 << 10 {
			if err := out.Buffer(want[at : at+16<<10]); err != nil {
				t.Fatal(err)
			}
		}
		if n := client.raw.writes.Load() - before; n != 0 {
			t.Fatalf("%d writes before Flush", n)
		}
		sent := make(chan error, 1)
		go func() { sent <- out.Flush() }()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(server, got); err != nil {
			t.Fatal(err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		if n := client.raw.writes.Load() - before; n != 1 || !bytes.Equal(got, want) {
			t.Fatalf("%d writes, want 1; or other bytes", n)
		}
	}
	if err := out.Flush(); err != nil {
		t.Errorf("flush of nothing: %v", err)
	}
}

// Buffer never waits for a peer that does not read; Close ends a Flush that does.
func TestCloseEndsAStuckFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := net.Pipe()
		client, _ := secureOver(t, c, s)
		out := batcher(t, client)
		if err := out.Buffer(make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- out.Flush() }()
		synctest.Wait()
		client.Close()
		if err := <-ended; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("flush: %v, want io.ErrClosedPipe", err)
		}
		if err := out.Buffer([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("buffer: %v, want net.ErrClosed", err)
		}
	})
}
