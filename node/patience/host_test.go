package patience

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	mocknet "github.com/libp2p/go-libp2p/p2p/net/mock"
	manet "github.com/multiformats/go-multiaddr/net"
)

// libp2pPatience is TCP's in libp2p.
const libp2pPatience = 5 * time.Second

var errNobody = errors.New("nobody there")

// line is a host whose dials take as long as the line makes them; a dial to somebody who
// is not there takes all the patience there is.
type line struct {
	host.Host
	takes time.Duration
	dials int
}

func (l *line) Connect(ctx context.Context, p peer.AddrInfo) error {
	if l.Network().Connectedness(p.ID) == network.Connected {
		return nil
	}
	l.dials++
	took, patience := l.takes, min(libp2pPatience, network.GetDialPeerTimeout(ctx))
	var err error
	if len(l.Peerstore().Addrs(p.ID)) == 0 || took > patience {
		took, err = patience, errNobody
	}
	select {
	case <-time.After(took):
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	return l.Host.Connect(ctx, p)
}

// onLine runs a test in a bubble: a host on a line, somebody who is there, and somebody
// who has gone. It does so on one processor: under -race, the runtime of Go 1.26 crashes
// when two fire timers of a bubble at once (bubble.timers.raceCtx in runtime/time.go).
func onLine(t *testing.T, test func(t *testing.T, l *line, h *Host, there host.Host, gone peer.ID)) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) {
		all, err := mocknet.FullMeshLinked(2)
		if err != nil {
			t.Fatal(err)
		}
		defer all.Close()
		l := &line{Host: all.Hosts()[0], takes: 300 * time.Millisecond}
		there := all.Hosts()[1]
		l.Peerstore().AddAddrs(there.ID(), there.Addrs(), time.Hour)
		test(t, l, New(l), there, somebody(t))
	})
}

