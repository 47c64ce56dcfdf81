package icetcp

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sharesPort: a dialled socket can leave from the port that we listen on.
const sharesPort = true

// reusePort lets a dialled socket leave from the port that we listen on.
func reusePort(_, _ string, c syscall.RawConn) error {
	return setsockopts(c,
		option{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
		option{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1})
}

// setUserTimeout bounds how long sent bytes may stay unacknowledged, and how long
// the other side may keep its window shut (RFC 5482, tcp(7) TCP_USER_TIMEOUT).
func setUserTimeout(c net.Conn, d time.Duration) error {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	return setsockopts(raw, option{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds())})
}

type option struct{ level, name, value int }

func setsockopts(c syscall.RawConn, opts ...option) error {
	var err error
	set := func(fd uintptr) {
		for _, o := range opts {
			if err == nil {
				err = unix.SetsockoptInt(int(fd), o.level, o.name, o.value)
			}
		}
	}
	if cerr := c.Control(set); cerr != nil {
		return cerr
	}
	return err
}
