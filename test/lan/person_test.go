package lan

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
)

// patience bounds each step that waits for a process.
const patience = 2 * time.Minute

// person is a node on a host, and whoever types commands there.
type person struct {
	name string
	host *lab.Host
	home string
	args []string // of run
	ready
	node *exec.Cmd
	log  *bytes.Buffer // of node; complete when node has ended
}

// ready is the line that a node prints when it can be used.
type ready struct {
	Account string
	Device  string
	Addrs   []string
}

// event is a line of send or accept, as far as the tests look at it.
type event struct {
	Event, ID, State, Code, SHA3Sum, File string
	Bytes                                 int64
}

// transfer is an item of inbox or transfers, as far as the tests look at it.
type transfer struct {
	ID, Direction, Name, State, Code, SHA3Sum string
	Size, Bytes                               int64
	Path                                      string
	PathDetails                               struct {
		Transport  string
		TLSVersion string `json:"tls_version"`
		TLSGroup   string `json:"tls_group"`
	} `json:"path_details"`
}

// newPerson starts a node on a host. It is stopped when t ends, and must then
// end by itself and well.
func newPerson(t *testing.T, h *lab.Host, name string, args ...string) *person {
	t.Helper()
	p := &person{name: name, host: h, home: t.TempDir(), args: args}
	p.startNode(t)
	t.Cleanup(func() {
		p.stopNode(t)
		if t.Failed() {
			t.Logf("%s's node said:\n%s", name, p.log)
		}
	})
	return p
}

func (p *person) startNode(t *testing.T) {
	t.Helper()
	args := append([]string{"run", "--name", p.name, "--mdns", "off"}, p.args...)
	p.node = p.command(context.Background(), args...)
	p.log = new(bytes.Buffer)
	p.node.Stderr = p.log
	out, err := p.node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.node.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { p.node.Process.Kill() })
	defer late.Stop()
	if err := json.NewDecoder(out).Decode(&p.ready); err != nil {
		p.node.Wait()
		t.Fatalf("%s's node did not become ready: %v\n%s", p.name, err, p.log)
	}
}

func (p *person) stopNode(t *testing.T) {
	t.Helper()
	p.node.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(patience, func() { p.node.Process.Kill() })
	defer late.Stop()
	if err := p.node.Wait(); err != nil {
		t.Errorf("%s's node did not end well: %v", p.name, err)
	}
}

// killNode ends the node as a power cut would.
func (p *person) killNode(t *testing.T) {
	t.Helper()
	if err := p.node.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.node.Wait() // an error: it was killed
}

func (p *person) command(ctx context.Context, args ...string) *exec.Cmd {
	return p.host.Command(ctx, lab.Passeur(), append([]string{"--json", "--home", p.home}, args...)...)
}

// run runs a command to its good end and decodes what it prints, unless into is nil.
func (p *person) run(t *testing.T, into any, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := p.command(ctx, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil && into != nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		t.Fatalf("%s: passeur %v: %v\n%s%s", p.name, args, err, out, &stderr)
	}
}

// await asks until the answer is yes.
func await(t *testing.T, what string, ask func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !ask(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain until %s", patience, what)
		}
	}
}

// awaitOffer gives the offer that waits for this person to decide.
func (p *person) awaitOffer(t *testing.T) (offer transfer) {
	t.Helper()
	await(t, p.name+" is offered a file", func() bool {
		var inbox []transfer
		p.run(t, &inbox, "inbox")
		if len(inbox) > 0 {
			offer = inbox[0]
		}
		return len(inbox) == 1 && offer.State == "awaiting-host"
	})
	return offer
}

// transfer gives one transfer as it is now.
func (p *person) transfer(t *testing.T, id string) transfer {
	t.Helper()
	var all []transfer
	p.run(t, &all, "transfers")
	i := slices.IndexFunc(all, func(x transfer) bool { return x.ID == id })
	if i < 0 {
		t.Fatalf("%s knows no transfer %s", p.name, id)
	}
	return all[i]
}

// awaitState waits for the end of a transfer, which must be this one.
func (p *person) awaitState(t *testing.T, id, state, code string) {
	t.Helper()
	var x transfer
	await(t, p.name+"'s transfer ends", func() bool {
		x = p.transfer(t, id)
		return !slices.Contains([]string{"created", "awaiting-peer", "awaiting-host", "ongoing"}, x.State)
	})
	if x.State != state || x.Code != code {
		t.Errorf("%s's transfer ended as %s, %q; want %s, %q", p.name, x.State, x.Code, state, code)
	}
}

// job is a command that runs and prints events.
type job struct {
	title  string
	cmd    *exec.Cmd
	events chan event // closed at the end of the output
	last   event      // taken from events
	stderr *bytes.Buffer
}

func (p *person) start(t *testing.T, args ...string) *job {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
	t.Cleanup(cancel)
	j := &job{title: p.name + ": passeur " + args[0], cmd: p.command(ctx, args...), events: make(chan event), stderr: new(bytes.Buffer)}
	j.cmd.Stderr = j.stderr
	out, err := j.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := j.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go read(ctx, out, j.events)
	return j
}

// read gives each line to events until the output ends. When ctx ends it reads on
// without giving.
func read(ctx context.Context, out io.Reader, events chan<- event) {
	defer close(events)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			e.Event = "no JSON: " + lines.Text()
		}
		select {
		case events <- e:
		case <-ctx.Done():
		}
	}
}

// until takes events up to the first that is looked for.
func (j *job) until(t *testing.T, seen func(event) bool) event {
	t.Helper()
	for e := range j.events {
		if j.last = e; seen(e) {
			return e
		}
	}
	err := j.cmd.Wait()
	t.Fatalf("%s ended early with %v, last event %+v\n%s", j.title, err, j.last, j.stderr)
	return event{}
}

// end takes the other events and wants this exit code.
func (j *job) end(t *testing.T, code int) event {
	t.Helper()
	for j.last = range j.events {
	}
	j.cmd.Wait()
	if got := j.cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("%s ended with exit code %d, want %d; last event %+v\n%s", j.title, got, code, j.last, j.stderr)
	}
	return j.last
}
