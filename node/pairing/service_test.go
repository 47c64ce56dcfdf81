package pairing

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestCodeExpiresAndIsBurnt(t *testing.T) {
	two(t, func(t *testing.T, _ *world, a, _ *device) {
		c, began := NewCode(Link), time.Now()
		mustFail(t, "shown", <-a.show(t.Context(), c), ErrExpired)
		if time.Since(began) != Lifetime {
			t.Errorf("after %v", time.Since(began))
		}
		assertBurntForEver(t, a, c)
	})
}

// An attempt that nobody answered gave nobody a guess: it may be repeated.
func TestUnansweredCodeMayBeEnteredAgain(t *testing.T) {
	two(t, func(t *testing.T, _ *world, a, b *device) {
		c := NewCode(Link)
		mustFail(t, "entered too early", <-b.enter(t.Context(), typed(t, c.Words())), ErrUsed)
		b.mu.Lock()
		b.events = nil
		b.mu.Unlock()
		await(time.Hour) // what was left is gone by then
		shown := a.show(t.Context(), c)
		mustPair(t, a, b, shown, b.enter(t.Context(), typed(t, c.Words())))
	})
}

func TestCancelledCodeIsTakenBack(t *testing.T) {
	two(t, func(t *testing.T, w *world, a, b *device) {
		c := NewCode(Link)
		ctx, cancel := context.WithCancel(t.Context())
		shown := a.show(ctx, c)
		synctest.Wait()
		cancel()
		mustFail(t, "shown", <-shown, context.Canceled)
		mustFail(t, "entered", <-b.enter(t.Context(), typed(t, c.Words())), ErrUsed)
		assertBurntForEver(t, a, c)
	})
}

func TestOneCodeAtATimeAndSixAnHour(t *testing.T) {
	two(t, func(t *testing.T, _ *world, a, _ *device) {
		for range PerHour {
			ctx, cancel := context.WithCancel(t.Context())
			shown := a.show(ctx, NewCode(Link))
			synctest.Wait()
			mustFail(t, "a second at a time", <-a.show(t.Context(), NewCode(Link)), ErrLive)
			cancel()
			mustFail(t, "the first", <-shown, context.Canceled)
			await(time.Minute)
		}
		mustFail(t, "the seventh", <-a.show(t.Context(), NewCode(Link)), ErrTooMany)
		await(time.Hour - PerHour*time.Minute)
		mustFail(t, "when an hour is over", <-a.show(t.Context(), NewCode(Link)), ErrExpired)
	})
}

func TestOwnCodeOnTheSameDevice(t *testing.T) {
	two(t, func(t *testing.T, _ *world, a, b *device) {
		c := NewCode(Contact)
		shown := a.show(t.Context(), c)
		synctest.Wait()
		entered := a.enter(t.Context(), typed(t, c.Words()))
		mustFail(t, "entered here by mistake", <-entered, ErrSelf)
		mustPair(t, a, b, shown, b.enter(t.Context(), typed(t, c.Words())))
	})
}

// The first copy of each message is lost: repeating brings all to an end.
func TestEveryMessageIsLostOnce(t *testing.T) {
	two(t, func(t *testing.T, w *world, a, b *device) {
		var mu sync.Mutex
		lost := make(map[string]bool)
		w.intercept(func(_ inboxKey, raw []byte) bool {
			mu.Lock()
			defer mu.Unlock()
			defer func() { lost[string(raw)] = true }()
			return lost[string(raw)]
		})
		c := NewCode(Link)
		shown := a.show(t.Context(), c)
		mustPair(t, a, b, shown, b.enter(t.Context(), typed(t, c.Words())))
	})
}

// offline are inboxes that nobody can reach.
type offline struct{ *world }

var errNobody = errors.New("nobody there")

func (offline) Leave(context.Context, ed25519.PublicKey, []byte) error { return errNobody }

func TestOfflineIsToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		a, b := newDevice(t, "a", w), newDevice(t, "b", offline{w})
		c := NewCode(Link)
		o := <-b.enter(t.Context(), typed(t, c.Words()))
		mustFail(t, "entered", o, ErrOffline)
		mustFail(t, "entered", o, errNobody)
		// Who shows it goes offline when the code is entered.
		a.cfg.Inboxes = offline{w}
		a.restart()
		b.cfg.Inboxes = w
		b.restart()
		shown := a.show(t.Context(), c)
		mustFail(t, "entered", <-b.enter(t.Context(), typed(t, c.Words())), ErrUsed)
		mustFail(t, "shown", <-shown, ErrOffline)
	})
}

func TestCloseEndsPairingsUnderWay(t *testing.T) {
	two(t, func(t *testing.T, _ *world, a, _ *device) {
		shown, entered := a.show(t.Context(), NewCode(Link)), a.enter(t.Context(), NewCode(Link))
		synctest.Wait()
		a.Close()
		mustFail(t, "shown", <-shown, ErrClosed)
		mustFail(t, "entered", <-entered, ErrClosed)
		mustFail(t, "shown after it", <-a.show(t.Context(), NewCode(Link)), ErrClosed)
		mustFail(t, "entered after it", <-a.enter(t.Context(), NewCode(Link)), ErrClosed)
	})
}

// closed are inboxes that have closed for themselves.
type closed struct{ *world }

func (closed) Listen(context.Context, ed25519.PrivateKey) (<-chan []byte, error) {
	out := make(chan []byte)
	close(out)
	return out, nil
}

// broken are inboxes that cannot be opened.
type broken struct{ *world }

func (broken) Listen(context.Context, ed25519.PrivateKey) (<-chan []byte, error) {
	return nil, errNobody
}

func TestInboxesThatCloseOrFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newDevice(t, "a", closed{newWorld()}), newDevice(t, "b", broken{newWorld()})
		mustFail(t, "shown", <-a.show(t.Context(), NewCode(Link)), ErrClosed)
		mustFail(t, "entered", <-a.enter(t.Context(), NewCode(Link)), ErrClosed)
		mustFail(t, "shown", <-b.show(t.Context(), NewCode(Link)), errNobody)
		mustFail(t, "entered", <-b.enter(t.Context(), NewCode(Link)), errNobody)
	})
}

func TestConfigAndArgumentsAreChecked(t *testing.T) {
	w, m := newWorld(), NewLedger(newBlobs())
	for field, cfg := range map[string]Config{
		"Inboxes":      {Memory: m},
		"Memory":       {Inboxes: w},
		"Lifetime":     {Inboxes: w, Memory: m, Lifetime: -1},
		"ExchangeTime": {Inboxes: w, Memory: m, ExchangeTime: -1},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "Config."+field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	d := newDevice(t, "a", w)
	mustFail(t, "no code", <-d.show(t.Context(), Code{}), ErrMalformed)
	mustFail(t, "no code", <-d.enter(t.Context(), Code{}), ErrMalformed)
	mustFail(t, "half a code", <-d.enter(t.Context(), Code{purpose: Link}), ErrMalformed)
	d.party.Name = strings.Repeat("x", MaxName+1)
	if o := <-d.show(t.Context(), NewCode(Link)); o.err == nil || !strings.Contains(o.err.Error(), "Party.Name") {
		t.Errorf("a long name: %v", o.err)
	}
	d.party.Name, d.party.Device = "", "no device"
	if o := <-d.enter(t.Context(), NewCode(Link)); o.err == nil || !strings.Contains(o.err.Error(), "Party.Device") {
		t.Errorf("no device: %v", o.err)
	}
}
