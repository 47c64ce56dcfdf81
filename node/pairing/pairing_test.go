package pairing

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// typed gives what the other side makes of a shown code.
func typed(t testing.TB, text string) Code {
	t.Helper()
	c, err := ParseCode(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wrong gives c with another secret part.
func wrong(c Code) Code {
	for other := NewCode(c.purpose); ; other = NewCode(c.purpose) {
		if other.words.secret != c.words.secret {
			return Code{purpose: c.purpose, words: part{c.words.public, other.words.secret}}
		}
	}
}

func mustPair(t testing.TB, a, b *device, shown, entered <-chan outcome) {
	t.Helper()
	ra, rb := <-shown, <-entered
	if ra.err != nil || rb.err != nil {
		t.Fatalf("shown: %v; entered: %v", ra.err, rb.err)
	}
	purpose := a.lastPurpose()
	if !reflect.DeepEqual(ra.Other, b.party.told(purpose)) || !reflect.DeepEqual(rb.Other, a.party.told(purpose)) {
		t.Errorf("%+v met %+v", rb.Other, ra.Other)
	}
	if ra.Verifier != rb.Verifier || ra.Verifier[0] == "" || ra.Transfer != rb.Transfer || ra.Transfer == [32]byte{} {
		t.Errorf("verifiers %q and %q, transfers %x and %x", ra.Verifier, rb.Verifier, ra.Transfer, rb.Transfer)
	}
	if all := []Phase{Waiting, Exchange, Proven}; !slices.Equal(a.observed(), all) || !slices.Equal(b.observed(), all) {
		t.Errorf("phases %q and %q", a.observed(), b.observed())
	}
}

func mustFail(t testing.TB, what string, o outcome, want error) {
	t.Helper()
	if !errors.Is(o.err, want) || o.Other.Device != "" || o.Verifier[0] != "" {
		t.Errorf("%s: %+v, %v; want: %v", what, o.Result, o.err, want)
	}
}

// two makes the usual pair, in a bubble of virtual time.
func two(t *testing.T, f func(t *testing.T, w *world, a, b *device)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f(t, w, newDevice(t, "a", w), newDevice(t, "b", w))
	})
}

func TestTwoDevicesMeet(t *testing.T) {
	for _, p := range []Purpose{Link, Contact, File} {
		for name, text := range map[string]func(Code) string{"words": Code.Words, "QR": Code.QR} {
			t.Run(string(p)+" by "+name, func(t *testing.T) {
				two(t, func(t *testing.T, _ *world, a, b *device) {
					c := NewCode(p)
					shown := a.show(t.Context(), c)
					mustPair(t, a, b, shown, b.enter(t.Context(), typed(t, text(c))))
				})
			})
		}
	}
}

// A device that joins an account has none yet; who makes a contact has one.
func TestWhoMustHaveAnAccount(t *testing.T) {
	two(t, func(t *testing.T, _ *world, a, b *device) {
		c := NewCode(Link)
		b.party.Account = [32]byte{}
		shown := a.show(t.Context(), c)
		mustPair(t, a, b, shown, b.enter(t.Context(), typed(t, c.Words())))
		for _, c := range []Code{NewCode(Link), NewCode(Contact)} {
			if o := <-b.show(t.Context(), c); o.err == nil || !strings.Contains(o.err.Error(), "Party.Account") {
				t.Errorf("showing a code for a %s without an account: %v", c.Purpose(), o.err)
			}
		}
		if o := <-b.enter(t.Context(), NewCode(Contact)); o.err == nil || !strings.Contains(o.err.Error(), "Party.Account") {
			t.Errorf("becoming a contact without an account: %v", o.err)
		}
	})
}

// assertBurntForEver restarts d and has it use c, or another code with the same
// public part, again.
func assertBurntForEver(t testing.TB, d *device, c Code) {
	t.Helper()
	d.restart()
	for _, c := range []Code{c, wrong(c)} {
		mustFail(t, d.party.Name+" shows it again", <-d.show(t.Context(), c), ErrBurnt)
		mustFail(t, d.party.Name+" enters it again", <-d.enter(t.Context(), c), ErrBurnt)
	}
}

