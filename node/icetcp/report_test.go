package icetcp

import (
	"net/netip"
	"testing"
)

// A nominated pair is found among those that were tried, also where its dial left from
// another port than the candidate's, or came through a relay.
func TestNominatedPair(t *testing.T) {
	at := netip.MustParseAddrPort
	candidate, remote := at("10.0.0.1:4001"), at("10.0.0.2:4002")
	ses := &session{bases: map[netip.Addr]*base{candidate.Addr(): {addr: candidate}}}
	for name, test := range map[string]struct {
		s    *socket
		want tuple
	}{
		"its port":     {&socket{tuple: tuple{candidate, remote}}, tuple{candidate, remote}},
		"another port": {&socket{tuple: tuple{at("10.0.0.1:50000"), remote}}, tuple{candidate, remote}},
		"a relay":      {&socket{tuple: tuple{at("203.0.113.1:5"), remote}, relay: "turn:t"}, tuple{at("203.0.113.1:5"), remote}},
	} {
		ses.attempts = nil
		if ses.nominated(test.s); len(ses.attempts) != 1 || ses.attempts[test.want] == nil || !ses.attempts[test.want].Nominated {
			t.Errorf("%s: %v", name, ses.attempts)
		}
	}
}
