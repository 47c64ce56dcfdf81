package pairing

import (
	"context"
	"crypto/ed25519"
	"errors"
	"testing"
	"testing/synctest"
)

// awaitMessage awaits the first message of a kind in an inbox.
func (w *world) awaitMessage(t testing.TB, k kind, in inboxKey) message {
	t.Helper()
	for n := 0; ; n++ {
		lies, more := w.message(t.Context(), in, n)
		if !more {
			t.Fatalf("no message of kind %d", k)
		}
		if m, err := parseMessage(lies.raw); err == nil && kind(lies.raw[1]) == k {
			return m
		}
	}
}

// prove takes part by hand as who types the code, up to a proof of the party.
func (w *world) prove(t testing.TB, c Code, inbox inboxKey, p Party) {
	t.Helper()
	ty, err := startTyping(c.purpose, c.words, inbox)
	if err != nil {
		t.Fatal(err)
	}
	w.deliver(meetingNow(c), ty.hello.append(nil))
	a := w.awaitMessage(t, kindAnswer, inbox).(answer)
	keys, err := ty.finish(a)
	if err != nil {
		t.Fatal(err)
	}
	box, err := sealParty(keys.typeSeal, p)
	if err != nil {
		t.Fatal(err)
	}
	w.deliver(a.inbox, proof{a.session, keys.typeTag, box}.append(nil))
}

// Whoever has the code is believed who he says he is, but not that he is who asks, nor
// that he is nobody.
func TestPartiesThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		purpose Purpose
		change  func(theirs *Party, ours Party)
		refused bool
	}{
		"usual":                              {Contact, func(*Party, Party) {}, false},
		"this same device":                   {Contact, func(p *Party, ours Party) { p.Device = ours.Device }, true},
		"a contact without account":          {Contact, func(p *Party, _ Party) { p.Account = [32]byte{} }, true},
		"a device to join, with no account":  {Link, func(p *Party, _ Party) { p.Account = [32]byte{} }, false},
		"a device to join, with the account": {Link, func(p *Party, ours Party) { p.Account = ours.Account }, false},
	} {
		t.Run(name, func(t *testing.T) {
			two(t, func(t *testing.T, w *world, a, _ *device) {
				code, theirs := NewCode(c.purpose), newParty(t, "hostile")
				c.change(&theirs, a.party)
				shown := a.show(t.Context(), code)
				w.prove(t, code, inboxKey{1}, theirs)
				o := <-shown
				if c.refused {
					mustFail(t, "shown", o, errParty)
					w.awaitMessage(t, kindOver, inboxKey{1})
				} else if o.err != nil {
					t.Error(o.err)
				}
			})
		})
	}
}

// Who shows a code by hand, right, but says who he is wrongly.
func TestShowersThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(theirs *Party, ours Party){
		"this same device": func(p *Party, ours Party) { p.Device = ours.Device },
		"no account":       func(p *Party, _ Party) { p.Account = [32]byte{} },
	} {
		t.Run(name, func(t *testing.T) {
			two(t, func(t *testing.T, w *world, _, b *device) {
				c, theirs := NewCode(Link), newParty(t, "hostile")
				change(&theirs, b.party)
				entered := b.enter(t.Context(), typed(t, c.Words()))
				h := w.awaitMessage(t, kindHello, meetingNow(c)).(hello)
				a, keys, err := answerTo(Link, c.words, h, inboxKey{2})
				if err != nil {
					t.Fatal(err)
				}
				w.deliver(h.inbox, a.append(nil))
				w.awaitMessage(t, kindProof, inboxKey{2})
				box, err := sealParty(keys.showSeal, theirs)
				if err != nil {
					t.Fatal(err)
				}
				w.deliver(h.inbox, welcome{h.session, box}.append(nil))
				mustFail(t, "entered", <-entered, errParty)
			})
		})
	}
}

// Messages of other sessions, of other kinds, and an over that comes before anybody
// answered are dropped.
func TestStrayMessagesAreDropped(t *testing.T) {
	two(t, func(t *testing.T, w *world, a, b *device) {
		c := NewCode(Contact)
		foreign := newRun(t, c, c)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		entered := b.enter(ctx, typed(t, c.Words()))
		h := w.awaitMessage(t, kindHello, meetingNow(c)).(hello)
		for _, m := range []message{foreign.answer, foreign.welcome, over{h.session}, over{}, welcome{session: h.session}, proof{session: h.session}, h} {
			w.deliver(h.inbox, m.append(nil))
		}
		w.deliver(h.inbox, []byte{})
		synctest.Wait()
		shown := a.show(t.Context(), c)
		mustPair(t, a, b, shown, entered)
	})
}

// The exchange has gone well, but nobody takes the welcome: neither side is told that
// it met the other.
func TestWelcomeThatCannotBeLeft(t *testing.T) {
	two(t, func(t *testing.T, w *world, a, b *device) {
		a.cfg.Inboxes = onlyAnswers{w}
		a.restart()
		c := NewCode(Contact)
		shown := a.show(t.Context(), c)
		mustFail(t, "entered", <-b.enter(t.Context(), typed(t, c.Words())), ErrUsed)
		mustFail(t, "shown", <-shown, ErrOffline)
	})
}

// onlyAnswers are inboxes that take answers only.
type onlyAnswers struct{ *world }

func (o onlyAnswers) Leave(ctx context.Context, owner ed25519.PublicKey, message []byte) error {
	if kind(message[1]) != kindAnswer {
		return errors.New("it was taken from the net")
	}
	return o.world.Leave(ctx, owner, message)
}
