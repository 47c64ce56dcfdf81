package load

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/transport"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/multiformats/go-multistream"

	"github.com/passeur-p2p/passeur/node/upgrade"
	"github.com/passeur-p2p/passeur/test/lab"
)

// raw opens a TCP connection from an address.
func raw(ctx context.Context, from netip.Addr, to string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: 10 * time.Second}
	return d.DialContext(ctx, "tcp", to)
}

// bare is one end of a libp2p connection, and no host: what the other side opens, nobody
// answers.
type bare struct{ transport.CapableConn }

// connect makes a connection to the node as the device that has the key; nil: one that
// nobody has seen.
func (x *target) connect(ctx context.Context, from netip.Addr, key crypto.PrivKey) (*bare, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if key == nil {
		var err error
		if key, _, err = crypto.GenerateEd25519Key(rand.Reader); err != nil {
			return nil, err
		}
	}
	u, err := upgrade.New(key, &network.NullResourceManager{}, nil)
	if err != nil {
		return nil, err
	}
	c, err := raw(ctx, from, nodeAddr+":"+nodePort)
	if err != nil {
		return nil, err
	}
	m, err := manet.WrapNetConn(c)
	if err != nil {
		return nil, err
	}
	secured, err := u.Upgrade(ctx, nil, m, network.DirOutbound, x.device, &network.NullScope{})
	if err != nil {
		c.Close()
		return nil, err
	}
	return &bare{secured}, nil
}

// open begins a stream of a protocol. The first bytes go with the question whether the
// other side speaks it.
func (b *bare) open(ctx context.Context, id protocol.ID) (*stream, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	s, err := b.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	s.SetDeadline(time.Now().Add(20 * time.Second))
	return &stream{s, multistream.NewMSSelect(s, id)}, nil
}

type stream struct {
	network.MuxedStream
	agreed io.ReadWriteCloser
}

func (s *stream) Write(b []byte) (int, error) { return s.agreed.Write(b) }
func (s *stream) Read(b []byte) (int, error)  { return s.agreed.Read(b) }

// crowd opens n connections, as strangers from all their addresses, and gives those that
// stand.
func (w *world) crowd(n int) (stand []*bare) {
	var mu sync.Mutex
	inParallel(16, n, func(i int) {
		c, err := w.node.connect(w.t.Context(), strangerAddr(i%w.most.addresses), nil)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		stand = append(stand, c)
	})
	return stand
}

func closeAll(crowd []*bare) {
	for _, c := range crowd {
		c.Close()
	}
}

// tally counts outcomes in words.
type tally struct {
	mu    sync.Mutex
	words []string
	count map[string]int
}

func (y *tally) add(word string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.count == nil {
		y.count = map[string]int{}
	}
	if y.count[word] == 0 {
		y.words = append(y.words, word)
	}
	y.count[word]++
}

func (y *tally) String() (text string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for i, word := range y.words {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%d %s", y.count[word], word)
	}
	return text
}

// await waits for a while until ok, and tells whether it was.
func await(ok func() bool) bool {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(lab.Patience); time.Now().Before(end); <-tick.C {
		if ok() {
			return true
		}
	}
	return false
}
