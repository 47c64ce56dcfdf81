package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

const (
	holders     = 3
	holderRate  = 100_000_000 // bits a second that each holder's cable takes
	holdersSize = 160 << 20
)

// holdersField is a group of three people who have files and one who has not and gets
// them, over a switch. Each file is of the group; those that one holder alone has were
// refused by the others.
func holdersField(s *stage, o options) []contender {
	l := lab.New(s)
	dht := newDHT(s, l.Host("dht", "10.1.0.1/24"))
	g := &group{t: s, dir: s.TempDir(), size: o.bytes(holdersSize)}
	from := settler{s, nil, dht}
	for i := range holders {
		h := l.Host(fmt.Sprintf("holder%d", i), fmt.Sprintf("10.1.0.%d/24", 10+i))
		g.hosts = append(g.hosts, h)
		g.holders = append(g.holders, from.settle(h, fmt.Sprintf("holder%d", i), hostIP, people.Config{Ask: true}))
	}
	g.getter = from.settle(l.Host("getter", "10.1.0.20/24"), "getter", hostIP, people.Config{Ask: true})
	g.found()
	return []contender{
		{name: "one", title: "get, one holder", run: func(round int) figures { return g.get(round, 1) }},
		{name: "three", title: "get, three holders", run: func(round int) figures { return g.get(round, holders) }},
	}
}

// group is a conversation of the holders and the one who gets.
type group struct {
	t       testing.TB
	dir     string
	size    int64
	hosts   []*lab.Host
	holders []person
	getter  person
	id      string
}

// found makes everybody the contact of the first holder and of the one who gets, so
// that they are connected, and all of them a group.
func (g *group) found() {
	g.t.Helper()
	owner, members := g.holders[0], append(slices.Clone(g.holders[1:]), g.getter)
	create := []string{"conversation", "create", "club"}
	for _, p := range members {
		people.Befriend(g.t, owner.Person, p.Person)
		create = append(create, p.name)
	}
	var made struct{ ID string }
	for _, p := range g.holders[1:] {
		people.Befriend(g.t, g.getter.Person, p.Person)
	}
	owner.Get(&made, create...)
	g.id = made.ID
	for _, p := range members {
		g.joins(p)
	}
	owner.Run("message", g.id, "all are here")
	for _, p := range members {
		lab.Eventually(g.t, p.name+" reads the group's first message", func() bool {
			var h struct{ Messages []api.Message }
			p.Get(&h, "conversation", "show", "--limit", "0", g.id)
			return slices.ContainsFunc(h.Messages, func(m api.Message) bool { return m.Text == "all are here" })
		})
	}
}

func (g *group) joins(p person) {
	g.t.Helper()
	lab.Eventually(g.t, p.name+" is invited", func() bool {
		var all []api.Conversation
		p.Get(&all, "conversation", "list")
		return slices.ContainsFunc(all, func(c api.Conversation) bool { return c.ID == g.id && c.Status == "invited" })
	})
	p.Run("conversation", "accept", g.id)
}

// get makes a file that n of the holders have, and has it got over slow cables.
func (g *group) get(round, n int) figures {
	g.t.Helper()
	name := fmt.Sprintf("file-%d-%d", round, n)
	path := filepath.Join(g.dir, name)
	newFile(g.t, path, g.size, 2*round+n)
	defer os.Remove(path)
	g.spread(path, n)
	for i, h := range g.hosts {
		settled(g.t, g.holders[i].pid())
		h.Slow(holderRate)
		defer h.Fast()
	}
	got := filepath.Join(g.dir, "got-"+name)
	took := g.fetch(name, got)
	same(g.t, path, got)
	os.Remove(got)
	return figures{seconds: took.Seconds(), speed: float64(g.size) / took.Seconds() / 1e6}
}

// spread sends the file to the group: so many have it then, and nobody else wants it.
func (g *group) spread(path string, n int) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	if _, err := g.holders[0].Person.Client.Send(ctx, path, g.id); err != nil {
		g.t.Fatalf("send %s to the group: %v", path, err)
	}
	name := filepath.Base(path)
	for i, p := range append(slices.Clone(g.holders[1:]), g.getter) {
		offer := g.offered(p, name)
		if i+1 < n { // the first holder has it already
			p.Run("accept", offer, "-o", filepath.Join(p.Home, name))
		} else {
			p.Run("refuse", offer)
		}
	}
}

// offered waits until a file is offered and gives the offer's id.
func (g *group) offered(p person, name string) (id string) {
	g.t.Helper()
	lab.Eventually(g.t, p.name+" is offered "+name, func() bool {
		var all []struct{ Kind, ID, Name string }
		p.Get(&all, "inbox")
		for _, w := range all {
			if w.Kind == "offer" && w.Name == name {
				id = w.ID
			}
		}
		return id != ""
	})
	return id
}

// fetch gets the group's file. The time runs from the request to the end, as the
// getter's node tells it.
func (g *group) fetch(name, to string) time.Duration {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	happens, err := g.getter.Events(ctx, "")
	if err != nil {
		g.t.Fatalf("watch the getter's node: %v", err)
	}
	defer happens.Close()
	began := time.Now()
	x, err := g.getter.GetFile(ctx, api.NewGet{Conversation: g.id, File: name, Path: to})
	if err != nil {
		g.t.Fatalf("get %s: %v", name, err)
	}
	return awaitEnd(g.t, happens, x.ID).Time.Sub(began.Round(0))
}