func TestWrongWordBurnsTheCodeOnBothSidesOverARestart(t *testing.T) {
	two(t, func(t *testing.T, w *world, a, b *device) {
		c := NewCode(Contact)
		shown, entered := a.show(t.Context(), c), b.enter(t.Context(), wrong(c))
		mustFail(t, "entered", <-entered, ErrWrongCode)
		mustFail(t, "shown", <-shown, ErrWrongCode)
		if n := w.count(kindProof) + w.count(kindWelcome); n != 0 {
			t.Errorf("%d messages after a wrong tag", n)
		}
		assertBurntForEver(t, b, c)
		assertBurntForEver(t, a, c)
	})
}

// Nobody can enter rightly what was entered wrongly before.
func TestRightWordAfterAWrongOneComesTooLate(t *testing.T) {
	two(t, func(t *testing.T, w *world, a, b *device) {
		c := NewCode(Contact)
		other := newDevice(t, "guesser", w)
		shown := a.show(t.Context(), c)
		mustFail(t, "the guesser", <-other.enter(t.Context(), wrong(c)), ErrWrongCode)
		mustFail(t, "shown", <-shown, ErrWrongCode)
		mustFail(t, "the one who knows it", <-b.enter(t.Context(), typed(t, c.Words())), ErrUsed)
		if w.count(kindAnswer) != 1 {
			t.Errorf("%d answers", w.count(kindAnswer))
		}
	})
}

func TestSecondClaimantGetsNothingAndTimesOut(t *testing.T) {
	two(t, func(t *testing.T, w *world, a, b *device) {
		second := newDevice(t, "second", w)
		c := NewCode(Link)
		shown := a.show(t.Context(), c)
		mustPair(t, a, b, shown, b.enter(t.Context(), typed(t, c.Words())))
		began := time.Now()
		mustFail(t, "the second", <-second.enter(t.Context(), typed(t, c.Words())), ErrUsed)
		if time.Since(began) != ExchangeTime || w.count(kindAnswer) != 1 {
			t.Errorf("after %v, with %d answers", time.Since(began), w.count(kindAnswer))
		}
		// The other form of the same code is used up, too.
		mustFail(t, "the second by QR", <-second.enter(t.Context(), typed(t, c.QR())), ErrUsed)
	})
}

// He takes part in two exchanges, with a guess of his own.
func TestManInTheMiddleWithAGuessIsSeenByBoth(t *testing.T) {
	two(t, func(t *testing.T, w *world, a, b *device) {
		c := NewCode(Link)
		guess := wrong(c)
		var once sync.Once
		toHim := make(chan hello, 1)
		w.intercept(func(_ inboxKey, raw []byte) bool {
			m, _ := parseMessage(raw)
			h, isHello := m.(hello)
			if isHello {
				once.Do(func() { toHim <- h })
			}
			return !isHello
		})
		shown, entered := a.show(t.Context(), c), b.enter(t.Context(), typed(t, c.Words()))
		h := <-toHim
		asA, _, err := answerTo(c.purpose, guess.words, h, inboxKey{1})
		if err != nil {
			t.Fatal(err)
		}
		w.deliver(h.inbox, asA.append(nil))
		asB, err := startTyping(c.purpose, guess.words, inboxKey{2})
		if err != nil {
			t.Fatal(err)
		}
		w.deliver(meetingNow(c), asB.hello.append(nil))
		mustFail(t, "entered", <-entered, ErrWrongCode)
		mustFail(t, "shown", <-shown, ErrSilent)
		if w.count(kindProof)+w.count(kindWelcome) != 0 {
			t.Error("somebody told him who he is")
		}
		if _, err := asB.finish(w.first(kindAnswer, inboxKey{2}).(answer)); !errors.Is(err, ErrWrongCode) {
			t.Errorf("he finishes with who shows the code: %v", err)
		}
		assertBurntForEver(t, a, c)
		assertBurntForEver(t, b, c)
	})
}

