package sockopt

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/passeur-p2p/passeur/test/loopback"
)

func optionOf(t testing.TB, s *Socket, level, name int) (value int) {
	t.Helper()
	s.control(func(fd int) {
		var err error
		if value, err = unix.GetsockoptInt(fd, level, name); err != nil {
			t.Error(err)
		}
	})
	return value
}

// A short path is left as it is.
func TestShortPath(t *testing.T) {
	c, _ := loopback.TCP(t)
	s := New(c)
	before, buffer := s.Info(), optionOf(t, s, unix.SOL_SOCKET, unix.SO_SNDBUF)
	if before.RTT == 0 || before.Congestion == "" {
		t.Fatalf("the kernel says %+v", before)
	}
	if before.Smoothed >= Far {
		t.Logf("this machine takes %s to answer itself", before.Smoothed)
		return
	}
	s.Suit()
	if after := s.Info(); after.Congestion != before.Congestion || s.asked || s.buffered {
		t.Errorf("%s became %s", before.Congestion, after.Congestion)
	}
	if got := optionOf(t, s, unix.SOL_SOCKET, unix.SO_SNDBUF); got != buffer {
		t.Errorf("the send buffer became %d, was %d", got, buffer)
	}
}

// What a long path gets is what the kernel has, in the middle of a connection.
func TestLongPath(t *testing.T) {
	c, peer := loopback.TCP(t)
	s := New(c)
	before := s.Info().Congestion
	s.control(pace)
	allowed := slices.Contains(sysctl("net/ipv4/tcp_allowed_congestion_control"), BBR)
	if got := s.Info().Congestion; got != BBR && (allowed || got != before) {
		t.Errorf("BBR is allowed: %v; the socket has %s, had %s", allowed, got, before)
	}
	buffer := optionOf(t, s, unix.SOL_SOCKET, unix.SO_SNDBUF)
	s.control(enlarge)
	got := optionOf(t, s, unix.SOL_SOCKET, unix.SO_SNDBUF)
	if _, want := Kernel(); want == 0 && got != buffer || want != 0 && got != want {
		t.Errorf("the send buffer is %d, was %d; the kernel grants %d", got, buffer, want)
	}
	go c.Write([]byte("still a connection"))
	b := make([]byte, 5)
	if _, err := peer.Read(b); err != nil || !slices.Equal(b, []byte("still")) {
		t.Errorf("%q, %v", b, err)
	}
}
