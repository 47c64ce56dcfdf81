package membership_test

import (
	"testing"

	. "github.com/passeur-p2p/passeur/conversation/membership"
)

type are = map[string]Status

// What entries decide that did not know of each other.

func TestBanVoidsUnseenMessagesOfTheBanned(t *testing.T) {
	s, h := group(t)
	seen := s.add("m", Data, "", h)
	s.add("b", Ban, "m", seen)
	unseen := s.add("m", Data, "", seen)
	s.are(are{"m": Banned})
	s.live(seen)
	s.void(unseen)
}

func TestBanPutsOutWhoJoinedOnlyThroughTheBanned(t *testing.T) {
	s, h := group(t)
	s.add("a", Ban, "b", h)
	invite := s.add("b", Invite, "z", h)
	join := s.add("z", Join, "", invite)
	text := s.add("z", Data, "", join)
	s.are(are{"b": Banned, "z": None})
	s.void(invite, join, text)
}

func TestAdminsCannotBanEachOther(t *testing.T) {
	s, h := group(t)
	s.refused("b", Ban, "c", h)
	s.refused("c", Ban, "b", h)
	s.are(are{"b": Admin, "c": Admin})
}

func TestMutualBanOfAdminsJustPromotedVoidsNeither(t *testing.T) {
	s, h := group(t)
	h = s.add("a", Demote, "b", h)
	h = s.add("a", Demote, "c", h)
	promotedB := s.add("a1", Promote, "b", h)
	promotedC := s.add("a2", Promote, "c", h)
	byB := s.add("b", Ban, "c", promotedB)
	byC := s.add("c", Ban, "b", promotedC)
	s.are(are{"b": Admin, "c": Admin})
	s.live(promotedB, promotedC, byB, byC)
}

func TestJoinWithoutKnowingThatTheInvitationWasWithdrawn(t *testing.T) {
	s, h := group(t)
	invite := s.add("b", Invite, "z", h)
	remove := s.add("c", Remove, "z", invite)
	join := s.add("z", Join, "", invite)
	text := s.add("z", Data, "", join)
	s.are(are{"z": Left})
	s.live(invite, remove)
	s.void(join, text)
	again := s.add("b", Invite, "z", remove)
	s.add("z", Join, "", again)
	s.are(are{"z": Member})
	s.void(join, text)
}

func TestJoinWithoutKnowingOfTheBan(t *testing.T) {
	s, h := group(t)
	invite := s.add("b", Invite, "z", h)
	ban := s.add("c", Ban, "z", invite)
	join := s.add("z", Join, "", invite)
	s.are(are{"z": Banned})
	s.live(ban)
	s.void(join)
}

func TestLeaveStandsAgainstPromoteAndDemote(t *testing.T) {
	s, h := group(t)
	leave := s.add("m", Leave, "", h)
	s.add("a", Promote, "m", h)
	s.add("b", Leave, "", h)
	s.add("a", Demote, "b", h)
	s.are(are{"m": Left, "b": Left})
	s.live(leave)
}

func TestReinvitedByOneWhoHadNotSeenThePromotionIsStillAdmin(t *testing.T) {
	s, h := group(t)
	leave := s.add("m", Leave, "", h)
	s.add("a", Promote, "m", h)
	invite := s.add("b", Invite, "m", leave)
	join := s.add("m", Join, "", invite)
	s.are(are{"m": Admin})
	s.live(invite, join)
}

func TestLeaveDoesNotVoidTheMessageOfAnotherOwnDevice(t *testing.T) {
	s, h := group(t)
	leave := s.add("m1", Leave, "", h)
	text := s.add("m2", Data, "", h)
	s.are(are{"m": Left})
	s.live(leave, text)
}

func TestLeaveInviteJoinIsMemberAgain(t *testing.T) {
	s, h := group(t)
	h = s.add("m", Leave, "", h)
	s.are(are{"m": Left})
	h = s.add("b", Invite, "m", h)
	s.are(are{"m": Invited})
	h = s.add("m", Join, "", h)
	s.are(are{"m": Member})
	s.live(h)
}

func TestOneLiveInvitationSuffices(t *testing.T) {
	s, h := group(t)
	byB := s.add("b", Invite, "z", h)
	byC := s.add("c", Invite, "z", h)
	join := s.add("z", Join, "", byB, byC)
	s.add("a", Ban, "b", h)
	s.are(are{"b": Banned, "z": Member})
	s.void(byB)
	s.live(byC, join)
}

func TestPromotionByTheOwnerStandsAgainstTheBanByAnAdmin(t *testing.T) {
	s, h := group(t)
	promote := s.add("a", Promote, "m", h)
	ban := s.add("b", Ban, "m", h)
	s.are(are{"m": Admin})
	s.live(promote, ban)
	s.refused("b", Ban, "m", promote, ban)
}

