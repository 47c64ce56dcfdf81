package node

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

func progress(id string, bytes int64) Event {
	return Event{Transfer: &Transfer{ID: id, State: filexfer.Ongoing, Bytes: bytes}}
}

func TestSlowWatcherLosesOnlyProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		defer h.close()
		events := h.watch(t.Context())
		for bytes := range int64(10_000) {
			h.publish(progress("a", bytes))
			h.publish(progress("b", bytes))
		}
		h.publish(Event{Transfer: &Transfer{ID: "a", State: filexfer.Ongoing}, Phase: PhaseVerified})
		h.publish(Event{Transfer: &Transfer{ID: "a", State: filexfer.Finished}})
		synctest.Wait()
		var got []Event
		for len(got) == 0 || got[len(got)-1].Transfer.State != filexfer.Finished {
			got = append(got, <-events)
		}
		if len(got) > 10 {
			t.Errorf("%d events reached the slow watcher; progress was not folded", len(got))
		}
		last := map[string]int64{}
		phases := 0
		for _, e := range got {
			if e.Phase != "" {
				phases++
				continue
			}
			last[e.Transfer.ID] = e.Transfer.Bytes
		}
		if phases != 1 || last["b"] != 9_999 {
			t.Errorf("%d phases, last progress of b is %d", phases, last["b"])
		}
	})
}

func TestWatcherThatNeverReadsIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		defer h.close()
		events := h.watch(t.Context())
		for range maxBacklog + 10 {
			h.publish(Event{Transfer: &Transfer{ID: "a"}, Phase: PhaseFound})
		}
		count := 0
		for range events {
			count++
		}
		if count < maxBacklog || count > maxBacklog+2 {
			t.Errorf("%d events came before the channel closed", count)
		}
	})
}

func TestWatchEndsWithItsContextAndWithTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		ctx, cancel := context.WithCancel(t.Context())
		first, second := h.watch(ctx), h.watch(t.Context())
		cancel()
		if _, open := <-first; open {
			t.Error("an event after the context ended")
		}
		h.close()
		if _, open := <-second; open {
			t.Error("an event after the node closed")
		}
		if _, open := <-h.watch(t.Context()); open {
			t.Error("a closed node is watched")
		}
	})
}
