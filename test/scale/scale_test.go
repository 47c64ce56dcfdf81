// Package scale lets many nodes live on one simulated network and tells how what they do
// for each other grows with their number: how long signalling takes, how many messages a
// node sends for it, and what lies where. docs/scale.md has the figures, and what
// follows from them for a million accounts.
//
// A node here is what a node does for others and asks of them: a libp2p host, the DHT,
// the directory and signalling, set up as package node sets them up. It has no store, no
// files, no conversations and no ICE: they cost a network nothing but what its own people
// do. Hosts are libp2p's mocknet; there is no TCP and no TLS, so their delays are added
// and their memory is not.
//
// Time is testing/synctest's: it stands still while anything computes. What is measured
// in seconds is therefore what delays and timeouts make, and none of it the processor's.
//
// The test runs with a few nodes; SCALE_NODES="20 50 100 300" (make scale) runs
// networks of these sizes. With SCALE_SILENT=1, nodes go without a word.
package scale

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// plan is how a network lives.
type plan struct {
	nodes    int
	requests int           // each between two that are not connected
	calm     time.Duration // in which nobody asks anything
	churn    time.Duration // in which share of the nodes are replaced each minute
	share    float64
	silent   bool // they do not say goodbye: their connections seem to stand for 30 s to a minute
}

// TestScale runs networks of growing size and prints what was seen.
func TestScale(t *testing.T) {
	plans := []plan{{nodes: 10, requests: 4, calm: 30 * time.Second, churn: time.Minute, share: 0.2}}
	if sizes := strings.Fields(os.Getenv("SCALE_NODES")); len(sizes) > 0 {
		plans = nil
		for _, text := range sizes {
			n, err := strconv.Atoi(text)
			if err != nil || n < 10 {
				t.Fatalf("SCALE_NODES: %q is no number of nodes, 10 or more", text)
			}
			plans = append(plans, plan{nodes: n, requests: 60, calm: 2 * time.Minute, churn: 3 * time.Minute, share: 0.2, silent: os.Getenv("SCALE_SILENT") != ""})
		}
	}
	var all []result
	for _, p := range plans {
		began := time.Now()
		r := live(t, p)
		r.took = time.Since(began)
		fmt.Println(r)
		all = append(all, r)
		if r.calm.answered < r.calm.asked {
			t.Errorf("%d nodes: without churn %d of %d requests were answered", p.nodes, r.calm.answered, r.calm.asked)
		}
		if r.churn.asked >= 20 && r.churn.answered*2 < r.churn.asked { // of a few, all may be unlucky
			t.Errorf("%d nodes: under churn %d of %d requests were answered", p.nodes, r.churn.answered, r.churn.asked)
		}
	}
	fmt.Println(laws(all))
}

// live runs one network from its first node to its last.
func live(t *testing.T, p plan) (r result) {
	defer oneProcessor()()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // memory is there, time is not
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, p)
		defer w.close()
		r = w.live()
	})
	return r
}

// pass lets d go by.
func pass(d time.Duration) { <-time.After(d) }

func (w *world) live() (r result) {
	w.settle()
	r.plan, r.servers = w.plan, w.count(true)
	before := w.traffic()
	pass(w.plan.calm)
	r.idle = w.traffic().since(before, w.plan.calm, len(w.all()))
	r.memory = w.memory()
	r.stored = w.stored()
	letters := w.letters()
	r.calm = w.ask(w.plan.requests, time.Second)
	r.stored.letters = (w.letters() - letters) / int64(max(2*r.calm.asked, 1)) // each asks twice
	r.lookup = w.lookUp(w.plan.requests / 2)
	stop := w.churn()
	before = w.traffic()
	r.churn = w.ask(w.plan.requests, w.plan.churn/time.Duration(w.plan.requests))
	r.busy = w.traffic().since(before, w.plan.churn, len(w.all()))
	r.replaced = stop()
	return r
}