// Who changes anything on the way gains nothing but the end of the pairing.
func TestMessagesChangedOnTheWay(t *testing.T) {
	for name, change := range map[string]func(message) message{
		"hello: inbox":           func(m message) message { h, is := m.(hello); h.inbox[0] ^= 1; return either(is, h, m) },
		"hello: salt":            func(m message) message { h, is := m.(hello); h.cpace[0] ^= 1; return either(is, h, m) },
		"answer: inbox":          func(m message) message { a, is := m.(answer); a.inbox[0] ^= 1; return either(is, a, m) },
		"answer: X-Wing":         func(m message) message { a, is := m.(answer); a.wrapped[9] ^= 1; return either(is, a, m) },
		"answer: X25519's share": func(m message) message { a, is := m.(answer); a.wrapped[1119] ^= 1; return either(is, a, m) },
		"answer: tag":            func(m message) message { a, is := m.(answer); a.tag[31] ^= 1; return either(is, a, m) },
		"proof: tag":             func(m message) message { p, is := m.(proof); p.tag[31] ^= 1; return either(is, p, m) },
		"proof: party":           func(m message) message { p, is := m.(proof); p.party[9] ^= 1; return either(is, p, m) },
		"welcome: party":         func(m message) message { x, is := m.(welcome); x.party[9] ^= 1; return either(is, x, m) },
	} {
		t.Run(name, func(t *testing.T) {
			two(t, func(t *testing.T, w *world, a, b *device) {
				w.intercept(func(to inboxKey, raw []byte) bool {
					m, err := parseMessage(raw)
					if err != nil {
						t.Error(err)
						return true
					}
					w.deliver(to, change(m).append(nil))
					return false
				})
				c := NewCode(Contact)
				shown, entered := a.show(t.Context(), c), b.enter(t.Context(), typed(t, c.Words()))
				ra, rb := <-shown, <-entered
				if rb.err == nil || ra.err == nil && name != "welcome: party" {
					t.Errorf("shown: %v; entered: %v", ra.err, rb.err)
				}
			})
		})
	}
}

func either(is bool, changed, m message) message {
	if is {
		return changed
	}
	return m
}

// meetingNow is where what is entered now is left.
func meetingNow(c Code) inboxKey {
	return inboxKey(meetingKey(c.words.public, hourAt(time.Now())).Public().(ed25519.PublicKey))
}

func TestReplayAfterTheBurnIsNotAnswered(t *testing.T) {
	two(t, func(t *testing.T, w *world, a, b *device) {
		c := NewCode(Contact)
		shown := a.show(t.Context(), c)
		mustPair(t, a, b, shown, b.enter(t.Context(), typed(t, c.Words())))
		again := w.first(kindHello, meetingNow(c)).append(nil)
		next := a.show(t.Context(), NewCode(Contact))
		w.deliver(inboxKey{1}, again)
		w.deliver(meetingNow(c), append(again[:len(again):len(again)], 0))
		mustFail(t, "the next code", <-next, ErrExpired)
		if w.count(kindAnswer) != 1 {
			t.Errorf("%d answers", w.count(kindAnswer))
		}
	})
}

// What is no hello burns nothing, and does not keep the right one out.
func TestMalformedMessagesBurnNothing(t *testing.T) {
	two(t, func(t *testing.T, w *world, a, b *device) {
		c := NewCode(Contact)
		shown := a.show(t.Context(), c)
		good, err := startTyping(Contact, c.words, inboxKey{})
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(h *hello){
			"a bad point":                 func(h *hello) { h.cpace[saltSize] = 0xff; h.cpace[47] = 0xff },
			"the identity":                func(h *hello) { clear(h.cpace[saltSize:]) },
			"an X-Wing key out of range":  func(h *hello) { copy(h.key[:], bytes.Repeat([]byte{0xff}, 1184)) },
			"a point that is not reduced": func(h *hello) { copy(h.cpace[saltSize:], bytes.Repeat([]byte{0xff}, 32)) },
		} {
			bad := good.hello
			change(&bad)
			if _, err := parseMessage(bad.append(nil)); !errors.Is(err, errMessage) {
				t.Errorf("%s: %v", name, err)
			}
			w.deliver(meetingNow(c), bad.append(nil))
		}
		raw := good.hello.append(nil)
		w.deliver(meetingNow(c), append(raw, 0)) // CPace's message with 49 bytes
		w.deliver(meetingNow(c), raw[:len(raw)-1])
		w.deliver(meetingNow(c), append([]byte{2}, raw[1:]...))
		w.deliver(meetingNow(c), over{}.append(nil))
		w.deliver(meetingNow(c), nil)
		mustPair(t, a, b, shown, b.enter(t.Context(), typed(t, c.Words())))
	})
}

