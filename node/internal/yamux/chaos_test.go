package yamux_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/test/loopback"
)

// abuse does to a stream what an application may do at any time, from two
// goroutines at once.
func abuse(s network.MuxedStream, seed uint64) {
	var wg sync.WaitGroup
	for half := range uint64(2) {
		rnd := rand.New(rand.NewPCG(seed, half))
		wg.Go(func() {
			buf := make([]byte, 300_000)
			for range 12 {
				switch rnd.IntN(12) {
				case 0:
					s.Reset()
				case 1:
					s.CloseRead()
				case 2:
					s.CloseWrite()
				case 3:
					s.SetDeadline(time.Now().Add(time.Duration(rnd.IntN(2000)) * time.Microsecond))
				case 4:
					s.SetDeadline(time.Time{})
				case 5, 6, 7, 8:
					s.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
					s.Write(buf[:rnd.IntN(len(buf))])
				default:
					s.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
					s.Read(buf[:1+rnd.IntN(len(buf)-1)])
				}
			}
		})
	}
	wg.Wait()
	s.Reset()
}

// use is what a careful application does to a stream.
func use(s network.MuxedStream, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 3))
	buf := make([]byte, 300_000)
	for range 6 {
		s.SetDeadline(time.Now().Add(20 * time.Millisecond))
		s.Write(buf[:rnd.IntN(len(buf))])
		s.Read(buf[:1+rnd.IntN(len(buf)-1)])
	}
	s.Reset()
}

// handling gives what to do to streams of m: go-yamux may leave a Read waiting for
// ever when its stream is closed by another goroutine.
func handling(m network.Multiplexer) func(network.MuxedStream, uint64) {
	if m == ours {
		return abuse
	}
	return use
}

// Whatever is done to some streams, the others carry their bytes.
func TestChaos(t *testing.T) {
	for _, k := range kinds {
		for _, pair := range []func() (net.Conn, net.Conn){net.Pipe, func() (net.Conn, net.Conn) { return loopback.TCP(t) }} {
			t.Run(k.name, func(t *testing.T) {
				c, s := pair()
				a, b := sessions(t, k.client, k.server, c, s)
				var wg, done sync.WaitGroup
				wg.Go(func() { serveChaos(b, handling(k.server)) })
				for i := range uint64(6) {
					done.Go(func() {
						for j := range uint64(8) {
							st, err := a.OpenStream(context.Background())
							if err != nil {
								t.Error(err)
								return
							}
							st.Write([]byte{'!'})
							handling(k.client)(st, 100*i+j)
						}
					})
				}
				for i := range uint64(2) {
					done.Go(func() {
						if err := talk(a, i, 500_000, []int{40_000, 3, 200_000}); err != nil {
							t.Error(err)
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
}

// serveChaos handles the streams that begin with '!' and echoes the others.
func serveChaos(c network.MuxedConn, handle func(network.MuxedStream, uint64)) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := uint64(0); ; i++ {
		s, err := c.AcceptStream()
		if err != nil {
			return
		}
		wg.Go(func() {
			defer s.Close()
			first := make([]byte, 1)
			if _, err := io.ReadFull(s, first); err != nil {
				return
			}
			if first[0] == '!' {
				handle(s, 7000+i)
				return
			}
			s.Write(first)
			io.Copy(s, s)
		})
	}
}
