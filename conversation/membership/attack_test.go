package membership_test

import (
	"slices"
	"testing"

	. "github.com/passeur-p2p/passeur/conversation/membership"
)

func TestAttackOutsidersWriteOnHeads(t *testing.T) {
	s, h := group(t)
	h = s.add("a", Invite, "i", h)
	h = s.add("n", Leave, "", h)
	h = s.add("b", Ban, "x", h)
	h = s.add("m1", Revoke, "m2", h)
	for _, who := range []string{"z", "i", "n", "x", "m2"} {
		s.refused(who, Data, "", h)
		s.refused(who, Invite, "y", h)
	}
	if !s.book.IsRevoked(account("m"), "m2") || s.book.IsRevoked(account("m"), "m1") || s.book.IsRevoked(account("n"), "m2") {
		t.Error("another device is revoked")
	}
}

func TestAttackBannedMemberWritesOnOldParents(t *testing.T) {
	s, h := group(t)
	s.add("b", Ban, "m", h)
	before := s.book.Members()
	text := s.add("m1", Data, "", h)
	s.void(text, s.add("m2", Data, "", text), s.add("m", Leave, "", text))
	s.unchanged(before)
	s.heads(h + 1)
}

func TestAttackBannedAdminInvitesSybilsOnOldParents(t *testing.T) {
	s, h := group(t)
	s.add("a", Ban, "b", h)
	before := s.book.Members()
	invite := s.add("b", Invite, "y", h)
	join := s.add("y", Join, "", invite)
	kick := s.add("b", Ban, "n", join)
	s.void(invite, join, s.add("y", Data, "", join), kick, s.add("b", Unban, "n", kick))
	s.unchanged(before)
	s.heads(h + 1)
}

func TestAttackOwnerWhoLeftKeepsHisOldRank(t *testing.T) {
	s, h := group(t)
	left := s.add("a1", Leave, "", h)
	s.refused("a1", Ban, "m", left)
	s.live(s.add("a2", Ban, "m", h))
	s.are(are{"a": Left, "m": Banned})
}

func TestAttackColluderBuildsOnVoidEntries(t *testing.T) {
	s, h := group(t)
	s.add("b", Ban, "m", h)
	text := s.add("m", Data, "", h)
	more := s.add("m", Data, "", text)
	colluder := s.add("n", Data, "", more)
	s.void(text, more)
	s.live(colluder)
	s.are(are{"m": Banned})
	s.heads(h+1, colluder)
}

func TestAttackRevokedDeviceBackdates(t *testing.T) {
	s, h := group(t)
	seen := s.add("b2", Data, "", h)
	revoke := s.add("b1", Revoke, "b2", seen)
	before := s.book.Members()
	s.void(s.add("b2", Data, "", h), s.add("b2", Ban, "m", h), s.add("b2", Leave, "", seen))
	s.live(seen, revoke)
	s.unchanged(before)
}

func TestAttackStolenOwnersDeviceBackdates(t *testing.T) {
	s, h := group(t)
	s.add("a1", Revoke, "a2", h)
	before := s.book.Members()
	s.void(s.add("a2", Ban, "m", h), s.add("a2", Promote, "n", h), s.add("a2", Demote, "b", h))
	s.unchanged(before)
}

// The creator left and came back as a member. That his revocation has a member's
// rank must not give the thief of his old device the time to act as the owner.
func TestAttackStolenOwnersDeviceBackdatesAfterTheOwnerCameBackAsMember(t *testing.T) {
	s, h := group(t)
	text := s.add("m", Data, "", h)
	last := s.add("a1", Leave, "", text)
	last = s.add("b", Invite, "a", last)
	last = s.add("a1", Join, "", last)
	s.add("a1", Revoke, "a2", last)
	before := s.book.Members()
	s.void(s.add("a2", Ban, "m", h), s.add("a2", Ban, "b", h))
	s.live(text)
	s.unchanged(before)
	s.are(are{"a": Member, "m": Member})
}

func TestAttackAdminActsUpwardsOrSideways(t *testing.T) {
	s, h := group(t)
	for _, whom := range []string{"a", "b", "c"} {
		s.refused("b", Ban, whom, h)
		s.refused("b", Remove, whom, h)
		s.refused("b", Demote, whom, h)
		s.refused("b", Promote, whom, h)
	}
	s.refused("b", Promote, "m", h)
	s.refused("m", Promote, "m", h)
	h = s.add("a", Ban, "m", h)
	s.refused("b", Unban, "m", h)
	s.refused("a", Ban, "a", h)
	s.refused("a", Demote, "a", h)
}

