package filexfer

import (
	"context"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"golang.org/x/crypto/sha3"
)

// More than 32 bits can count, as large as a sparse file says it is, through the
// whole protocol to a sink that only counts. SHA3-512 and yamux would take minutes for it under
// the race detector, so a cheaper sum and a plain pipe take their places.
func TestMoreThan4GiB(t *testing.T) {
	const size = 1<<32 + 1
	path := filepath.Join(t.TempDir(), "sparse")
	put(t, path, "")
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	left, right := &device{id: "left", other: "right"}, &device{id: "right", other: "left"}
	var serving sync.WaitGroup
	dial := hostFunc(func(context.Context) (network.Stream, error) {
		here, there := pipe()
		serving.Go(func() { right.handle(right.wrap(there)) })
		return left.wrap(here), nil
	})
	defer serving.Wait()
	sender, err := New(dial, Config{})
	if err != nil {
		t.Fatal(err)
	}
	sink := &nowhere{}
	receiver, received := mount(t, right, Config{Accept: func(context.Context, Offer) (Sink, error) { return sink, nil }})
	sender.newSum = func() hash.Hash { return &lengthSum{Hash: sha3.New512()} }
	receiver.newSum = sender.newSum
	file, err := FileFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	file.Open = func() (io.ReadCloser, error) { return zeros{}, nil } // reading 4 GiB of holes takes long

	view, err := sender.Send(t.Context(), "right", file)
	if err != nil {
		t.Fatal(err)
	}
	want := hex.EncodeToString((&lengthSum{Hash: sha3.New512(), n: size}).Sum(nil))
	for side, v := range map[string]View{"sender": view, "receiver": received.awaitEnd(t)} {
		if v.State != Finished || v.Bytes != size || v.Size != size || v.Sum != want {
			t.Errorf("%s: %+v", side, v)
		}
	}
	if sink.n != size {
		t.Errorf("%d bytes came, want %d", sink.n, int64(size))
	}
}

// pipe is a stream without a connection: only what a transfer that goes well
// asks of one.
func pipe() (here, there network.MuxedStream) {
	r1, w1 := io.Pipe()
	r2, w2 := io.Pipe()
	return &pipeEnd{r: r1, w: w2}, &pipeEnd{r: r2, w: w1}
}

type pipeEnd struct {
	network.MuxedStream // nil: nothing else is asked
	r                   *io.PipeReader
	w                   *io.PipeWriter
}

func (p *pipeEnd) Read(b []byte) (int, error)  { return p.r.Read(b) }
func (p *pipeEnd) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p *pipeEnd) Close() error                { return errors.Join(p.r.Close(), p.w.Close()) }

// lengthSum is a sum of nothing but the length.
type lengthSum struct {
	hash.Hash
	n int64
}

func (s *lengthSum) Write(p []byte) (int, error) { s.n += int64(len(p)); return len(p), nil }

func (s *lengthSum) Sum(b []byte) []byte {
	s.Hash.Reset()
	for shift := range 8 {
		s.Hash.Write([]byte{byte(s.n >> (8 * shift))})
	}
	return s.Hash.Sum(b)
}