// The same words for another purpose are another code.
func TestLinkCodeIsNoContactCode(t *testing.T) {
	two(t, func(t *testing.T, _ *world, a, b *device) {
		c := NewCode(Link)
		shown := a.show(t.Context(), c)
		mustFail(t, "entered as a contact", <-b.enter(t.Context(), Code{purpose: Contact, words: c.words}), ErrWrongCode)
		mustFail(t, "shown as a link", <-shown, ErrWrongCode)
		assertBurntForEver(t, a, c)
	})
}

// crashing is a Memory that ends its device when it has burnt.
type crashing struct {
	Memory
	crash func()
}

func (m crashing) Burn(sum [32]byte, until time.Time) error {
	defer m.crash()
	return m.Memory.Burn(sum, until)
}

func TestRestartBetweenBurnAndAnswer(t *testing.T) {
	two(t, func(t *testing.T, w *world, a, b *device) {
		c := newLongCode(Link)
		ctx, cancel := context.WithCancel(t.Context())
		intact := a.cfg.Memory
		a.cfg.Memory = crashing{intact, cancel}
		a.restart()
		shown, entered := a.show(ctx, c), b.enter(t.Context(), typed(t, c.QR()))
		mustFail(t, "shown", <-shown, context.Canceled)
		a.cfg.Memory = intact
		a.restart()
		mustFail(t, "shown after the restart", <-a.show(t.Context(), c), ErrBurnt)
		mustFail(t, "entered", <-entered, ErrUsed)
		if w.count(kindAnswer) != 0 {
			t.Error("it was answered all the same")
		}
	})
}

// Who types burns the code before he looks at the tag, so that no crash gives a
// second try to who answers.
func TestRestartBetweenAnswerAndProof(t *testing.T) {
	two(t, func(t *testing.T, w *world, a, b *device) {
		c := NewCode(Link)
		ctx, cancel := context.WithCancel(t.Context())
		b.cfg.Memory = crashing{b.cfg.Memory, cancel}
		b.restart()
		shown := a.show(t.Context(), c)
		if o := <-b.enter(ctx, typed(t, c.Words())); o.err == nil {
			t.Error("it goes on")
		}
		mustFail(t, "shown", <-shown, ErrSilent)
		assertBurntForEver(t, b, c)
	})
}

// failing is a Memory on a disk that is full.
type failing struct{ Memory }

var errFull = errors.New("the disk is full")

func (failing) Burn([32]byte, time.Time) error { return errFull }

func TestNoAnswerWithoutTheBurnOnDisk(t *testing.T) {
	two(t, func(t *testing.T, w *world, a, b *device) {
		c := NewCode(Contact)
		a.cfg.Memory = failing{a.cfg.Memory}
		a.restart()
		shown, entered := a.show(t.Context(), c), b.enter(t.Context(), typed(t, c.Words()))
		mustFail(t, "shown", <-shown, errFull)
		mustFail(t, "entered", <-entered, ErrUsed)
		if w.count(kindAnswer) != 0 {
			t.Error("it was answered")
		}
		// And who types does not go on either.
		c = NewCode(Contact)
		b.cfg.Memory = failing{b.cfg.Memory}
		b.restart()
		a.cfg.Memory = NewLedger(a.disk)
		a.restart()
		shown = a.show(t.Context(), c)
		mustFail(t, "entered", <-b.enter(t.Context(), typed(t, c.Words())), errFull)
		mustFail(t, "shown", <-shown, ErrSilent)
		if w.count(kindProof) != 0 {
			t.Error("it was proven")
		}
	})
}

