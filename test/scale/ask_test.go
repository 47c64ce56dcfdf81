package scale

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/node/signalling"
)

const (
	// answerWithin is within what time a request must be answered to count.
	answerWithin = 30 * time.Second
	payload      = 700 // bytes of an offer
	// young is how long after its start nobody asks for a node: whoever is asked for
	// for the first time has told his account to somebody.
	young = 20 * time.Second
)

// pair is who asks whom.
type pair struct{ from, to peer.ID }

// pick gives two clients, which are not connected, of which the one has never asked
// for the other; nil if there are none.
func (w *world) pick() (from, to *node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var fresh [][2]*node
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			if a != b && !a.serves && !b.serves && b.old() && !w.asked[pair{a.ID(), b.ID()}] {
				fresh = append(fresh, [2]*node{a, b})
			}
		}
	}
	if len(fresh) == 0 {
		return nil, nil
	}
	chosen := fresh[w.rand.IntN(len(fresh))]
	w.asked[pair{chosen[0].ID(), chosen[1].ID()}] = true
	return chosen[0], chosen[1]
}

func (n *node) old() bool { return time.Since(n.born) > young }

// there tells whether a node has not been taken away.
func (w *world) there(p peer.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, is := w.place[p]
	return is
}

// asked is what came of requests.
type asked struct {
	asked, answered int
	cold, warm      []time.Duration // sorted; answerWithin for those without an answer
	steps           [steps][]time.Duration
	reasons         map[string]int
}

// Steps of a first request, in order.
const (
	gotRecord  = iota // the account's record
	gotServers        // the device's key, and the servers of its inbox
	gotTaken          // the request is with a server
	gotAnswer
	steps
)

// outcome is what came of one.
type outcome struct {
	cold, warm time.Duration
	step       [steps]time.Duration // each one's own time
	reached    int                  // how many of them
	err        error
}

// ask makes requests, one after each pause, and waits for their answers. One of which an
// end was taken away meanwhile does not count.
func (w *world) ask(requests int, pause time.Duration) asked {
	a := asked{reasons: map[string]int{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range requests {
		if from, to := w.pick(); from != nil {
			wg.Go(func() {
				o := request(w.ctx, from, to)
				if w.there(from.ID()) && w.there(to.ID()) {
					mu.Lock()
					defer mu.Unlock()
					a.add(o)
				}
			})
		}
		pass(pause)
	}
	wg.Wait()
	a.sort()
	return a
}

func (a *asked) add(o outcome) {
	a.asked++
	for i := range o.reached {
		a.steps[i] = append(a.steps[i], o.step[i])
	}
	if o.err != nil {
		a.reasons[reason(o.err)]++
		o.cold, o.warm = answerWithin, answerWithin
	} else {
		a.answered++
	}
	a.cold = append(a.cold, o.cold)
	if o.reached == steps {
		a.warm = append(a.warm, o.warm)
	}
}

func (a *asked) sort() {
	slices.Sort(a.cold)
	slices.Sort(a.warm)
	for _, s := range a.steps {
		slices.Sort(s)
	}
}

// reason is an error without the names in it.
func reason(err error) string {
	words := strings.Fields(err.Error())
	for i, word := range words {
		if strings.Contains(word, "12D3Koo") || strings.HasPrefix(word, "passeur:") {
			words[i] = "…"
		}
	}
	return strings.Join(words[:min(len(words), 40)], " ")
}

// request asks for a link as somebody does who knows nothing but an account, and once
// more, knowing the rest.
func request(ctx context.Context, from, to *node) (o outcome) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	began := time.Now()
	last := began
	step := func() {
		o.step[o.reached] = time.Since(last)
		o.reached++
		last = time.Now()
	}
	if _, o.err = from.directory.Lookup(ctx, to.account); o.err != nil {
		return o
	}
	step()
	from.watch(to.ID(), func(p signalling.Phase) {
		switch {
		case p == signalling.Found && o.reached == gotServers, p == signalling.Sealed && o.reached == gotTaken:
			step()
		}
	})
	_, o.err = from.signals.Request(ctx, to.ID(), "ice", make([]byte, payload))
	from.watch(to.ID(), nil)
	if o.err != nil {
		return o
	}
	step()
	o.cold = time.Since(began)
	began = time.Now()
	_, o.err = from.signals.Request(ctx, to.ID(), "ice", make([]byte, payload))
	o.warm = time.Since(began)
	return o
}