func TestAttackBackdatedBanOfAnAdminFromBeforeHisPromotion(t *testing.T) {
	s, h := group(t)
	promote := s.add("a", Promote, "m", h)
	invite := s.add("m", Invite, "z", promote)
	ban := s.add("b", Ban, "m", h)
	s.are(are{"m": Admin, "z": Invited})
	s.live(promote, invite, ban)
}

func TestAttackVandalsBackdatedBanIsUndoneWithAllThatHungOnIt(t *testing.T) {
	s, h := group(t)
	text := s.add("m", Data, "", h)
	promote := s.add("a", Promote, "m", text)
	invite := s.add("m", Invite, "z", promote)
	join := s.add("z", Join, "", invite)
	file := s.add("z", Data, "", join)
	s.add("b", Ban, "z", h)
	vandalism := s.add("b", Ban, "n", h)
	s.are(are{"n": Banned, "z": Banned})
	s.void(join, file)
	_, change, err := s.book.Add(entry("a", Ban, "b", file))
	if err != nil {
		t.Fatal(err)
	}
	s.entries = append(s.entries, entry("a", Ban, "b", file))
	s.live(text, promote, invite, join, file)
	s.void(vandalism)
	s.are(are{"n": Member, "z": Member, "b": Banned})
	if want := []int{join, file}; !slices.Equal(change.Live, want) || !change.State {
		t.Errorf("change %+v, want %v live", change, want)
	}
}

func TestAttackJoinByAnInvitationThatIsNotHis(t *testing.T) {
	s, h := group(t)
	foreign := s.add("b", Invite, "y", h)
	s.refused("z", Join, "", foreign)
	used := s.add("y", Join, "", foreign)
	s.refused("y", Join, "", used)
	left := s.add("y", Leave, "", used)
	s.refused("y", Join, "", left)
	invite := s.add("c", Invite, "z", left)
	withdrawn := s.add("b", Remove, "z", invite)
	s.refused("z", Join, "", withdrawn)
	s.void(s.add("z", Join, "", invite))
	s.are(are{"y": Left, "z": Left})
}

func TestAttackJoinTwiceFromTwoDevices(t *testing.T) {
	s, h := group(t)
	invite := s.add("b", Invite, "z", h)
	one, two := s.add("z1", Join, "", invite), s.add("z2", Join, "", invite)
	s.live(one, two)
	s.are(are{"z": Member})
	kick := s.add("b", Remove, "z", one, two)
	s.are(are{"z": Left})
	s.refused("z", Join, "", kick)
}

func TestAttackRejoinAfterBan(t *testing.T) {
	s, h := group(t)
	invite := s.add("b", Invite, "z", h)
	join := s.add("z", Join, "", invite)
	ban := s.add("b", Ban, "z", join)
	s.refused("z", Join, "", ban)
	s.refused("c", Invite, "z", ban)
	again := s.add("z2", Join, "", invite)
	s.void(again)
	s.live(join)
	s.are(are{"z": Banned})
}

// A promotion that counts no more leaves his acts void, but not his texts; these
// a ban by an admin now reaches.
func TestAttackAdminWhosePromotionWasByAStolenDevice(t *testing.T) {
	s, h := group(t)
	s.add("a1", Revoke, "a2", h)
	promote := s.add("a2", Promote, "m", h)
	kick := s.add("m", Ban, "n", promote)
	text := s.add("m", Data, "", promote)
	leave := s.add("m2", Leave, "", promote)
	s.void(promote, kick)
	s.live(text, leave)
	s.are(are{"m": Left, "n": Member})
	s.add("b", Ban, "m", h)
	s.void(text, leave)
	s.are(are{"m": Banned, "n": Member})
}

// unchanged checks that nobody's status changed.
func (s *scene) unchanged(members []MemberStatus) {
	s.t.Helper()
	if got := s.book.Members(); !slices.Equal(got, members) {
		s.t.Errorf("members were %v, are %v", members, got)
	}
	s.agrees()
}

func (s *scene) heads(want ...int) {
	s.t.Helper()
	if got := s.book.Heads(); !slices.Equal(got, want) {
		s.t.Errorf("heads are %v, want %v", got, want)
	}
}
