package pairing

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
)

// Who meets by a file's code hears the device, and where it is, and nothing else.
func TestFileCodeTellsNeitherAccountNorName(t *testing.T) {
	two(t, func(t *testing.T, _ *world, a, b *device) {
		b.party.Account = conversation.Account{} // nor is one needed
		c := NewCode(File)
		shown, entered := a.show(t.Context(), c), b.enter(t.Context(), typed(t, c.Words()))
		for side, o := range map[string]outcome{"shows": <-shown, "enters": <-entered} {
			if o.err != nil || o.Other.Device == "" || len(o.Other.Addrs) == 0 || !o.Other.Account.IsZero() || o.Other.Name != "" {
				t.Errorf("who %s met %+v, %v", side, o.Other, o.err)
			}
		}
	})
}

// What two exchanges are for has two names, also with the same code.
func TestTransfersOfTwoExchangesDiffer(t *testing.T) {
	c := NewCode(File)
	first, second := newRun(t, c, c), newRun(t, c, c)
	x, err := first.typist.finish(first.answer)
	if err != nil {
		t.Fatal(err)
	}
	y, err := second.typist.finish(second.answer)
	if err != nil || x.transfer == y.transfer || x.transfer == x.showSeal {
		t.Errorf("%x and %x, %v", x.transfer, y.transfer, err)
	}
}

// The same words for another purpose are another code, also where a number is read as
// a word by who wrote his own node.
func TestFileCodeIsNoContactCode(t *testing.T) {
	two(t, func(t *testing.T, _ *world, a, b *device) {
		c := NewCode(File)
		shown := a.show(t.Context(), c)
		mustFail(t, "entered as a contact", <-b.enter(t.Context(), Code{purpose: Contact, words: c.words}), ErrWrongCode)
		mustFail(t, "shown for a file", <-shown, ErrWrongCode)
		assertBurntForEver(t, a, c)
	})
}

func TestSeveralFileCodesBesideTheOthers(t *testing.T) {
	two(t, func(t *testing.T, _ *world, a, b *device) {
		ctx, cancel := context.WithCancel(t.Context())
		others := []<-chan outcome{a.show(ctx, NewCode(Contact))}
		codes := make([]Code, MaxFiles)
		shown := make([]<-chan outcome, MaxFiles)
		for i := range codes {
			codes[i] = NewCode(File)
			shown[i] = a.show(t.Context(), codes[i])
		}
		synctest.Wait()
		mustFail(t, "one more", <-a.show(t.Context(), NewCode(File)), ErrFull)
		mustFail(t, "a second for a contact", <-a.show(t.Context(), NewCode(Link)), ErrLive)
		mustFail(t, "one of them again", <-a.show(t.Context(), codes[3]), ErrLive)
		mustFail(t, "one of them here", <-a.enter(t.Context(), typed(t, codes[3].Words())), ErrSelf)

		entered := make([]<-chan outcome, MaxFiles)
		for i, c := range codes {
			entered[i] = b.enter(t.Context(), typed(t, c.Words()))
		}
		seen := map[[32]byte]bool{}
		for i := range codes {
			there, here := <-shown[i], <-entered[i]
			if there.err != nil || here.err != nil || there.Transfer != here.Transfer || seen[here.Transfer] {
				t.Errorf("code %d: %v, %v", i, there.err, here.err)
			}
			seen[here.Transfer] = true
		}
		mustFail(t, "one that was used", <-b.enter(t.Context(), typed(t, codes[0].Words())), ErrBurnt)
		cancel()
		mustFail(t, "the contact's", <-others[0], context.Canceled)
	})
}

func TestSameFileCodeTwiceAtATime(t *testing.T) {
	two(t, func(t *testing.T, _ *world, _, b *device) {
		c := NewCode(File)
		first := b.enter(t.Context(), typed(t, c.Words()))
		synctest.Wait()
		mustFail(t, "the second", <-b.enter(t.Context(), typed(t, c.Words())), ErrLive)
		mustFail(t, "the first, which nobody shows", <-first, ErrUsed)
	})
}

// Codes for files may be shown without end; but not when others guess at them.
func TestGuessedFileCodesAreBounded(t *testing.T) {
	two(t, func(t *testing.T, _ *world, a, b *device) {
		for range 2 * PerHour {
			mustFail(t, "one that nobody enters", <-a.showFor(t, NewCode(File), time.Second), ErrExpired)
		}
		for range PerHour {
			c := NewCode(File)
			shown := a.show(t.Context(), c)
			mustFail(t, "a guess", <-b.enter(t.Context(), wrong(c)), ErrWrongCode)
			mustFail(t, "what was guessed at", <-shown, ErrWrongCode)
		}
		mustFail(t, "one more", <-a.show(t.Context(), NewCode(File)), ErrGuessed)
		await(time.Hour)
		mustFail(t, "an hour later", <-a.show(t.Context(), NewCode(File)), ErrExpired)
	})
}

// showFor shows a code for as long as is said.
func (d *device) showFor(t testing.TB, c Code, life time.Duration) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		r, err := d.ShowFor(t.Context(), c, d.party, life)
		done <- outcome{r, err}
	}()
	return done
}

// A code lives as long as it was made for, over many hours, and then no longer.
func TestLifetimeOfAFileCode(t *testing.T) {
	two(t, func(t *testing.T, _ *world, a, b *device) {
		began, c := time.Now(), NewCode(File)
		shown := a.showFor(t, c, MaxLifetime)
		await(MaxLifetime - time.Minute)
		mustPair(t, a, b, shown, b.enter(t.Context(), typed(t, c.Words())))
		if time.Since(began) >= MaxLifetime {
			t.Errorf("after %v", time.Since(began))
		}
		c = NewCode(File)
		shown = a.showFor(t, c, 3*time.Hour)
		await(3*time.Hour + time.Second)
		mustFail(t, "entered too late", <-b.enter(t.Context(), typed(t, c.Words())), ErrUsed)
		mustFail(t, "shown", <-shown, ErrExpired)
		for _, life := range []time.Duration{0, -time.Second, MaxLifetime + 1} {
			if o := <-a.showFor(t, NewCode(File), life); o.err == nil {
				t.Errorf("shown for %v", life)
			}
		}
	})
}