func TestTypoIsCorrectedBeforeTheExchange(t *testing.T) {
	two(t, func(t *testing.T, _ *world, a, b *device) {
		c := Code{purpose: Contact, words: part{"aardvark-goatskin", "policeman-sculpture"}, long: newLongCode(Contact).long}
		shown := a.show(t.Context(), c)
		if _, err := ParseCode("aardvark goatskin policman sculptrrue"); !errors.Is(err, ErrMalformed) {
			t.Errorf("two errors in a word: %v", err)
		}
		mustPair(t, a, b, shown, b.enter(t.Context(), typed(t, " Aardvrak.goaTskin polceman-scu ")))
	})
}

// await lets virtual time pass.
func await(d time.Duration) { <-time.After(d) }

// The code shown in one hour is entered in the next.
func TestHourBoundary(t *testing.T) {
	for name, c := range map[string]struct{ shown, entered time.Duration }{
		"just before and just after": {59*time.Minute + 59*time.Second, 60 * time.Minute},
		"long before and long after": {52 * time.Minute, 61*time.Minute + 50*time.Second},
		"both before":                {49 * time.Minute, 58*time.Minute + 59*time.Second},
		"both after":                 {60 * time.Minute, 69 * time.Minute},
		"from the middle":            {49*time.Minute + 50*time.Second, 59*time.Minute + 45*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			two(t, func(t *testing.T, _ *world, a, b *device) {
				code := NewCode(Link)
				await(c.shown)
				shown := a.show(t.Context(), code)
				await(c.entered - c.shown)
				mustPair(t, a, b, shown, b.enter(t.Context(), typed(t, code.Words())))
			})
		})
	}
}

// A device whose clock is some minutes off leaves its hello at another hour's inbox.
func TestClocksMayDifferAtTheHourBoundary(t *testing.T) {
	for name, c := range map[string]struct{ shown, theirs time.Duration }{
		"theirs is ahead":  {51 * time.Minute, 60 * time.Minute},
		"theirs is behind": {69 * time.Minute, 59 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			two(t, func(t *testing.T, w *world, a, _ *device) {
				start, code := time.Now(), NewCode(Link)
				await(c.shown)
				shown := a.show(t.Context(), code)
				typing, err := startTyping(Link, code.words, inboxKey{1})
				if err != nil {
					t.Fatal(err)
				}
				hour := hourAt(start.Add(c.theirs))
				w.deliver(inboxKey(meetingKey(code.words.public, hour).Public().(ed25519.PublicKey)), typing.hello.append(nil))
				mustFail(t, "shown", <-shown, ErrSilent)
				if _, err := typing.finish(w.first(kindAnswer, inboxKey{1}).(answer)); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// slow are inboxes where nothing can be left for a while.
type slow struct {
	*world
	until chan struct{}
}

func (s slow) Leave(ctx context.Context, owner ed25519.PublicKey, message []byte) error {
	select {
	case <-s.until:
		return s.world.Leave(ctx, owner, message)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Strangers may draw the same public part. Whoever is answered first by the right one
// pairs; else it is as if a word were wrong.
func TestTwoCodesWithTheSamePublicPart(t *testing.T) {
	for _, rightFirst := range []bool{true, false} {
		t.Run(fmt.Sprint("the right one answers first: ", rightFirst), func(t *testing.T) {
			two(t, func(t *testing.T, w *world, a, b *device) {
				stranger := newDevice(t, "stranger", w)
				c := NewCode(Contact)
				hold, late := make(chan struct{}), a
				if rightFirst {
					late = stranger
				}
				late.cfg.Inboxes = slow{w, hold}
				late.restart()
				shown, strange := a.show(t.Context(), c), stranger.show(t.Context(), wrong(c))
				entered := b.enter(t.Context(), typed(t, c.Words()))
				if rightFirst {
					mustPair(t, a, b, shown, entered)
				} else {
					mustFail(t, "entered", <-entered, ErrWrongCode)
				}
				close(hold)
				if rightFirst {
					mustFail(t, "the stranger", <-strange, ErrSilent)
					return
				}
				mustFail(t, "the stranger", <-strange, ErrWrongCode)
				mustFail(t, "shown", <-shown, ErrSilent)
			})
		})
	}
}
