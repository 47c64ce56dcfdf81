package conversation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// Attack 12: the last millisecond is 2^53-1.
func TestTimesBeyondTheBoundsAreRefused(t *testing.T) {
	w := newWorld(t)
	for milli, good := range map[int64]bool{-1: false, 0: true, 1<<53 - 1: true, 1 << 53: false} {
		d := w.draft(conversation.TypeText, []byte("hello"))
		d.Time = time.UnixMilli(milli)
		e, err := d.Sign(w.device)
		if good && (err != nil || e.Time.UnixMilli() != milli) || !good && !errors.Is(err, conversation.ErrEntry) {
			t.Errorf("%d ms: %v", milli, err)
		}
	}
}

// Attack 12: an entry of the year 2099, and what a colluder hangs on it.
func TestWhatFollowsADeferredEntryIsDeferredOrInvalid(t *testing.T) {
	w := newWorld(t)
	now := w.now
	d := w.draft(conversation.TypeText, []byte("from the future"))
	d.Time = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	poison := w.sign(d)
	if !poison.Deferred(now) {
		t.Fatal("2099 is not deferred")
	}
	d.Parents = []conversation.ID{poison.ID}
	if d.Time = conversation.NextTime(now, poison.Time); !w.sign(d).Deferred(now) {
		t.Error("its child at the same time is not deferred")
	}
	d.Time = now
	if err := w.sign(d).CheckTime(w.first.Time, poison.Time); !errors.Is(err, conversation.ErrEntry) {
		t.Errorf("its child of today: %v, want ErrEntry", err)
	}
}

func TestTimeRules(t *testing.T) {
	w := newWorld(t)
	now := w.now
	for late, want := range map[time.Duration]bool{
		-time.Hour: false, 0: false, 26 * time.Hour: false, 26*time.Hour + time.Millisecond: true,
	} {
		d := w.draft(conversation.TypeText, nil)
		d.Time = now.Add(late)
		if e := w.sign(d); e.Deferred(now) != want {
			t.Errorf("%s ahead: deferred is %v", late, !want)
		}
	}
	e := w.text("hello")
	check(t, e.CheckTime())
	check(t, e.CheckTime(e.Time, e.Time.Add(-time.Hour)))
	if err := e.CheckTime(e.Time.Add(-time.Hour), e.Time.Add(time.Millisecond)); !errors.Is(err, conversation.ErrEntry) {
		t.Errorf("a millisecond before a parent: %v, want ErrEntry", err)
	}
	odd := now.Add(999 * time.Microsecond)
	if next := conversation.NextTime(odd, now.Add(-time.Hour)); !next.Equal(now) {
		t.Errorf("NextTime gives %s, want now, %s", next, now)
	}
	if next := conversation.NextTime(now, now.Add(-time.Hour), now.Add(time.Hour)); !next.Equal(now.Add(time.Hour)) {
		t.Errorf("NextTime gives %s, want the parent's, an hour later", next)
	}
}
