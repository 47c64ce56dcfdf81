package pairing

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
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

func mustPair(t testing.TB, a, b *device, shown, entered <-chan outcome) {
	t.Helper()
	ra, rb := <-shown, <-entered
	if ra.err != nil || rb.err != nil {
		t.Fatalf("shown: %v; entered: %v", ra.err, rb.err)
	}
	if !reflect.DeepEqual(ra.Other, b.party) || !reflect.DeepEqual(rb.Other, a.party) {
		t.Errorf("%+v met %+v", rb.Other, ra.Other)
	}
	if ra.Verifier != rb.Verifier || ra.Verifier[0] == "" {
		t.Errorf("verifiers %q and %q", ra.Verifier, rb.Verifier)
	}
	if all := []Phase{Waiting, Exchange, Proven}; !slices.Equal(a.observed(), all) || !slices.Equal(b.observed(), all) {
		t.Errorf("phases %q and %q", a.observed(), b.observed())
	}
}

func mustFail(t testing.TB, what string, o outcome, want error) {
	t.Helper()
	if !errors.Is(o.err, want) {
		t.Errorf("%s: %+v, %v; want: %v", what, o.Result, o.err, want)
	}
}

func TestTwoDevicesMeetByWords(t *testing.T) {
	for _, p := range []Purpose{Link, Contact} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			a, b := newDevice(t, "a", w), newDevice(t, "b", w)
			c := NewCode(p)
			shown := a.show(t.Context(), c)
			mustPair(t, a, b, shown, b.enter(t.Context(), typed(t, c.Words())))
		})
	}
}
