package api

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/rules"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// The node's words stand in the document as closed lists. Its types know nothing of
// documents, so each has a stand-in here, of which the registry asks for the schema.
type (
	contactState   string
	verification   string
	direction      string
	transferState  string
	endCode        string
	phase          string
	memberStatus   string
	talkMode       string
	entryAction    string
	heldState      string
	pairingPurpose string
	pairingState   string
	dhtMode        string
	ruleAction     string
)

// words makes the schema of a closed list.
func words[T ~string](all ...T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, word := range all {
		s.Enum = append(s.Enum, string(word))
	}
	return s
}

func (contactState) Schema(huma.Registry) *huma.Schema {
	return words(node.Requested, node.Pending, node.Accepted)
}

func (verification) Schema(huma.Registry) *huma.Schema {
	return words(node.NotVerified, node.VerifiedByCode, node.VerifiedInPerson)
}

func (direction) Schema(huma.Registry) *huma.Schema { return words(node.Outgoing, node.Incoming) }

func (transferState) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, state := range []filexfer.State{filexfer.Created, filexfer.AwaitingPeer, filexfer.AwaitingHost, filexfer.Ongoing,
		filexfer.Finished, filexfer.ClosedByHost, filexfer.ClosedByPeer, filexfer.InvalidPath, filexfer.Unjoinable, filexfer.TimeoutExpired} {
		s.Enum = append(s.Enum, state.String())
	}
	return s
}

func (endCode) Schema(huma.Registry) *huma.Schema {
	return words(node.EndNone, node.EndRefused, node.EndCancelled, node.EndUnjoinable, node.EndBadSum, node.EndTimeout,
		node.EndLost, node.EndBadPath, node.EndWithdrawn, node.EndFailed, node.EndRestarted)
}

func (phase) Schema(huma.Registry) *huma.Schema {
	return words(node.PhaseSum, node.PhaseAsk, node.PhaseLink, node.PhaseLookup, node.PhaseFound, node.PhaseSealed,
		node.PhaseAnswered, node.PhasePair, node.PhaseTLS, node.PhaseGo, node.PhaseVerified)
}

func (memberStatus) Schema(huma.Registry) *huma.Schema {
	return words("", "invited", "member", "admin", "owner", "left", "banned")
}

func (talkMode) Schema(huma.Registry) *huma.Schema {
	return words(conversation.OneToOne, conversation.Group, conversation.Own)
}

func (entryAction) Schema(huma.Registry) *huma.Schema {
	return words(conversation.Data, conversation.Initial, conversation.Invite, conversation.Join, conversation.Leave, conversation.Remove,
		conversation.Ban, conversation.Unban, conversation.Promote, conversation.Demote, conversation.Revoke)
}

func (heldState) Schema(huma.Registry) *huma.Schema {
	return words(node.HeldHere, node.HeldUnchecked, node.HeldGone, node.HeldChanged, node.HeldUnreadable, node.HeldWithdrawn)
}

func (pairingPurpose) Schema(huma.Registry) *huma.Schema {
	return words(node.PairLink, node.PairContact, node.PairFile)
}

func (pairingState) Schema(huma.Registry) *huma.Schema {
	return words(node.PairWaiting, node.PairExchange, node.PairConnect, node.PairDone, node.PairFailed, node.PairCancelled)
}

func (dhtMode) Schema(huma.Registry) *huma.Schema { return words(node.DHTServer, node.DHTClient) }

func (ruleAction) Schema(huma.Registry) *huma.Schema {
	return words(rules.Accept, rules.Ask, rules.Refuse)
}

// nameWords has a registry ask the stand-ins.
func nameWords(r huma.Registry) {
	alias[node.ContactState, contactState](r)
	alias[node.Verification, verification](r)
	alias[node.Direction, direction](r)
	alias[filexfer.State, transferState](r)
	alias[node.EndCode, endCode](r)
	alias[node.Phase, phase](r)
	alias[node.Status, memberStatus](r)
	alias[conversation.Mode, talkMode](r)
	alias[conversation.Action, entryAction](r)
	alias[node.HeldState, heldState](r)
	alias[node.PairingPurpose, pairingPurpose](r)
	alias[node.PairingState, pairingState](r)
	alias[node.DHTMode, dhtMode](r)
	alias[rules.Action, ruleAction](r)
}

func alias[T, StandIn any](r huma.Registry) {
	r.RegisterTypeAlias(reflect.TypeFor[T](), reflect.TypeFor[StandIn]())
}

// TransformSchema closes the list of codes.
func (*Problem) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Properties["code"].Enum = allCodes()
	return s
}

// TransformSchema closes the list of failures: "", or why it failed.
func (*Pairing) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Properties["failure"].Enum = slices.Insert(allCodes(), 0, any(""))
	return s
}

// when says that a body of which one thing is true must be so: JSON Schema's words for
// what the handlers look at themselves, to say it better.
func when(condition, then string) *huma.Schema {
	return &huma.Schema{Extensions: map[string]any{"if": json.RawMessage(condition), "then": json.RawMessage(then)}}
}

// TransformSchema says what belongs to which purpose.
func (*NewPairing) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.AllOf = []*huma.Schema{
		when(`{"properties":{"purpose":{"const":"link"}}}`, `{"properties":{"name":{"const":""}}}`),
		when(`{"required":["keeper"],"properties":{"keeper":{"const":true}}}`, `{"properties":{"purpose":{"const":"link"},"code":{"const":""}}}`),
	}
	return s
}

// TransformSchema says that Before is for a ban.
func (*MemberChange) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.AllOf = []*huma.Schema{when(`{"required":["before"],"properties":{"before":{"minLength":1}}}`, `{"properties":{"action":{"const":"ban"}}}`)}
	return s
}

// TransformSchema says what excludes what.
func (*NewTransfer) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.AllOf = []*huma.Schema{
		when(`{"required":["code"],"properties":{"code":{"const":true}}}`, `{"properties":{"contact":{"const":""}}}`),
		when(`{"required":["uploads"],"properties":{"uploads":{"minItems":1}}}`, `{"properties":{"file":{"const":""},"files":{"maxItems":0}}}`),
	}
	return s
}

func allCodes() (all []any) {
	for _, c := range codes {
		all = append(all, c.code)
	}
	return all
}