func TestOwnersDevicesPromoteAndBan(t *testing.T) {
	s, h := group(t)
	s.add("a1", Promote, "m", h)
	s.add("a2", Ban, "m", h)
	s.are(are{"m": Banned})
}

func TestDemotionVoidsUnseenActsButNotTexts(t *testing.T) {
	s, h := group(t)
	s.add("a", Demote, "b", h)
	invite := s.add("b", Invite, "z", h)
	text := s.add("b", Data, "", h)
	s.are(are{"b": Member, "z": None})
	s.void(invite)
	s.live(text)
}

func TestUnbanDoesNotResurrectMessages(t *testing.T) {
	s, h := group(t)
	ban := s.add("b", Ban, "m", h)
	unban := s.add("c", Unban, "m", ban)
	text := s.add("m", Data, "", h)
	s.are(are{"m": Left})
	s.live(ban, unban)
	s.void(text)
}

func TestRevocationVoidsWhatItHadNotSeenOfTheDevice(t *testing.T) {
	s, h := group(t)
	seen := s.add("m2", Data, "", h)
	revoke := s.add("m1", Revoke, "m2", seen)
	after := s.add("m2", Data, "", seen)
	aside := s.add("m2", Data, "", h)
	s.are(are{"m": Member})
	s.live(seen, revoke)
	s.void(after, aside)
	s.refused("m2", Data, "", revoke)
}

func TestTwoOwnDevicesRevokeEachOtherAndAThirdGoesOn(t *testing.T) {
	s, h := group(t)
	text1, text2 := s.add("m1", Data, "", h), s.add("m2", Data, "", h)
	revoke2, revoke1 := s.add("m1", Revoke, "m2", text1), s.add("m2", Revoke, "m1", text2)
	s.are(are{"m": Member})
	s.void(text1, text2)
	s.live(revoke1, revoke2)
	s.live(s.add("m3", Data, "", revoke1, revoke2))
	s.refused("m1", Data, "", revoke1, revoke2)
	s.refused("m2", Data, "", revoke1, revoke2)
}

func TestVoidRevocationStillKeepsTheDeviceOut(t *testing.T) {
	s, h := group(t)
	revoke := s.add("m1", Revoke, "m2", h)
	ban := s.add("a", Ban, "m", h)
	unban := s.add("a", Unban, "m", ban, revoke)
	invite := s.add("a", Invite, "m", unban)
	join := s.add("m1", Join, "", invite)
	s.are(are{"m": Member})
	s.void(revoke)
	s.live(join)
	s.refused("m2", Data, "", join)
}

func TestBackdatedBanHidesAHistoryUntilTheOwnerCutsItOff(t *testing.T) {
	s, h := group(t)
	text := s.add("m", Data, "", h)
	vandalism := s.add("b", Ban, "m", h)
	s.are(are{"m": Banned})
	s.void(text)
	s.add("a", Ban, "b", text)
	s.are(are{"m": Member, "b": Banned})
	s.live(text)
	s.void(vandalism)
}

func TestBanFromBeforeThePromotionStandsAgainstTheAdminsLeave(t *testing.T) {
	s, h := group(t)
	promote := s.add("a", Promote, "m", h)
	leave := s.add("m", Leave, "", promote)
	s.are(are{"m": Left})
	ban := s.add("b", Ban, "m", h)
	s.live(promote, leave, ban)
	s.are(are{"m": Banned})
}

func TestRemovedAndReinvitedByOneWhoseActsAreVoidStaysOut(t *testing.T) {
	s, h := group(t)
	h = s.add("b", Invite, "z", h)
	h = s.add("z", Join, "", h)
	remove := s.add("b", Remove, "z", h)
	invite := s.add("c", Invite, "z", remove)
	join := s.add("z", Join, "", invite)
	text := s.add("z", Data, "", join)
	s.live(join, text)
	s.add("a", Ban, "c", remove)
	s.void(invite, join, text)
	s.are(are{"z": Left, "c": Banned})
}

func TestDemotionByTheOwnerIsAnAdmission(t *testing.T) {
	s, h := group(t)
	invite := s.add("b", Invite, "z", h)
	join := s.add("z", Join, "", invite)
	promote := s.add("a2", Promote, "z", join)
	demote := s.add("a1", Demote, "z", promote)
	text := s.add("z", Data, "", demote)
	s.add("a3", Ban, "b", h)
	s.void(invite, join)
	s.live(promote, demote, text)
	s.add("a3", Revoke, "a2", join)
	s.void(promote)
	s.live(demote, text)
	s.are(are{"z": Member})
}

func TestBansByTheOwnerAndAnAdminAreUndoneByTheOwnerOnly(t *testing.T) {
	s, h := group(t)
	byOwner, byAdmin := s.add("a", Ban, "m", h), s.add("b", Ban, "m", h)
	s.are(are{"m": Banned})
	s.refused("c", Unban, "m", byOwner, byAdmin)
	s.add("a", Unban, "m", byOwner, byAdmin)
	s.are(are{"m": Left})
}
