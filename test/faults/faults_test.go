// Package faults breaks things under real nodes and holds them to their promises. A
// round is a file and a conversation under way between two or three devices, one fault
// at a moment that a seed chooses, the mending of it, and a look at what has become of
// everything. docs/faults.md has what is thrown, what is promised, and figures.
//
// Each device is a process of the passeur binary on a host of its own (package lab),
// with a disk of its own; the third kind of process, a DHT node, is broken as well.
//
//	FAULTS_SEED=17 go test -v -run TestFaults ./test/faults    # one round again
//	make faults ROUNDS=500                                     # and a table
//	make soak DURATION=1h                                      # what grows in an hour
package faults

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

func TestMain(m *testing.M) {
	os.Exit(lab.MainWithPasseur(func() int {
		if err := putUpShelf(); err != nil {
			fmt.Fprintln(os.Stderr, "faults:", err)
			return 1
		}
		return m.Run()
	}))
}

// The environment says what is done: how many rounds (ROUNDS), from which seed on
// (FAULTS_FROM), in how many worlds at a time (WORLDS); or which round alone
// (FAULTS_SEED).
const (
	roundsEnv = "FAULTS_ROUNDS"
	fromEnv   = "FAULTS_FROM"
	worldsEnv = "FAULTS_WORLDS"
	seedEnv   = "FAULTS_SEED"
)

// number is what the environment says, or what holds if it says nothing.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%s: %v", name, text, err)
	}
	return n
}

// TestFaults runs rounds in several worlds at a time. A world in which a promise was
// broken is left, and another one takes the seeds that remain.
func TestFaults(t *testing.T) {
	t.Parallel()
	plan := newPlan(t)
	var workers sync.WaitGroup
	for worker := range number(t, worldsEnv, 6) {
		workers.Go(func() { // they wait more than they work: -parallel does not count
			for number := 0; plan.remains(worker); number++ {
				t.Run(fmt.Sprintf("%d.%d", worker, number), func(t *testing.T) { live(t, worker, plan) })
			}
		})
	}
	workers.Wait()
	t.Log("\n" + plan.book.table())
}

// maxRounds of a world: its nodes keep their log.
const maxRounds = 40

// live makes a world and has rounds in it.
func live(t *testing.T, worker int, p *plan) {
	relayed := p.relayed(worker)
	var w *world
	if relayed {
		w = newRelayed(t)
	} else {
		w = newPlain(t, 2+worker%2)
	}
	for range maxRounds {
		seed, found := p.next(relayed)
		if !found {
			break
		}
		w.round(seed, &p.book)
		if t.Failed() {
			return
		}
	}
	w.sum()
}

// plan hands out seeds. Those whose fault is about the relay go to one worker, which
// has worlds with one.
type plan struct {
	book book

	mu            sync.Mutex
	plain, relays []uint64
}

func newPlan(t *testing.T) *plan {
	t.Helper()
	p := new(plan)
	from, rounds := number(t, fromEnv, 0), number(t, roundsEnv, 25)
	if os.Getenv(seedEnv) != "" {
		from, rounds = number(t, seedEnv, 0), 1
	}
	for seed := uint64(from); seed < uint64(from+rounds); seed++ {
		if kindOf(seed).relay {
			p.relays = append(p.relays, seed)
		} else {
			p.plain = append(p.plain, seed)
		}
	}
	return p
}

// relayed tells whether a worker has worlds with a relay: the first one, as long as
// there are such rounds.
func (p *plan) relayed(worker int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return worker == 0 && len(p.relays) > 0
}

func (p *plan) remains(worker int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.plain) > 0 || worker == 0 && len(p.relays) > 0
}

// next gives the next seed for a world.
func (p *plan) next(relayed bool) (seed uint64, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := &p.plain
	if relayed {
		list = &p.relays
	}
	if len(*list) == 0 {
		return 0, false
	}
	seed, *list = (*list)[0], (*list)[1:]
	return seed, true
}
