package faults

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// soakEnv says how long TestSoak goes on, such as 1h.
const soakEnv = "FAULTS_SOAK"

// TestSoak sends, receives, syncs and has the other nodes start anew, again and again.
// What the node has that never stops must not grow.
func TestSoak(t *testing.T) {
	t.Parallel()
	duration := time.Second
	if text := os.Getenv(soakEnv); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s=%s: %v", soakEnv, text, err)
		}
	}
	w := newPlain(t, 3)
	ann := w.members[0]
	began := time.Now()
	var shown time.Time
	for seed := uint64(0); seed == 0 || time.Since(began) < duration; seed++ {
		w.send(seed)
		if time.Since(shown) > duration/10 {
			shown = time.Now()
			ann.settles(t)
			t.Logf("%v, %d rounds: %v", time.Since(began).Round(time.Second), seed+1, ann.census(t))
		}
	}
	w.sum()
}

// send is a round without a fault: a file to all, while all talk and, half of the time,
// one of the others starts anew before.
func (w *world) send(seed uint64) {
	w.t.Helper()
	r := newRound(w, seed)
	if other := w.members[1+rand.IntN(len(w.members)-1)]; seed%2 == 1 {
		other.Restart()
	}
	r.when = 1
	r.begin()
	r.sent = <-r.sending
	w.told = append(w.told, r.talk.end()...)
	r.recover()
	r.promises()
	w.rounds++
}
