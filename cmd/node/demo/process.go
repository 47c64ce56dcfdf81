package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

const (
	// stopTime is how long a process may take to end after SIGTERM.
	stopTime = 15 * time.Second
	// keptLog is how much of what a process says on standard error is kept, in bytes.
	keptLog = 8 << 10
	// maxLine is the longest line a command may print, in bytes.
	maxLine = 1 << 20
)

// process prepares one process of the binary: in a group of its own, so that
// Ctrl-C reaches only this one, which then ends the others in order.
func (d *demo) process(ctx context.Context, home string, args ...string) (*exec.Cmd, *tail) {
	cmd := exec.CommandContext(ctx, d.Binary, append([]string{"--json", "--home", home}, args...)...)
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return terminate(cmd.Process) }
	cmd.WaitDelay = stopTime
	cmd.Dir = d.folder
	cmd.Env = cleanEnv()
	log := &tail{}
	cmd.Stderr = log
	return cmd, log
}

// cleanEnv is the environment without what would configure the nodes.
func cleanEnv() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "PASSEUR_") {
			env = append(env, e)
		}
	}
	return env
}

func terminate(p *os.Process) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return p.Kill()
	}
	return nil
}

// daemon is a running node.
type daemon struct {
	name   string
	cmd    *exec.Cmd
	cancel context.CancelFunc
	log    *tail
	client *api.Client
	id     api.Node
}

// startNode starts a node and waits until it is ready. It outlives ctx, which
// bounds only the wait: it is stopped by stop.
func (d *demo) startNode(ctx context.Context, name string, flags ...string) (*daemon, error) {
	home := filepath.Join(d.folder, name)
	life, cancel := context.WithCancel(context.Background())
	args := append([]string{"run", "--name", name, "--listen", "127.0.0.1:0", "--mdns", "off", "--portmap", "off"}, flags...)
	cmd, log := d.process(life, home, args...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start %s's node: %w", name, err)
	}
	n := &daemon{name: name, cmd: cmd, cancel: cancel, log: log, client: api.NewClient(home)}
	d.started, d.nodes = append(d.started, n), append(d.nodes, n)
	ctx, stopWaiting := context.WithTimeout(ctx, patience)
	defer stopWaiting()
	defer context.AfterFunc(ctx, cancel)()
	if err := json.NewDecoder(out).Decode(&n.id); err != nil {
		return nil, fmt.Errorf("%s's node did not become ready: %w", name, errors.Join(ctx.Err(), err))
	}
	d.say(name, "node is up, process %d, device %s", cmd.Process.Pid, n.id.Device)
	return n, nil
}

// stop ends the node; an error unless it ends by itself with exit code 0.
func (n *daemon) stop() error {
	defer n.cancel()
	n.client.Close()
	if err := terminate(n.cmd.Process); err != nil {
		return fmt.Errorf("stop %s's node: %w", n.name, err)
	}
	late := time.AfterFunc(stopTime, func() { n.cmd.Process.Kill() })
	defer late.Stop()
	if err := n.cmd.Wait(); err != nil {
		return fmt.Errorf("%s's node did not end well: %w", n.name, err)
	}
	return nil
}

// command is a command that runs; its lines are told while they come.
type command struct {
	who  string
	verb string
	cmd  *exec.Cmd
	log  *tail
	stop context.CancelFunc
	done chan struct{} // closed by read when the output ends
	last event         // written by read, valid after done
	path *api.PathDetails
}

// startCommand starts a command for a node and tells each line it prints.
func (d *demo) startCommand(ctx context.Context, n *daemon, tell func(event), args ...string) (*command, error) {
	ctx, stop := context.WithCancel(ctx)
	cmd, log := d.process(ctx, filepath.Join(d.folder, n.name), args...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("%s's '%s': %w", n.name, args[0], err)
	}
	c := &command{who: n.name, verb: args[0], cmd: cmd, log: log, stop: stop, done: make(chan struct{})}
	go c.read(out, tell)
	return c, nil
}

// read takes the lines until the process closes its output.
func (c *command) read(out io.Reader, tell func(event)) {
	defer close(c.done)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // the last line then lacks, which wait finds
		}
		if e.PathDetails != nil {
			c.path = e.PathDetails
		}
		c.last = e
		tell(e)
	}
}

func (c *command) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// wait waits for the end, which must be a "done" line and this exit code.
func (c *command) wait(exit int) (event, error) {
	defer c.stop()
	<-c.done
	err := c.cmd.Wait()
	got := c.cmd.ProcessState.ExitCode()
	if got != exit || c.last.Event != "done" {
		return c.last, fmt.Errorf("%s's '%s' ended with exit code %d instead of %d, state %q, code %q: %v%s",
			c.who, c.verb, got, exit, c.last.State, c.last.Code, err, c.log.text())
	}
	return c.last, nil
}

// abandon stops the command without asking how it ends.
func (c *command) abandon() error {
	c.stop()
	<-c.done
	_ = c.cmd.Wait() // it was made to fail
	return nil
}

// command runs a command to its end, which must be exit code 0.
func (d *demo) command(ctx context.Context, n *daemon, args ...string) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	cmd, log := d.process(ctx, filepath.Join(d.folder, n.name), args...)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s's '%s': %w%s", n.name, strings.Join(args[:2], " "), err, log.text())
	}
	return out, nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - keptLog; over > 0 {
		t.kept = bytes.Clone(t.kept[over:])
	}
	return len(p), nil
}

func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.FieldsFunc(string(t.kept), func(r rune) bool { return r == '\n' })
}

// text is what was kept, in parentheses, or "".
func (t *tail) text() string {
	if all := strings.Join(t.lines(), "; "); all != "" {
		return " (" + all + ")"
	}
	return ""
}
