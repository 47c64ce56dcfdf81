package signalling

import (
	"cmp"
	"fmt"
	"time"
)

const (
	// Replicas is how many of the closest servers keep an inbox.
	Replicas = 8
	// RequestTTL is how long a sealed request is good for; a Request that waits
	// longer seals it anew.
	RequestTTL = time.Minute
	// ClockGrace is how far two devices' clocks may differ.
	ClockGrace = 2 * time.Minute
)

// Limits bound what others can cost this node. The zero value of each field
// means its default.
type Limits struct {
	// As a server of inboxes.

	// InboxMessages is how many messages one inbox holds (64).
	InboxMessages int
	// SenderMessages is how many of them may be one sender's (8).
	SenderMessages int
	// StoreBytes bounds all inboxes together, with 512 bytes of overhead a message (32 MiB).
	StoreBytes int
	// Subscriptions is how many devices' inboxes are pushed at a time (1024). One
	// source address may hold an eighth of them.
	Subscriptions int
	// Kept is how many connections of subscribers the connection manager is kept from
	// closing (256), those of one source address an eighth of them.
	Kept int
	// SourceRate and SourceBurst bound subscribes and puts of one source address: an
	// IPv4 address or an IPv6 /64 (8 a second, 64 at once).
	SourceRate, SourceBurst float64

	// As a recipient.

	// SenderRate and SenderBurst bound the requests of one device (1 a second, 16 at
	// once).
	SenderRate, SenderBurst float64
	// Handlers is how many requests are admitted and handled at a time (64), half of
	// them of devices that were never admitted before. One device gets at most an
	// eighth.
	Handlers int
	// HandlerTimeout ends the context of Admit and of a Handler (30 s).
	HandlerTimeout time.Duration
	// Sessions is how many requests are remembered with their answers until they
	// expire (1024), one device's at most a sixteenth of them.
	Sessions int

	// As a sender.

	// Requests is how many requests of our own may be under way (256).
	Requests int
}

func (l Limits) withDefaults() (Limits, error) {
	l.InboxMessages = cmp.Or(l.InboxMessages, 64)
	l.SenderMessages = cmp.Or(l.SenderMessages, 8)
	l.StoreBytes = cmp.Or(l.StoreBytes, 32<<20)
	l.Subscriptions = cmp.Or(l.Subscriptions, 1024)
	l.Kept = cmp.Or(l.Kept, 256)
	l.SourceRate = cmp.Or(l.SourceRate, 8)
	l.SourceBurst = cmp.Or(l.SourceBurst, 64)
	l.SenderRate = cmp.Or(l.SenderRate, 1)
	l.SenderBurst = cmp.Or(l.SenderBurst, 16)
	l.Handlers = cmp.Or(l.Handlers, 64)
	l.HandlerTimeout = cmp.Or(l.HandlerTimeout, 30*time.Second)
	l.Sessions = cmp.Or(l.Sessions, 1024)
	l.Requests = cmp.Or(l.Requests, 256)
	for name, negative := range map[string]bool{
		"InboxMessages": l.InboxMessages < 0, "SenderMessages": l.SenderMessages < 0, "StoreBytes": l.StoreBytes < 0,
		"Subscriptions": l.Subscriptions < 0, "Kept": l.Kept < 0, "SourceRate": l.SourceRate < 0, "SourceBurst": l.SourceBurst < 0,
		"SenderRate": l.SenderRate < 0, "SenderBurst": l.SenderBurst < 0, "Handlers": l.Handlers < 0,
		"HandlerTimeout": l.HandlerTimeout < 0, "Sessions": l.Sessions < 0, "Requests": l.Requests < 0,
	} {
		if negative {
			return l, fmt.Errorf("signalling: Limits.%s is negative", name)
		}
	}
	return l, nil
}

func (l Limits) handlersOfStrangers() int { return max(1, l.Handlers/2) }
func (l Limits) handlersOfOne() int       { return max(1, l.Handlers/8) }
func (l Limits) sessionsOfOne() int       { return max(1, l.Sessions/16) }

// Times that are nobody's business to change.
const (
	frameTimeout   = 10 * time.Second // to receive or send one frame once a stream stands
	openTimeout    = 10 * time.Second // to dial and to open a stream
	lookupTimeout  = 20 * time.Second // to find the closest servers
	keyTimeout     = 5 * time.Second  // to look up the recipient's key
	lease          = 30 * time.Minute // after which a server ends a subscription, to be asked for anew
	sweepInterval  = 10 * time.Second
	resubscribe    = time.Minute      // between two looks at who the closest servers are
	closestTTL     = 30 * time.Minute // of a closest set that does its work
	ackTimeout     = 3 * time.Second  // for ok on a direct stream
	directPatience = 10 * time.Second
	resealBefore   = 15 * time.Second // of a sealed request's expiry
	resendFirst    = time.Second
	resendLast     = 8 * time.Second
	answerAgain    = 2 * time.Second // least time between two sendings of one answer
)
