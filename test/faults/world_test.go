package faults

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
	"github.com/passeur-p2p/passeur/test/natlab"
)

// world is a network with a DHT node and devices of different people, who have one
// conversation.
type world struct {
	t       *testing.T
	dht     *people.Person
	turn    *natlab.TURN // nil but in worlds with a relay
	members []*member
	rounds  int
	// told are the entries that nodes have acknowledged in all rounds.
	told []string
}

// member is a device and whoever uses it.
type member struct {
	*people.Person
	name string
	// ref is how this node calls the conversation.
	ref  string
	host *lab.Host
	disk *disk
	// number is the last byte of its first addresses, moves how often it got others.
	number, moves int
	// first is what its process had open when the world was new.
	first census
}

// rate is what a member's cable carries, in bits a second: a file takes some seconds.
const rate = 8_000_000

var names = []string{"ann", "ben", "cas"}

// config of a member's node. Nodes take what contacts send, and leave little free on
// their small disks.
func config(name string, d *disk) people.Config {
	return people.Config{Name: name, Dir: d.dir, Args: []string{"--reserve", "1M"}}
}

// dhtPort stays when the DHT node starts again.
const dhtPort = ":4001"

// newPlain makes a world of two or three members on one switch, on which there are two
// networks: there is another way if one fails.
func newPlain(t *testing.T, size int) *world {
	t.Helper()
	w, l := &world{t: t}, lab.New(t)
	w.dht = people.Start(t, l.Host("dht", addrs(1)...), people.Config{Name: "dht", Server: true, Args: []string{"--listen", dhtPort}}).Ready()
	for i, name := range names[:size] {
		m := &member{name: name, number: 2 + i, disk: newDisk(t, name)}
		m.host = l.Host(name, addrs(m.number)...)
		cfg := config(name, m.disk)
		cfg.Bootstrap = w.dht.AddrsAt("10.1.0.1", "10.2.0.1")
		m.Person = people.Start(t, m.host, cfg)
		w.members = append(w.members, m)
	}
	w.meet()
	return w
}

// addrs are those of one host.
func addrs(number int) []string {
	return []string{fmt.Sprintf("10.1.0.%d/24", number), fmt.Sprintf("10.2.0.%d/24", number)}
}

// newRelayed makes a world of two who only meet by a TURN server.
func newRelayed(t *testing.T) *world {
	t.Helper()
	side := natlab.Side{NAT: natlab.Sym}
	n := natlab.New(t, natlab.Config{A: side, B: side})
	w := &world{t: t, turn: n.TURN(natlab.TURNConfig{})}
	w.dht = people.Start(t, n.Server, people.Config{Name: "dht", Server: true, Args: []string{"--listen", dhtPort}}).Ready()
	stun := n.STUN()
	for i, h := range []*natlab.Host{n.A, n.B} {
		m := &member{name: names[i], host: h.Host, disk: newDisk(t, names[i])}
		cfg := config(m.name, m.disk)
		cfg.Bootstrap, cfg.STUN = w.dht.AddrsAt("203.0.113.100"), stun
		cfg.TURN = []people.Relay{{URL: w.turn.URL(false, false), User: w.turn.User, Password: w.turn.Password, CA: w.turn.CA}}
		m.Person = people.Start(t, h, cfg)
		w.members = append(w.members, m)
	}
	w.meet()
	return w
}

// meet makes contacts of the members and begins their conversation.
func (w *world) meet() {
	w.t.Helper()
	for _, m := range w.members {
		m.Ready()
	}
	for i, m := range w.members {
		for _, other := range w.members[:i] {
			people.Befriend(w.t, other.Person, m.Person)
			m.ref, other.ref = other.name, m.name
		}
	}
	if len(w.members) > 2 {
		w.found()
	}
	w.talkOnce()
	for _, m := range w.members {
		m.host.Slow(rate)
		m.first = m.quiet(w.t)
	}
}

// found makes a group of all.
func (w *world) found() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), lab.Patience)
	defer cancel()
	var others []string
	for _, m := range w.members[1:] {
		others = append(others, m.name)
	}
	group, err := w.members[0].CreateConversation(ctx, "club", others)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, m := range w.members {
		if m.ref = group.ID; i > 0 {
			lab.Eventually(w.t, m.name+" is in the group", func() bool {
				_, err := m.AcceptConversation(ctx, group.ID)
				return err == nil
			})
		}
	}
}

// talkOnce has everybody hear everybody.
func (w *world) talkOnce() {
	w.t.Helper()
	for _, m := range w.members {
		lab.Eventually(w.t, m.name+" is in the conversation", func() bool {
			ctx, cancel := context.WithTimeout(w.t.Context(), lab.Patience)
			defer cancel()
			said, err := m.SendMessage(ctx, m.ref, m.name+" is here")
			if err == nil {
				w.told = append(w.told, said.ID)
			}
			return err == nil
		})
	}
	w.heard(w.told)
}

// heard waits until all members show these entries.
func (w *world) heard(entries []string) {
	w.t.Helper()
	for _, m := range w.members {
		var missing []string
		defer func() {
			if w.t.Failed() && len(missing) > 0 {
				w.t.Logf("%s lacks %d of %d entries: %q", m.name, len(missing), len(entries), missing)
			}
		}()
		lab.Eventually(w.t, m.name+" has all entries that were acknowledged", func() bool {
			missing = m.lacks(w.t, entries)
			return len(missing) == 0
		})
	}
}

// lacks gives those of some entries that the member does not show; the newest are
// looked at first.
func (m *member) lacks(t testing.TB, entries []string) []string {
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
	defer cancel()
	missing := slices.Clone(entries)
	for before := ""; len(missing) > 0; {
		page, err := m.Messages(ctx, m.ref, api.Page{Before: before, Limit: api.MaxPage})
		if err != nil || len(page) == 0 {
			return missing
		}
		missing = slices.DeleteFunc(missing, func(id string) bool {
			return slices.ContainsFunc(page, func(x api.Message) bool { return x.ID == id })
		})
		before = page[0].ID
	}
	return nil
}

// sum looks at the whole of what happened in the world: everything acknowledged is still
// there, and each node finds its conversation in order.
func (w *world) sum() {
	w.t.Helper()
	w.heard(w.told)
	for _, m := range w.members {
		ctx, cancel := context.WithTimeout(w.t.Context(), lab.Patience)
		defer cancel()
		found, err := m.CheckConversation(ctx, m.ref, false)
		if err != nil || len(found.Findings) > 0 {
			w.t.Errorf("%s checks its conversation: %q, %v", m.name, found.Findings, err)
		}
		w.t.Logf("%s: %v at first, %v after %d rounds", m.name, m.first, m.census(w.t), w.rounds)
	}
}
