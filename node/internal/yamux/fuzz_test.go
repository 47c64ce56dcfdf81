package yamux_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/node/internal/yamux"
)

// budget is a peer's scope that counts what is reserved.
type budget struct {
	network.NullScope
	mu    sync.Mutex
	spans int
}

type span struct {
	network.NullScope
	of   *budget
	once sync.Once
}

func (b *budget) BeginSpan() (network.ResourceScopeSpan, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spans == 40 {
		return nil, network.ErrResourceLimitExceeded
	}
	b.spans++
	return &span{of: b}, nil
}

func (s *span) Done() {
	s.once.Do(func() {
		s.of.mu.Lock()
		defer s.of.mu.Unlock()
		s.of.spans--
	})
}

// FuzzSession plays the peer: frames of any kind, cut into pieces of any size,
// while the application does what the second argument says.
func FuzzSession(f *testing.F) {
	seeds := [][]byte{
		nil,
		frame(1, 1, 2, 1<<20),
		append(frame(1, 1, 2, 0), append(frame(0, 0, 2, 5), "hello"...)...),
		append(append(frame(0, 1, 2, 5), "hello"...), frame(1, 4, 2, 0)...),
		append(frame(1, 1, 2, 0), frame(1, 8, 2, 7)...),
		append(frame(1, 1, 2, 0), frame(1, 1, 2, 0)...),
		append(frame(0, 1, 2, 1<<31), "much"...),
		append(frame(2, 1, 0, 7), frame(2, 2, 0, 0)...),
		frame(3, 0, 0, 1),
		append(frame(1, 2, 1, 0), append(frame(0, 4, 1, 3), "abc"...)...),
		append(frame(1, 8, 1, 9), frame(0, 0, 1, 0)...),
		{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		frame(1, 1, 1, 0),
		frame(9, 0, 0, 0),
	}
	for i, b := range seeds {
		f.Add(b, uint64(i))
	}
	f.Fuzz(func(t *testing.T, wire []byte, seed uint64) {
		c, peer := net.Pipe()
		scope := &budget{}
		s, err := (&yamux.Transport{Window: 1 << 20, MaxIncomingStreams: 20}).NewConn(c, false, scope)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() { io.Copy(io.Discard, peer) })
		wg.Go(func() { app(s, seed) })
		rnd := rand.New(rand.NewPCG(seed, 1))
		for len(wire) > 0 {
			n := min(len(wire), 1+rnd.IntN(40))
			if _, err := peer.Write(wire[:n]); err != nil {
				break
			}
			wire = wire[n:]
		}
		s.Close()
		peer.Close()
		wg.Wait()
		if scope.spans != 0 {
			t.Errorf("%d streams still reserve memory", scope.spans)
		}
	})
}

// app opens a stream, takes those that come, and does something with each.
func app(s network.MuxedConn, seed uint64) {
	var wg sync.WaitGroup
	defer wg.Wait()
	use := func(st network.MuxedStream, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		buf := make([]byte, 70_000)
		for range 8 {
			switch rnd.IntN(8) {
			case 0:
				st.Reset()
			case 1:
				st.CloseRead()
			case 2:
				st.CloseWrite()
			case 3:
				st.Close()
			case 4, 5:
				st.Write(buf[:rnd.IntN(len(buf))])
			default:
				st.Read(buf[:rnd.IntN(200)])
			}
		}
		st.Reset()
	}
	if st, err := s.OpenStream(context.Background()); err == nil {
		wg.Go(func() { use(st, seed) })
	}
	for i := uint64(0); ; i++ {
		st, err := s.AcceptStream()
		if err != nil {
			return
		}
		wg.Go(func() { use(st, seed+i) })
	}
}
