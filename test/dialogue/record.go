package dialogue

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// Recorder writes down what a real service does with a stream, as a script.
type Recorder struct {
	mu     sync.Mutex
	script []byte
	heard  int // since the last thing that was said
}

// Wrap gives a stream that does what s does, and is written down. A Recorder takes one
// stream.
func (r *Recorder) Wrap(s network.Stream) network.Stream { return &recorded{s, r} }

// Script is what was done so far.
func (r *Recorder) Script() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.script)
}

type recorded struct {
	network.Stream
	by *Recorder
}

func (s *recorded) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	s.by.mu.Lock()
	defer s.by.mu.Unlock()
	s.by.heard += n
	return n, err
}

func (s *recorded) Write(p []byte) (int, error) {
	s.by.said(p)
	return s.Stream.Write(p)
}

func (s *recorded) CloseWrite() error {
	s.by.did(closing)
	return s.Stream.CloseWrite()
}

func (s *recorded) Close() error {
	s.by.did(closing)
	return s.Stream.Close()
}

func (s *recorded) Reset() error {
	s.by.did(reset)
	return s.Stream.Reset()
}

func (s *recorded) ResetWithError(code network.StreamErrorCode) error {
	s.by.did(reset)
	return s.Stream.ResetWithError(code)
}

// said notes one Write. Bytes that are all the same are a repeat.
func (r *Recorder) said(p []byte) {
	for part := range slices.Chunk(p, 1<<15) {
		if n := len(part); n > 64 && bytes.Count(part, part[:1]) == n {
			r.did(repeat, byte(n>>16), byte(n>>8), byte(n), part[0])
		} else {
			r.did(say, append([]byte{byte(n >> 8), byte(n)}, part...)...)
		}
	}
}

// did notes a step, and what was heard before it.
func (r *Recorder) did(step byte, operands ...byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.heard; n > 0 {
		r.script = append(r.script, await, byte(n>>16), byte(n>>8), byte(n))
		r.heard = 0
	}
	r.script = append(append(r.script, step), operands...)
}

// Host is a device whose streams are written down; it opens one.
type Host struct {
	*Device
	By *Recorder
}

// NewStream opens a stream that is written down.
func (h Host) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	s, err := h.Device.NewStream(ctx, p, ids...)
	if err != nil {
		return nil, err
	}
	return h.By.Wrap(s), nil
}
