package lan

import (
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// person is a node on a host, and whoever types commands there.
type person struct {
	*people.Person
	name string
}

// event is a line of send or accept, as far as the tests look at it.
type event struct {
	Event, ID, State, Code, SHA3Sum, File string
	Bytes                                 int64
}

// transfer is an item of inbox or transfers, as far as the tests look at it.
type transfer struct {
	Kind, ID, Direction, Name, State, Code, SHA3Sum string
	Size, Bytes                                     int64
	Path                                            string
	PathDetails                                     struct {
		Transport  string
		TLSVersion string `json:"tls_version"`
		TLSGroup   string `json:"tls_group"`
	} `json:"path_details"`
}

// newPerson starts a node on a host.
func newPerson(t *testing.T, h *lab.Host, cfg people.Config) *person {
	t.Helper()
	cfg.Ask = true
	return &person{people.Start(t, h, cfg).Ready(), cfg.Name}
}

// cable is the person's host, as one that is plugged in.
func (p *person) cable() *lab.Host { return p.Host.(*lab.Host) }

// awaitOffer gives the offer that waits for this person to decide.
func (p *person) awaitOffer(t *testing.T) (offer transfer) {
	t.Helper()
	lab.Eventually(t, p.name+" is offered a file", func() bool {
		var inbox []transfer
		p.Get(&inbox, "inbox")
		inbox = slices.DeleteFunc(inbox, func(x transfer) bool { return x.Kind != "offer" })
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
	p.Get(&all, "transfers")
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
	lab.Eventually(t, p.name+"'s transfer ends", func() bool {
		x = p.transfer(t, id)
		return !slices.Contains([]string{"created", "awaiting-peer", "awaiting-host", "ongoing"}, x.State)
	})
	if x.State != state || x.Code != code {
		t.Errorf("%s's transfer ended as %s, %q; want %s, %q", p.name, x.State, x.Code, state, code)
	}
}

// job is a command that sends or accepts.
type job struct {
	*people.Job
	last event
}

func (p *person) start(t *testing.T, args ...string) *job {
	t.Helper()
	return &job{Job: p.Begin(t, args...)}
}

// until takes events up to the first that is looked for.
func (j *job) until(t *testing.T, seen func(event) bool) event {
	t.Helper()
	for j.next() {
		if seen(j.last) {
			return j.last
		}
	}
	t.Logf("last event %+v", j.last)
	j.Fail()
	return event{}
}

// next forgets the event before, of which not every field is in each.
func (j *job) next() bool {
	var e event
	if !j.Next(&e) {
		return false
	}
	j.last = e
	return true
}

// end takes the other events and wants this exit code.
func (j *job) end(t *testing.T, code int) event {
	t.Helper()
	for j.next() {
	}
	j.End(code)
	return j.last
}
