package lab

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what should happen soon, on a machine that
// may be busy with much else. Who waits in vain has failed.
const Patience = 90 * time.Second

// Eventually asks again and again until the answer is yes, for what nothing
// announces. The test fails if that takes longer than [Patience]; what says what is
// waited for: "the server answers".
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(Patience); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain until %s", Patience, what)
		}
	}
}
