package store_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/node/internal/store"
)

func assertTaken(t *testing.T, s *store.Store, since time.Time, want ...store.Taken) {
	t.Helper()
	if got, err := s.Taken(since); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Taken = %+v, %v; want %+v", got, err, want)
	}
}

func TestWhatRulesTookIsCountedByDay(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	day := time.Date(2026, 11, 1, 23, 59, 0, 0, time.UTC)
	put := func(id, rule string, at time.Time, bytes int64) {
		t.Helper()
		x := fullTransfer(id)
		x.Rule, x.Updated = rule, at
		check(t, s.FinishTransfer(x, bytes))
		if got, err := s.Transfer(id); err != nil || got.Rule != rule {
			t.Errorf("Transfer = %+v, %v", got, err)
		}
	}
	put("1", "photos", day, 1)
	put("2", "photos", day.Add(2*time.Minute), 10) // the next day
	put("3", "photos", day.Add(3*time.Minute), 100)
	put("4", "films", day, 1000)
	put("5", "", day, 10000) // a person's
	check(t, s.Close())
	s = openStore(t, path)
	assertTaken(t, s, day.Add(-12*time.Hour), store.Taken{Rule: "films", Bytes: 1000, Files: 1}, store.Taken{Rule: "photos", Bytes: 111, Files: 3})
	assertTaken(t, s, day.Add(2*time.Hour), store.Taken{Rule: "photos", Bytes: 110, Files: 2})
	assertTaken(t, s, day.Add(-12*time.Hour), store.Taken{Rule: "photos", Bytes: 110, Files: 2}) // forgotten is forgotten
}
