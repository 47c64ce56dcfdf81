package membership_test

import (
	"testing"

	. "github.com/passeur-p2p/passeur/conversation/membership"
)

// pair is a one-to-one conversation that a began with b, who joined.
func pair(t *testing.T) (s *scene, last int) {
	s = &scene{t: t, book: NewBook()}
	first := s.add("a", Initial, "b")
	s.are(are{"a": Owner, "b": Invited})
	return s, s.add("b", Join, "", first)
}

func TestBetweenTwoTheOtherIsInvitedByTheFirstEntry(t *testing.T) {
	s, h := pair(t)
	s.are(are{"a": Owner, "b": Member})
	s.live(h, s.add("b", Data, "", h), s.add("a", Data, "", h))
	if s.book.Mode() != OneToOne || s.book.With() != account("b") || s.book.Creator() != account("a") {
		t.Error("the book mixes up who is who")
	}
}

func TestBetweenTwoTheOtherMayDecline(t *testing.T) {
	s := &scene{t: t, book: NewBook()}
	first := s.add("a", Initial, "b")
	declined := s.add("b", Leave, "", first)
	s.are(are{"b": Left})
	s.live(declined)
	s.refused("b", Join, "", declined)
	again := s.add("a", Invite, "b", declined)
	s.live(s.add("b", Join, "", again))
	s.are(are{"b": Member})
}

func TestBetweenTwoEitherMayReinviteTheOther(t *testing.T) {
	s, h := pair(t)
	left := s.add("a", Leave, "", h)
	s.are(are{"a": Left, "b": Member})
	s.refused("a", Data, "", left)
	invite := s.add("b", Invite, "a", left)
	join := s.add("a", Join, "", invite)
	s.live(left, invite, join)
	s.are(are{"a": Member, "b": Member})
	left = s.add("b", Leave, "", join)
	invite = s.add("a", Invite, "b", left)
	s.live(invite, s.add("b", Join, "", invite))
	s.are(are{"a": Member, "b": Member})
}

func TestBetweenTwoNobodyIsAboveTheOther(t *testing.T) {
	s, h := pair(t)
	for _, whom := range []string{"a", "b", "z"} {
		s.refused("a", Remove, whom, h)
		s.refused("a", Ban, whom, h)
		s.refused("a", Unban, whom, h)
		s.refused("a", Promote, whom, h)
		s.refused("a", Demote, whom, h)
		s.refused("b", Remove, whom, h)
		s.refused("b", Ban, whom, h)
	}
	s.refused("a", Invite, "z", h)
	s.refused("b", Invite, "z", h)
	s.refused("a", Invite, "b", h)
	s.refused("z", Data, "", h)
}

func TestBetweenTwoDevicesAreRevoked(t *testing.T) {
	s, h := pair(t)
	seen := s.add("b2", Data, "", h)
	revoke := s.add("b1", Revoke, "b2", seen)
	unseen := s.add("b2", Data, "", seen)
	s.live(seen, revoke)
	s.void(unseen)
	s.refused("b2", Data, "", revoke)
	s.agrees()
}

func TestOwnConversationIsForTheOwnDevicesOnly(t *testing.T) {
	s := &scene{t: t, book: NewBook()}
	e := entry("a1", Initial, "")
	e.Mode = Own
	first, _, err := s.book.Add(e)
	if err != nil {
		t.Fatal(err)
	}
	s.entries = append(s.entries, e)
	text := s.add("a2", Data, "", first)
	revoke := s.add("a1", Revoke, "a3", text)
	s.live(first, text, revoke, s.add("a2", Data, "", revoke))
	s.refused("a3", Data, "", revoke)
	s.refused("b1", Data, "", revoke)
	s.refused("a1", Leave, "", revoke)
	s.refused("a1", Join, "", revoke)
	s.refused("a1", Invite, "b", revoke)
	s.refused("a1", Ban, "b", revoke)
	s.are(are{"a": Owner, "b": None})
}