func somebody(t *testing.T) peer.ID {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// dial connects and hangs up, and tells how long it took.
func dial(h *Host, p peer.ID) (time.Duration, error) {
	began := time.Now()
	err := h.Connect(context.Background(), peer.AddrInfo{ID: p})
	took := time.Since(began)
	h.Network().ClosePeer(p)
	return took, err
}

func wants(t *testing.T, h *Host, p peer.ID, took time.Duration, want error) {
	t.Helper()
	if d, err := dial(h, p); d.Round(100*time.Millisecond) != took || !errors.Is(err, want) {
		t.Errorf("a dial took %v and gave %v; want %v, %v", d, err, took, want)
	}
}

func TestWhoeverHasGoneIsGivenUpSoon(t *testing.T) {
	onLine(t, func(t *testing.T, l *line, h *Host, there host.Host, gone peer.ID) {
		wants(t, h, gone, libp2pPatience, errNobody) // the line is not known yet
		wants(t, h, there.ID(), l.takes, nil)
		wants(t, h, gone, Short, errNobody)
		dials := l.dials
		wants(t, h, gone, 0, ErrGone)
		if _, err := h.NewStream(t.Context(), gone, "/x"); !errors.Is(err, ErrGone) || l.dials != dials {
			t.Errorf("a stream: %v, after %d more dials", err, l.dials-dials)
		}
		<-time.After(pause)
		wants(t, h, gone, Short, errNobody)
		<-time.After(lately)
		wants(t, h, gone, libp2pPatience, errNobody) // the line may be another by now
	})
}

func TestASlowLineHasLibp2psPatience(t *testing.T) {
	onLine(t, func(t *testing.T, l *line, h *Host, there host.Host, gone peer.ID) {
		l.takes = 3 * time.Second
		for range 3 {
			wants(t, h, there.ID(), l.takes, nil)
			wants(t, h, gone, libp2pPatience, errNobody)
		}
	})
}

func TestWhoeverComesBackIsNotGone(t *testing.T) {
	onLine(t, func(t *testing.T, l *line, h *Host, there host.Host, _ peer.ID) {
		h.note(somebody(t), 0, nil, false)
		l.takes = time.Minute
		wants(t, h, there.ID(), Short, errNobody)
		there.SetStreamHandler("/x", func(s network.Stream) { s.Close() })
		if err := there.Connect(t.Context(), peer.AddrInfo{ID: h.ID()}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s, err := h.NewStream(t.Context(), there.ID(), "/x")
		if err != nil {
			t.Fatalf("over his own connection: %v", err)
		}
		s.Reset()
	})
}

func TestACallerInAHurryTellsNothing(t *testing.T) {
	onLine(t, func(t *testing.T, l *line, h *Host, there host.Host, gone peer.ID) {
		wants(t, h, there.ID(), l.takes, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.Connect(ctx, peer.AddrInfo{ID: gone}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		wants(t, h, gone, Short, errNobody)
	})
}

// A question is answered, or not; in time, or not; over a line that is quick, or not.
func TestAQuestionIsAnsweredAtOnceOrGivenUp(t *testing.T) {
	onLine(t, func(t *testing.T, l *line, h *Host, there host.Host, _ peer.ID) {
		h.asks = []protocol.ID{"/ask"}
		var silent atomic.Bool
		silent.Store(true)
		answer := func(s network.Stream) {
			b := make([]byte, 1)
			for {
				if _, err := s.Read(b); err != nil || silent.Load() {
					return
				}
				s.Write(b)
			}
		}
		there.SetStreamHandler("/ask", answer)
		there.SetStreamHandler("/listen", answer)
		ask := func(id protocol.ID, patience time.Duration) (time.Duration, error) {
			began := time.Now()
			s, err := h.NewStream(t.Context(), there.ID(), id)
			if err != nil {
				return time.Since(began), err
			}
			defer s.Reset()
			defer time.AfterFunc(patience, func() { s.Reset() }).Stop()
			for range 2 {
				if _, err = s.Write([]byte{1}); err == nil {
					_, err = s.Read(make([]byte, 1))
				}
			}
			return time.Since(began), err
		}
		wants := func(id protocol.ID, took time.Duration, ok, gone bool) {
			t.Helper()
			d, err := ask(id, 20*time.Second)
			if d.Round(100*time.Millisecond) != took || (err == nil) != ok || errors.Is(err, ErrGone) != gone {
				t.Errorf("%s took %v and gave %v", id, d, err)
			}
		}
		l.takes = quick
		wants("/ask", 21*time.Second, false, false) // its line is slow
		h.note(there.ID(), 0, nil, false)
		wants("/ask", 20*time.Second, false, false) // there is nobody else by whom to tell
		h.note(somebody(t), 0, nil, false)
		wants("/ask", Short, false, false)
		wants("/ask", 0, false, true) // although the connection stands
		h.Forgive()
		wants("/ask", Short, false, false)
		wants("/listen", 20*time.Second, false, false)
		silent.Store(false)
		wants("/listen", 0, true, false)
		<-time.After(2 * lately)
		if hurried, _ := h.known(""); hurried {
			t.Error("a line is known that nothing has come over for two minutes")
		}
		wants("/ask", 0, true, false)
		if hurried, _ := h.known(""); !hurried {
			t.Error("an answer came at once, and the line is not known to be quick")
		}
		if s, err := h.NewStream(t.Context(), there.ID(), "/ask"); err != nil {
			t.Error(err)
		} else { // who is not asked anything need not say anything
			<-time.After(3 * Short)
			if _, err := s.Write([]byte{1}); err != nil {
				t.Error(err)
			}
			s.Reset()
		}
	})
}

func TestWhoHasGoneIsBounded(t *testing.T) {
	onLine(t, func(t *testing.T, _ *line, h *Host, _ host.Host, _ peer.ID) {
		for i := range 3 * maxGone {
			h.note(peer.ID(fmt.Sprint(i)), Short, errNobody, true)
			h.mute.add(peer.ID(fmt.Sprint(i)), time.Now())
			if len(h.gone) > maxGone || len(h.mute) > maxGone {
				t.Fatal(len(h.gone), len(h.mute))
			}
		}
	})
}

// libp2p's swarm does what line does above.
func TestLibp2pGivesUp(t *testing.T) {
	silent, err := net.Listen("tcp4", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	l, err := libp2p.New(libp2p.NoListenAddrs)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr, err := manet.FromNetAddr(silent.Addr())
	if err != nil {
		t.Fatal(err)
	}
	h, gone := New(l), somebody(t)
	l.Peerstore().AddAddr(gone, addr, time.Hour)
	h.note(somebody(t), 0, nil, false)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.Connect(ctx, peer.AddrInfo{ID: gone}); err == nil || ctx.Err() != nil {
		t.Fatalf("%v (%v)", err, ctx.Err())
	}
	if err := h.Connect(ctx, peer.AddrInfo{ID: gone}); !errors.Is(err, ErrGone) {
		t.Errorf("again: %v", err)
	}
}
