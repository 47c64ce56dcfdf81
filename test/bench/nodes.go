package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// Words of the node's API.
const (
	incoming = "incoming"
	finished = "finished"
)

// patience is how long one run may take.
const patience = 3 * time.Minute

// machine is a host of the lab on which one node runs, and what starts it.
type machine struct {
	people.Host
	before []string // words before each command, as for [runUnsynced]
	daemon *exec.Cmd
}

func (m *machine) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	words := append(slices.Clone(m.before), append([]string{name}, args...)...)
	cmd := m.Host.Command(ctx, words[0], words[1:]...)
	if slices.Contains(args, "run") {
		m.daemon = cmd
	}
	return cmd
}

// person is a node and the machine it runs on.
type person struct {
	*people.Person
	name    string
	machine *machine
}

// pid is the node's process: what starts it becomes it.
func (p person) pid() int { return p.machine.daemon.Process.Pid }

// settler says how a node runs.
type settler struct {
	t      testing.TB
	before []string
	dht    *people.Person
}

// newDHT starts a node that others find each other by.
func newDHT(t testing.TB, h people.Host) *people.Person {
	return people.Start(t, h, people.Config{Name: "dht", Server: true}).Ready()
}

// settle starts a node on a host, where it has the address ip.
func (s settler) settle(h people.Host, name, dhtIP string, cfg people.Config) person {
	s.t.Helper()
	cfg.Name, cfg.Bootstrap = name, s.dht.AddrsAt(dhtIP)
	m := &machine{Host: h, before: s.before}
	return person{people.Start(s.t, m, cfg).Ready(), name, m}
}

// pair is two people who are contacts; one sends to the other, who takes all.
type pair struct {
	t        testing.TB
	from, to person
}

// warmFile is what they send first, so that a connection stands and all is in place.
const warmFile = 100_000

func befriend(t testing.TB, from, to person) pair {
	t.Helper()
	people.Befriend(t, from.Person, to.Person)
	p := pair{t, from, to}
	p.warm()
	return p
}

func (p pair) warm() {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), fmt.Sprintf("warm-%d", time.Now().UnixNano()))
	newFile(p.t, path, warmFile, int(time.Now().UnixNano()))
	p.carry(path)
}

// homes starts a DHT node and a pair on one host, which is at 10.1.0.1.
func homes(t testing.TB, h people.Host, dht *people.Person, before ...string) pair {
	t.Helper()
	s := settler{t, before, dht}
	return befriend(t, s.settle(h, "from", hostIP, people.Config{}), s.settle(h, "to", hostIP, people.Config{}))
}

// hostIP is the address of the host where both ends of a fast row are.
const hostIP = "10.1.0.1"

func oneHost(t testing.TB) *lab.Host { return lab.New(t).Host("one", hostIP+"/24") }

// unsyncedBy is what comes before a command that is not to wait for the disk.
func unsyncedBy(t testing.TB) []string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self, "-role", "nosync", "--"}
}

// passage is a file that has crossed.
type passage struct {
	sent, received api.Transfer
	wall           time.Duration
	cpu, later     time.Duration // of both nodes, until the file is there and after that
}

// carry sends a file and waits until it is there, whole, and known to be so by its
// sender, and until both nodes have nothing more to do. The copy is compared with the
// file and removed.
//
// What is sent is another name of the file, which is gone afterwards: the sender's node
// finds nothing to hash when it has sent nothing for a minute, while others run.
func (p pair) carry(path string) passage {
	p.t.Helper()
	name := fmt.Sprintf("%s-%d", path, time.Now().UnixNano())
	must(p.t, os.Link(path, name))
	defer os.Remove(name)
	x := p.cross(name)
	x.later = settled(p.t, p.from.pid(), p.to.pid())
	same(p.t, path, x.received.File)
	must(p.t, os.Remove(x.received.File))
	return x
}

// cross is carry without a look at what has come, or at what is done then.
func (p pair) cross(path string) (x passage) {
	p.t.Helper()
	used := cpuOf(p.t, p.from.pid(), p.to.pid())
	x.sent, x.wall = p.send(path)
	x.cpu = cpuOf(p.t, p.from.pid(), p.to.pid()) - used
	x.received = p.received(x.sent)
	return x
}

// send sends a file. The time runs from the request to the sender's node to the moment
// when that node knows that the other has the file.
func (p pair) send(path string) (api.Transfer, time.Duration) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	happens, err := p.from.Events(ctx, "")
	if err != nil {
		p.t.Fatalf("watch %s's node: %v", p.from.name, err)
	}
	defer happens.Close()
	began := time.Now()
	sent, err := p.from.Person.Client.Send(ctx, path, p.to.name)
	if err != nil {
		p.t.Fatalf("send %s: %v", path, err)
	}
	end := awaitEnd(p.t, happens, sent.ID)
	return *end.Transfer, end.Time.Sub(began.Round(0))
}

// awaitEnd waits until a transfer has finished.
func awaitEnd(t testing.TB, happens *api.Events, id string) api.Event {
	t.Helper()
	for {
		e, err := happens.Next()
		if err != nil {
			t.Fatalf("watch transfer %s: %v", id, err)
		}
		if e.Transfer == nil || e.Transfer.ID != id || !e.Transfer.State.Final() {
			continue
		}
		if e.Transfer.State.String() != finished {
			t.Fatalf("the transfer of %s ended as %s, %s: %s", e.Transfer.Name, e.Transfer.State, e.Transfer.Code, e.Transfer.Reason)
		}
		return e
	}
}

// received is what the receiver knows of a file that its sender has finished.
func (p pair) received(sent api.Transfer) (x api.Transfer) {
	p.t.Helper()
	lab.Eventually(p.t, p.to.name+" has "+sent.Name, func() bool {
		x = p.to.newest(p.t, sent.Name)
		return x.State.String() == finished && x.File != ""
	})
	return x
}

// newest is the newest incoming transfer of a file of this name; zero if there is none.
func (p person) newest(t testing.TB, name string) (last api.Transfer) {
	t.Helper()
	all, err := p.Transfers(t.Context())
	if err != nil {
		t.Fatalf("list %s's transfers: %v", p.name, err)
	}
	slices.SortStableFunc(all, func(a, b api.Transfer) int { return cmp.Compare(a.Created.UnixNano(), b.Created.UnixNano()) })
	for _, x := range all {
		if x.Direction == incoming && x.Name == name {
			last = x
		}
	}
	return last
}
