package icetcp

import (
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/test/conformance"
)

// TestSuite is libp2p's conformance test of a transport, over the real thing.
func TestSuite(t *testing.T) {
	x := newExchange()
	a, b := newDevice(t, x, nil), newDevice(t, x, nil)
	conformance.Run(t, &inTurn{Transport: a.Transport}, b.Transport, "/ice", a.id)
}

// inTurn lets a Listen wait for the listener before it. The suite has ten listeners
// at once on one address; TCP has a free port for each of them, "/ice" is one.
type inTurn struct {
	*Transport
	mu sync.Mutex // held while a listener is open
}

func (i *inTurn) Listen(a ma.Multiaddr) (transport.Listener, error) {
	i.mu.Lock()
	l, err := i.Transport.Listen(a)
	if err != nil {
		i.mu.Unlock()
		return nil, err
	}
	return &turn{Listener: l, end: i.mu.Unlock}, nil
}

type turn struct {
	transport.Listener
	once sync.Once
	end  func()
}

func (l *turn) Close() error {
	defer l.once.Do(l.end)
	return l.Listener.Close()
}
