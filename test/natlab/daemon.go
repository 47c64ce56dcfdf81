package natlab

import (
	"bytes"
	"context"
	"os/exec"
	"sync"
	"syscall"

	"github.com/passeur-p2p/passeur/test/lab"
)

// daemon is a process on a host that runs until it is killed or the test ends.
type daemon struct {
	host *Host
	name string
	cmd  *exec.Cmd
	// log is what it prints.
	log log
	// done is closed when it has ended.
	done chan struct{}
}

// start starts a process.
func (h *Host) start(name string, args ...string) *daemon {
	h.t.Helper()
	d := &daemon{host: h, name: name, done: make(chan struct{})}
	d.cmd = h.Command(context.Background(), name, args...)
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	if err := d.cmd.Start(); err != nil {
		h.t.Fatalf("natlab: start %s: %v", name, err)
	}
	go func() {
		defer close(d.done)
		d.cmd.Wait()
	}()
	h.t.Cleanup(d.kill)
	return d
}

// ready waits until the daemon serves.
func (d *daemon) ready(serves func() bool) {
	d.host.t.Helper()
	served := false
	defer func() {
		if !served {
			d.kill()
			d.host.t.Logf("natlab: %s ended with %v and said:\n%s", d.name, d.cmd.ProcessState, d.log.String())
		}
	}()
	lab.Eventually(d.host.t, d.name+" serves", func() bool {
		select {
		case <-d.done:
			d.host.t.Fatalf("natlab: %s does not run", d.name)
		default:
		}
		return serves()
	})
	served = true
}

// kill kills the daemon and waits until it is gone.
func (d *daemon) kill() { d.signal(syscall.SIGKILL) }

// signal sends a signal that ends the daemon, and waits until it is gone.
func (d *daemon) signal(s syscall.Signal) {
	select {
	case <-d.done:
		return
	default:
	}
	syscall.Kill(-d.cmd.Process.Pid, s)
	<-d.done
}

// log keeps the last part of what is written to it.
type log struct {
	mu    sync.Mutex
	bytes []byte
}

// maxLog is how much a log keeps at least.
const maxLog = 1 << 20

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes = append(l.bytes, b...); len(l.bytes) > 2*maxLog {
		l.bytes = bytes.Clone(l.bytes[len(l.bytes)-maxLog:])
	}
	return len(b), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.bytes)
}
