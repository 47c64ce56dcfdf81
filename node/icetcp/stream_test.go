package icetcp

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
	"github.com/passeur-p2p/passeur/test/loopback"
)

// streamPair opens a stream on a fresh connection and gives both ends.
func streamPair(t testing.TB) (out, in network.MuxedStream) {
	t.Helper()
	x := newExchange()
	a, b := newDevice(t, x, nil), newDevice(t, x, nil)
	ca, cb := a.dial(t, b, b.listen(t))
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	out, err := ca.OpenStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write([]byte{0}); err != nil { // the stream exists for the other side from its first byte
		t.Fatal(err)
	}
	if in, err = cb.AcceptStream(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(in, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return out, in
}

// counted counts what goes through a writer.
type counted struct {
	io.Writer
	n atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// pattern writes n bytes that are not the same anywhere, and sums them.
func pattern(w io.Writer, n int64, sum hash.Hash32) error {
	buf := make([]byte, 256<<10)
	for i := range buf {
		buf[i] = byte(i * 7)
	}
	for at := int64(0); at < n; at += int64(len(buf)) {
		copy(buf, fmt.Appendf(nil, "%016x", at))
		sum.Write(buf)
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// TestSlowReader sends as fast as it goes to a reader that stops for 4 s on the way. Nothing
// is lost, the writer waits meanwhile, and nobody piles up memory.
func TestSlowReader(t *testing.T) {
	const (
		size    = 1 << 30
		pauseAt = 256 << 20
		// What may be under way: yamux's window, and the kernel's buffers on both sides.
		underWay = 48 << 20
		maxHeap  = 96 << 20
	)
	out, in := streamPair(t)
	sent := &counted{Writer: out}
	wrote := make(chan error, 1)
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	sum, got := crc32.New(castagnoli), crc32.New(castagnoli)
	go func() {
		err := pattern(sent, size, sum)
		wrote <- errors.Join(err, out.CloseWrite())
	}()

	if _, err := io.CopyN(got, in, pauseAt); err != nil {
		t.Fatal(err)
	}
	taken, waited := int64(-1), 0
	for tick := time.Tick(time.Second); waited < 4; <-tick { // until the writer has waited that long
		if now := sent.n.Load(); now == taken {
			waited++
		} else {
			taken, waited = now, 0
		}
	}
	if ahead := taken - pauseAt; ahead > underWay {
		t.Errorf("%d MiB were taken off the writer and not read", ahead>>20)
	}
	if heap := heapInUse(); heap > maxHeap {
		t.Errorf("%d MiB of heap while the reader paused", heap>>20)
	}
	n, err := io.Copy(got, in)
	if err != nil || n+pauseAt != size {
		t.Fatalf("read %d bytes, %v", n+pauseAt, err)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if got.Sum32() != sum.Sum32() {
		t.Error("other bytes arrived than were sent")
	}
	if heap := heapInUse(); heap > maxHeap {
		t.Errorf("%d MiB of heap at the end", heap>>20)
	}
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// rawPair gives the two ends of a handed-off connection, without TLS.
func rawPair(t testing.TB) (controlling, controlled *conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	a, b := newTestAgent(t, deadline), newTestAgent(t, deadline)
	da, err1 := a.gatherHost(ctx)
	db, err2 := b.gatherHost(ctx)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	type result struct {
		s   *socket
		err error
	}
	ch := make(chan result, 1)
	go func() {
		s, err := b.connect(ctx, &da, sdp.Policy{Loopback: true}.Dialable(da.Candidates), 0, false)
		ch <- result{s, err}
	}()
	sa, err := a.connect(ctx, &db, sdp.Policy{Loopback: true}.Dialable(db.Candidates), 0, true)
	r := <-ch
	if err := errors.Join(err, r.err); err != nil {
		t.Fatal(err)
	}
	a.close()
	b.close()
	controlling, err1 = newConn(sa, &Path{})
	controlled, err2 = newConn(r.s, &Path{})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { controlling.Close(); controlled.Close() })
	return controlling, controlled
}

func newTestAgent(t testing.TB, timeout time.Duration) *agent {
	t.Helper()
	m := newTestMux(t)
	a, err := newAgent(m, m.front, onLoopback, timeout, m.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	return a
}

// TestTCP: what a session gives is a TCP connection like any other.
func TestTCP(t *testing.T) {
	t.Run("half-close", func(t *testing.T) {
		out, in := rawPair(t)
		checkTCP(t, out, in)
	})
	t.Run("reset", func(t *testing.T) {
		out, in := rawPair(t)
		if _, err := out.Write([]byte("unread")); err != nil {
			t.Fatal(err)
		}
		if err := in.Conn.(*net.TCPConn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		in.Close()
		if _, err := out.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Error("got ", err)
		}
	})
	t.Run("deadline", func(t *testing.T) {
		out, _ := rawPair(t)
		out.SetReadDeadline(time.Now().Add(time.Millisecond))
		var timeout net.Error
		if _, err := out.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Error("got ", err)
		}
	})
}

func benchmark(b *testing.B, w io.WriteCloser, r io.Reader) {
	b.Helper()
	const chunk = 256 << 10
	done := make(chan error, 1)
	b.SetBytes(chunk)
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		_, err := io.CopyBuffer(io.Discard, onlyReader{io.LimitReader(r, int64(b.N)*chunk)}, make([]byte, chunk))
		done <- err
	}()
	buf := make([]byte, chunk)
	for range b.N {
		if _, err := w.Write(buf); err != nil {
			b.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

type onlyReader struct{ io.Reader }

// BenchmarkTCP is what the kernel can do here.
func BenchmarkTCP(b *testing.B) {
	w, r := loopback.TCP(b)
	defer w.Close()
	defer r.Close()
	benchmark(b, w, r)
}

// BenchmarkHandedOff is a connection after the hand-off, before TLS.
func BenchmarkHandedOff(b *testing.B) {
	w, r := rawPair(b)
	benchmark(b, w, r)
}

// BenchmarkStream is a libp2p stream over /ice.
func BenchmarkStream(b *testing.B) {
	w, r := streamPair(b)
	benchmark(b, w, r)
}

// BenchmarkConnect is an offer, its answer, the checks, the hand-off, TLS and yamux.
func BenchmarkConnect(b *testing.B) {
	x := newExchange()
	from, to := newDevice(b, x, nil), newDevice(b, x, nil)
	l := to.listen(b)
	for b.Loop() {
		out, in := from.dial(b, to, l)
		out.Close()
		in.Close()
	}
}
