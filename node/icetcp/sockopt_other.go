//go:build !linux

package icetcp

import (
	"net"
	"syscall"
	"time"
)

// sharesPort: a dialled socket can leave from the port that we listen on. Only Linux
// does it here. Elsewhere dials leave from a free port and reach whoever can be
// reached without a hole punched.
const sharesPort = false

func reusePort(_, _ string, _ syscall.RawConn) error { return nil }

// setUserTimeout bounds how long sent bytes may stay unacknowledged; only Linux
// has it. Elsewhere keepalive and yamux's pings find a dead peer.
func setUserTimeout(net.Conn, time.Duration) error { return nil }
