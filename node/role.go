package node

import (
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"

	"github.com/passeur-p2p/passeur/node/signalling"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Role says for whom a node is there.
type Role string

const (
	// RoleOwner is an ordinary node: its owner's.
	RoleOwner Role = ""
	// RoleDHT is a bootstrap node, everyone's: it answers the DHT and keeps inboxes.
	// It has no contacts, is silent to requests, and takes no files. Its limits are
	// those of a server that strangers use.
	RoleDHT Role = "dht"
)

// errRole declines every offer to a bootstrap node.
var errRole = &filexfer.Refusal{Reason: "this is a bootstrap node, which takes no files"}

// Limits of a bootstrap node, whatever the machine's memory. Its connections are many
// and idle; what one peer or one address may have is less than elsewhere.
const (
	publicConns           = 4096 // at most; half of the file descriptors, if these are fewer
	publicLow, publicHigh = 1024, 2048
	publicTransient       = 512
	publicStreams         = 16384
	publicPeerConns       = 4
	publicPeerStreams     = 64
	publicConnsPerAddress = 32
	publicConnsPerSecond  = 100
	publicMemory          = 512 << 20
	publicPeerMemory      = 16 << 20
	publicSubscriptions   = 8192
	publicKept            = 1024 // connections of subscribers, a quarter of all
	publicInboxBytes      = 128 << 20
	publicRecordBytes     = 256 << 20
)

// What an ordinary node allows at least. libp2p's own limits grow with the machine's
// memory: on one of 1 GB they are 64 incoming connections, fewer than the connection
// manager keeps, and as many as one address may have.
const (
	ownerConns, ownerConnsInbound     = 768, 512
	ownerStreams, ownerStreamsInbound = 8192, 4096
	ownerTransient                    = 384
	ownerKept                         = ownerConnsInbound / 2 // connections of subscribers
)

// recordBytes is what an ordinary node keeps of the DHT's records.
const recordBytes = 32 << 20

// conns are the marks of the connection manager and the bound for one address.
func (r Role) conns() (low, high, perAddress, perSecond int) {
	if r == RoleDHT {
		return publicLow, publicHigh, publicConnsPerAddress, publicConnsPerSecond
	}
	return connsLow, connsHigh, connsPerAddress, connsPerSecond
}

// limits changes libp2p's for the role.
func (r Role) limits(to rcmgr.ConcreteLimitConfig) rcmgr.ConcreteLimitConfig {
	if r != RoleDHT {
		return ownerLimits(to)
	}
	all := rcmgr.ResourceLimits{
		Conns: publicConns, ConnsInbound: publicConns, ConnsOutbound: publicConns / 2,
		Streams: publicStreams, StreamsInbound: publicStreams, StreamsOutbound: publicStreams / 2,
		Memory: publicMemory,
	}
	young := rcmgr.ResourceLimits{
		Conns: publicTransient, ConnsInbound: publicTransient, ConnsOutbound: publicTransient / 2,
		Streams: 2 * publicTransient, StreamsInbound: 2 * publicTransient, StreamsOutbound: 2 * publicTransient,
	}
	one := rcmgr.ResourceLimits{
		Conns: publicPeerConns, ConnsInbound: publicPeerConns, ConnsOutbound: publicPeerConns,
		Streams: publicPeerStreams, StreamsInbound: publicPeerStreams, StreamsOutbound: publicPeerStreams,
		Memory: publicPeerMemory,
	}
	part := rcmgr.PartialLimitConfig{
		System: all, Transient: young, PeerDefault: one,
		ServiceDefault: streamsOf(all), ProtocolDefault: streamsOf(all),
		ServicePeerDefault: streamsOf(one), ProtocolPeerDefault: streamsOf(one),
	}
	return part.Build(to)
}

// ownerLimits raises what is too little for an ordinary node.
func ownerLimits(to rcmgr.ConcreteLimitConfig) rcmgr.ConcreteLimitConfig {
	part := to.ToPartialLimitConfig()
	for _, limit := range []struct {
		value *rcmgr.LimitVal
		least rcmgr.LimitVal
	}{
		{&part.System.Conns, ownerConns}, {&part.System.ConnsInbound, ownerConnsInbound}, {&part.System.ConnsOutbound, ownerConns},
		{&part.System.Streams, ownerStreams}, {&part.System.StreamsInbound, ownerStreamsInbound}, {&part.System.StreamsOutbound, ownerStreams},
		{&part.Transient.Conns, ownerTransient}, {&part.Transient.ConnsInbound, ownerTransient}, {&part.Transient.ConnsOutbound, ownerTransient},
	} {
		*limit.value = max(*limit.value, limit.least)
	}
	return part.Build(to)
}

func streamsOf(l rcmgr.ResourceLimits) rcmgr.ResourceLimits {
	return rcmgr.ResourceLimits{Streams: l.Streams, StreamsInbound: l.StreamsInbound, StreamsOutbound: l.StreamsOutbound}
}

// inboxes are the bounds of those that the node keeps for others.
func (r Role) inboxes() signalling.Limits {
	if r == RoleDHT {
		return signalling.Limits{Subscriptions: publicSubscriptions, Kept: publicKept, StoreBytes: publicInboxBytes}
	}
	return signalling.Limits{Kept: ownerKept}
}

// records is how many bytes of the DHT's records the node keeps for others.
func (r Role) records() int {
	if r == RoleDHT {
		return publicRecordBytes
	}
	return recordBytes
}
