//go:build linux

// Package wire is a cable with a length: it carries Ethernet frames between two
// network interfaces with a delay, a rate, a queue and losses. The kernels of
// small machines often lack netem, which would do this.
//
// Both interfaces must be of the calling process's network namespace and serve
// no other purpose: usually each is one end of a veth pair whose other end is in
// a namespace of its own, or on a bridge.
package wire

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Config says what the cable does to frames, in each direction alike. The zero
// value is a cable that does nothing to them.
type Config struct {
	// Delay is how long a frame travels, one way.
	Delay time.Duration
	// Rate in bits a second; 0: as fast as this machine can.
	Rate int64
	// Queue is how many bytes wait for their turn at Rate before frames are
	// dropped. 0: what Rate carries in twice Delay (the bandwidth-delay product of
	// the way there and back), but at least 150 kB, 100 full frames.
	Queue int64
	// Loss is the part of the frames that get lost, 0 to 1.
	Loss float64
	// Seed makes the losses the same in each run; 0 is a seed like any other.
	Seed uint64
}

// minQueue holds 100 full frames.
const minQueue = 150_000

// queueTime is how long a frame may wait before it would overflow the queue.
func (c Config) queueTime() time.Duration {
	queue := c.Queue
	if queue == 0 {
		queue = max(minQueue, int64(float64(c.Rate)/8*2*c.Delay.Seconds()))
	}
	return c.duration(queue)
}

// duration is how long n bytes take at Rate.
func (c Config) duration(n int64) time.Duration {
	if c.Rate == 0 {
		return 0
	}
	return time.Duration(float64(n) * 8 / float64(c.Rate) * float64(time.Second))
}

// Counts of frames in one direction.
type Counts struct {
	Carried   int64 // handed on
	Lost      int64 // by Loss
	Overflown int64 // no room in the queue
}

// Wire is a cable between two interfaces.
type Wire struct {
	ab, ba *direction
	stop   int // eventfd that both directions watch
	done   sync.WaitGroup
}

// Lay lays a cable between the interfaces called a and b, which must be up.
func Lay(a, b string, cfg Config) (*Wire, error) {
	fa, err := open(a)
	if err != nil {
		return nil, err
	}
	fb, err := open(b)
	if err != nil {
		unix.Close(fa)
		return nil, err
	}
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(fa)
		unix.Close(fb)
		return nil, fmt.Errorf("wire: make an eventfd: %w", err)
	}
	w := &Wire{stop: stop}
	w.ab = newDirection(fa, fb, stop, cfg, rand.NewPCG(cfg.Seed, 1))
	w.ba = newDirection(fb, fa, stop, cfg, rand.NewPCG(cfg.Seed, 2))
	w.done.Go(w.ab.run)
	w.done.Go(w.ba.run)
	return w, nil
}

// Close takes the cable away; what is on it is lost. It gives what went from a
// to b and from b to a, and the error that broke the cable before, if any.
func (w *Wire) Close() (ab, ba Counts, err error) {
	unix.Write(w.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	w.done.Wait()
	unix.Close(w.ab.in)
	unix.Close(w.ba.in)
	unix.Close(w.stop)
	return w.ab.counts, w.ba.counts, errors.Join(w.ab.err, w.ba.err)
}

// Sizes of the sockets' buffers: some tenths of a second at 1 Gbit/s.
const bufferSize = 32 << 20

// open gives a packet socket that receives and sends whole frames, those with
// segmentation left to the interface included (a virtio header before each).
func open(name string) (fd int, err error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return -1, fmt.Errorf("wire: %w", err)
	}
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("wire: make a packet socket: %w", err)
	}
	if err := prepare(fd, i.Index); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("wire: prepare a packet socket on %s: %w", name, err)
	}
	return fd, nil
}

func prepare(fd, index int) error {
	// The force variants need privileges outside of the namespace too: without
	// them the buffers stay as large as the system allows.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bufferSize) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bufferSize)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, bufferSize) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, bufferSize)
	}
	promiscuous := &unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC}
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, promiscuous),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: index}),
	)
}

// bigEndian swaps the bytes of a port or protocol number.
func bigEndian(n uint16) uint16 { return n<<8 | n>>8 }
