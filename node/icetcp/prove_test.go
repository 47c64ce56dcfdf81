package icetcp

import (
	"testing"

	"github.com/pion/stun"
)

// TestProven: what shows that the peer is at the other end, and what does not.
func TestProven(t *testing.T) {
	m := newTestMux(t)
	ses, _ := newTestSession(t, m)
	other, _ := newTestSession(t, m)
	peer := credentials{"abcdefgh", "the peer's own"}
	answer := func(pwd string) []byte {
		return stun.MustBuild(stun.TransactionID, stun.BindingSuccess, stun.NewShortTermIntegrity(pwd)).Raw
	}
	cases := []struct {
		what   string
		frame  []byte
		proven bool
	}{
		{"its answer", answer(peer.pwd), true},
		{"its check", check(t, ses.local, peer.ufrag), false},
		{"somebody's answer", answer(ses.local.pwd), false},
		{"an answer without integrity", stun.MustBuild(stun.TransactionID, stun.BindingSuccess).Raw, false},
		{"a check that names another", check(t, ses.local, "hgfedcba"), false},
		{"a check with a wrong password", check(t, credentials{ses.local.ufrag, "x"}, peer.ufrag), false},
		{"a check of another session", check(t, other.local, peer.ufrag), false},
		{"an indication", stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodBinding, stun.ClassIndication)).Raw, false},
		{"no STUN", []byte("hello"), false},
	}
	try := func(f []byte) bool {
		s := &socket{}
		ses.prove(s, f)
		for len(ses.proven) > 0 {
			<-ses.proven
		}
		return s.proven
	}
	for _, c := range cases { // nobody is known yet
		if try(c.frame) {
			t.Errorf("before the answer to the offer: %s is a proof", c.what)
		}
	}
	ses.start(peer, true, nil)
	for _, c := range cases {
		if got := try(c.frame); got != c.proven {
			t.Errorf("%s: proven is %v", c.what, got)
		}
	}
}
