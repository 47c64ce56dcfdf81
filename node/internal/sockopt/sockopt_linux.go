package sockopt

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// info reads TCP_INFO and TCP_CONGESTION (tcp(7)).
func info(fd int) (i Info) {
	t, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return i
	}
	rtt := t.Rtt
	if t.Min_rtt != 0 && t.Min_rtt != ^uint32(0) { // a kernel without it, no sample yet
		rtt = t.Min_rtt
	}
	i = Info{RTT: time.Duration(rtt) * time.Microsecond, Smoothed: time.Duration(t.Rtt) * time.Microsecond, Sent: t.Data_segs_out, Resent: t.Total_retrans}
	i.Congestion, _ = unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	return i
}

// pace asks for BBR. A process without privileges gets what
// net.ipv4.tcp_allowed_congestion_control lists.
func pace(fd int) { _ = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, BBR) }

// enlarge asks for a larger send buffer, if one is to be had.
func enlarge(fd int) {
	if size := buffer(); size > 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, size)
	}
}

// buffer gives the size that is worth asking for, 0 if none is.
func buffer() int {
	granted := sysctl("net/core/wmem_max")
	autotuned := sysctl("net/ipv4/tcp_wmem")
	if len(granted) != 1 || len(autotuned) != 3 {
		return 0
	}
	g, err := strconv.Atoi(granted[0])
	if err != nil {
		return 0
	}
	most, err := strconv.Atoi(autotuned[2])
	if err != nil {
		return 0
	}
	return worthIt(g, most)
}

// Kernel tells what long paths get here: whether this process can have BBR, as far as
// the kernel says beforehand, and the send buffer in bytes, 0 where it stays
// autotuned.
func Kernel() (bbr bool, sendBuffer int) {
	names := "net/ipv4/tcp_allowed_congestion_control"
	if os.Geteuid() == 0 {
		names = "net/ipv4/tcp_available_congestion_control"
	}
	return slices.Contains(sysctl(names), BBR), 2 * buffer()
}

func sysctl(name string) []string {
	text, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}
