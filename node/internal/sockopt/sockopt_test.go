package sockopt

import (
	"net"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/passeur-p2p/passeur/test/loopback"
)

type stats network.ConnStats

func (s stats) Stat() network.ConnStats { return network.ConnStats(s) }

// A connection tells its socket, or none.
func TestOf(t *testing.T) {
	c, _ := loopback.TCP(t)
	s := New(c)
	told := stats{Stats: network.Stats{Extra: map[any]any{}}}
	if Of(told) != nil || Of(stats{}) != nil {
		t.Error("a connection that tells no socket has one")
	}
	s.Tell(told.Extra)
	if s == nil || Of(told) != s {
		t.Error("the socket is not found again")
	}
}

// What is not a socket has no options, and that is no trouble.
func TestNoSocket(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	s := New(a)
	s.Suit()
	s.Tell(nil)
	if s != nil || s.RTT() != 0 {
		t.Errorf("a pipe is %v, %v", s, s.RTT())
	}
}

// A closed one says nothing more.
func TestClosed(t *testing.T) {
	c, _ := loopback.TCP(t)
	s := New(c)
	c.Close()
	s.Suit()
	if i := s.Info(); i != (Info{}) {
		t.Errorf("a closed socket says %+v", i)
	}
}

func TestLossy(t *testing.T) {
	for _, test := range []struct {
		sent, resent uint32
		lossy        bool
	}{
		{0, 0, false}, {10, 5, false}, {299, 299, false}, {300, 0, false},
		{1000, 3, false}, {1000, 4, true}, {1 << 31, 1 << 22, false}, {1 << 31, 1 << 24, true},
	} {
		if got := (Info{Sent: test.sent, Resent: test.resent}).Lossy(); got != test.lossy {
			t.Errorf("%d of %d sent again: lossy is %v", test.resent, test.sent, got)
		}
	}
}

func TestWorthIt(t *testing.T) {
	for _, test := range []struct {
		name          string
		granted, most int
		want          int
	}{
		{"Debian's defaults: autotuning goes farther", 212992, 4 << 20, 0},
		{"just as far", 2 << 20, 4 << 20, 0},
		{"farther", 4 << 20, 4 << 20, 4 << 20},
		{"no more than a path can use", 1 << 30, 4 << 20, MaxBuffer},
		{"autotuning has been given more", 1 << 30, 64 << 20, 0},
	} {
		if got := worthIt(test.granted, test.most); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}
