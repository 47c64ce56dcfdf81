package icetcp

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDeadPeers: the kernel finds them, half a minute after the last word.
func TestDeadPeers(t *testing.T) {
	out, in := rawPair(t)
	for _, c := range []*conn{out, in} {
		for opt, want := range map[int]int{
			unix.TCP_USER_TIMEOUT: 30_000, unix.TCP_KEEPIDLE: 15, unix.TCP_KEEPINTVL: 5, unix.TCP_KEEPCNT: 3,
		} {
			if got := sockoptOf(t, c.Conn, opt); got != want {
				t.Errorf("socket option %d is %d, want %d", opt, got, want)
			}
		}
	}
}

func sockoptOf(t testing.TB, c net.Conn, opt int) (value int) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err == nil {
		cerr := raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, opt) })
		err = errors.Join(err, cerr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}
