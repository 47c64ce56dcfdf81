//go:build linux

package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	headerSize = 10      // struct virtio_net_hdr
	frameSize  = 70_000  // the largest frame: 64 KiB to be segmented, and headers
	maxFlying  = 400_000 // frames on the cable at once
	// overhead on a real Ethernet: preamble, gap and checksum of each frame.
	overhead = 24
)

// frame is on its way until at.
type frame struct {
	at    time.Time
	bytes []byte
}

// direction carries frames one way. One goroutine uses it.
type direction struct {
	in, out, stop int
	cfg           Config
	rand          *rand.Rand
	busy          time.Time // until when the frames taken so far keep the cable's entry busy
	flying        []frame   // in order of arrival
	counts        Counts
	err           error
	buffer        []byte
}

func newDirection(in, out, stop int, cfg Config, source rand.Source) *direction {
	return &direction{in: in, out: out, stop: stop, cfg: cfg, rand: rand.New(source), buffer: make([]byte, frameSize)}
}

// run carries frames until stop is readable. It keeps a thread, since it sleeps
// in ppoll, which is more punctual than the runtime's timers.
func (d *direction) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	for d.err == nil {
		d.deliver()
		more := d.take()
		if stopped := d.wait(more); stopped {
			return
		}
	}
}

// deliver hands on the frames whose time has come.
func (d *direction) deliver() {
	now := time.Now()
	n := 0
	for ; n < len(d.flying) && !d.flying[n].at.After(now); n++ {
		_, err := unix.Write(d.out, d.flying[n].bytes)
		switch {
		case err == nil:
			d.counts.Carried++
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENETDOWN):
			d.counts.Overflown++
		case errors.Is(err, unix.ENXIO): // the interface is gone with its namespace
		default:
			d.err = fmt.Errorf("wire: send a frame: %w", err)
		}
	}
	clear(d.flying[:n])
	d.flying = d.flying[n:]
}

// batch is how many frames are taken before those that are due are delivered.
const batch = 64

// take puts frames that came on their way and says whether there may be more.
func (d *direction) take() (more bool) {
	for range batch {
		n, err := unix.Read(d.in, d.buffer)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return false
		case errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			d.err = fmt.Errorf("wire: receive a frame: %w", err)
			return false
		case n > headerSize:
			d.send(d.buffer[:n])
		}
	}
	return true
}

// send starts a frame on its way, unless it gets lost.
func (d *direction) send(b []byte) {
	if d.cfg.Loss > 0 && d.rand.Float64() < d.cfg.Loss {
		d.counts.Lost++
		return
	}
	now := time.Now()
	start := now
	if d.busy.After(now) {
		start = d.busy
	}
	if d.cfg.Rate > 0 && start.Sub(now) > d.cfg.queueTime() || len(d.flying) >= maxFlying {
		d.counts.Overflown++
		return
	}
	d.busy = start.Add(d.cfg.duration(onWire(b)))
	d.flying = append(d.flying, frame{d.busy.Add(d.cfg.Delay), append([]byte(nil), b...)})
}

// onWire is how many bytes a frame would be on a real Ethernet, where one that
// is left to the interface to segment becomes several, each with its headers.
// b begins with a virtio header: flags, kind of segmentation, and, in the
// machine's byte order, size of the headers and of a segment.
func onWire(b []byte) int64 {
	n, segments := int64(len(b)-headerSize), int64(1)
	headers := int64(binary.NativeEndian.Uint16(b[2:]))
	size := int64(binary.NativeEndian.Uint16(b[4:]))
	if kind := b[1]; kind != 0 && size > 0 && n > headers {
		segments = (n - headers + size - 1) / size
		n += (segments - 1) * headers
	}
	return n + segments*overhead
}

// wait returns when there is something to do, and whether that is to stop.
func (d *direction) wait(more bool) (stopped bool) {
	fds := []unix.PollFd{{Fd: int32(d.in), Events: unix.POLLIN}, {Fd: int32(d.stop), Events: unix.POLLIN}}
	var timeout *unix.Timespec
	if len(d.flying) > 0 || more {
		t := unix.Timespec{}
		if !more {
			t = unix.NsecToTimespec(max(0, int64(time.Until(d.flying[0].at))))
		}
		timeout = &t
	}
	if _, err := unix.Ppoll(fds, timeout, nil); err != nil && !errors.Is(err, unix.EINTR) {
		d.err = fmt.Errorf("wire: wait: %w", err)
	}
	return fds[1].Revents != 0
}
