// Package homes tests what belongs to people and not to machines: accounts with
// several devices, paired by codes, and conversations whose history all of them keep.
// Files are sent there to all devices of the others, and each answers for itself; who
// missed one gets it later from whoever has it.
//
// Each device is a process of the passeur binary on a host of its own; what is done
// and seen goes by its commands. Devices find each other by a DHT node.
package homes

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

func TestMain(m *testing.M) { os.Exit(lab.MainWithPasseur(m.Run)) }

// street is a network with a DHT node, where devices come to live.
type street struct {
	t    *testing.T
	lab  *lab.Lab
	join []string
	size int
}

// device is a node on a host of its own, and whoever types commands there.
type device struct {
	*people.Person
	t    *testing.T
	name string
	host *lab.Host
}

func newStreet(t *testing.T) *street {
	t.Helper()
	s := &street{t: t, lab: lab.New(t)}
	dht := people.Start(t, s.lab.Host("dht", "10.1.0.1/24"), people.Config{Name: "dht", Server: true})
	s.join = dht.Ready().AddrsAt("10.1.0.1")
	return s
}

// devices start, all at once. They take what contacts send.
func (s *street) devices(names ...string) []*device {
	s.t.Helper()
	return s.settle(people.Config{}, names)
}

// cautious devices start, all at once. They ask before they take a file.
func (s *street) cautious(names ...string) []*device {
	s.t.Helper()
	return s.settle(people.Config{Ask: true}, names)
}

func (s *street) settle(cfg people.Config, names []string) []*device {
	s.t.Helper()
	cfg.Bootstrap = s.join
	var list []*device
	for _, name := range names {
		s.size++
		h := s.lab.Host(name, fmt.Sprintf("10.1.0.%d/24", 1+s.size))
		cfg.Name = name
		list = append(list, &device{people.Start(s.t, h, cfg), s.t, name, h})
	}
	for _, d := range list {
		d.Ready()
	}
	return list
}

// code is what a command that shows one prints.
type code struct{ State, Code string }

// pair has one device show a code by a command and the other enter it by another one,
// whose first argument after these words is the code.
func (d *device) pair(show []string, other *device, enter ...string) {
	d.t.Helper()
	shown := d.Begin(d.t, show...)
	var c code
	for c.Code == "" {
		if !shown.Next(&c) {
			shown.Fail()
		}
	}
	other.Run(append(enter, c.Code)...)
	for shown.Next(&c) {
	}
	shown.End(0)
	if c.State != "done" {
		d.t.Fatalf("%s and %s: the pairing is %s", d.name, other.name, c.State)
	}
}

// link makes another device one of d's account.
func (d *device) link(other *device) {
	d.t.Helper()
	d.pair([]string{"device", "link"}, other, "device", "join")
}

// meet makes the accounts of two devices contacts, who call each other as given.
func (d *device) meet(called string, other *device, calls string) {
	d.t.Helper()
	d.pair([]string{"contact", "invite", "--name", called}, other, "contact", "join", "--name", calls)
}

// knows waits until the device has accepted contacts of these names.
func (d *device) knows(names ...string) {
	d.t.Helper()
	for _, name := range names {
		lab.Eventually(d.t, d.name+" knows "+name, func() bool {
			var contacts []api.Contact
			d.Get(&contacts, "contact", "list")
			return slices.ContainsFunc(contacts, func(c api.Contact) bool { return c.Name == name && c.State == "accepted" })
		})
	}
}

// history is a conversation as conversation show prints it.
type history struct {
	api.Conversation
	Messages []api.Message
}

// shows is what the device shows of a conversation. There must be one.
func (d *device) shows(ref string, flags ...string) (h history) {
	d.t.Helper()
	d.Get(&h, append([]string{"conversation", "show", "--limit", "0", ref}, flags...)...)
	return h
}

// writes writes a message.
func (d *device) writes(ref, text string) api.Message {
	d.t.Helper()
	var m api.Message
	d.Get(&m, "message", ref, text)
	return m
}

// lines are a history's messages, each as its id and text.
func (h history) lines() (lines []string) {
	for _, m := range h.Messages {
		lines = append(lines, line(m))
	}
	return lines
}

func line(m api.Message) string { return m.ID[:8] + " " + m.Text }

// texts are what a history's messages say.
func (h history) texts() (texts []string) {
	for _, m := range h.Messages {
		texts = append(texts, m.Text)
	}
	return texts
}

// party is a device, and how it calls a conversation.
type party struct {
	*device
	ref string
}

// agree waits until all show a conversation alike: the same messages, these texts
// among them, in the same order. It gives that history.
func agree(t *testing.T, parties []party, texts ...string) (common history) {
	t.Helper()
	var seen []string
	defer func() {
		if t.Failed() {
			t.Log(strings.Join(seen, "\n"))
		}
	}()
	lab.Eventually(t, fmt.Sprintf("all show %q, in one order", texts), func() bool {
		seen = nil
		common = parties[0].shows(parties[0].ref)
		same := contains(common.texts(), texts)
		for _, p := range parties {
			h := p.shows(p.ref)
			seen = append(seen, fmt.Sprintf("%s shows %q", p.name, h.lines()))
			same = same && slices.Equal(h.lines(), common.lines())
		}
		return same
	})
	return common
}

func contains(list, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(list, w) })
}
