package history

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/passeur-p2p/passeur/conversation"
)

// Config of a Service. Log and SourceOf are needed; without the rest nothing is
// read, taken or told. The functions are called from many goroutines, are asked
// again for each answer, and must not block.
type Config struct {
	// Log keeps the conversations.
	Log Log
	// SourceOf tells whose device it is; false refuses its streams. It should
	// know revoked devices for strangers.
	SourceOf func(device peer.ID) (Source, bool)
	// Shared lists the conversations that the device may read, those first that
	// matter most.
	Shared func(device peer.ID) []conversation.ID
	// Reads tells whether one conversation is among Shared. Nil: looks in Shared.
	Reads func(device peer.ID, conv conversation.ID) bool
	// Accepts tells whether the device may give us entries of a conversation,
	// which need not be here yet.
	Accepts func(device peer.ID, conv conversation.ID) bool
	// Proof gives the entry that took the right to read from the device, for it
	// to see why. Nil, or false: it is not told.
	Proof func(device peer.ID, conv conversation.ID) (conversation.Raw, bool)
	// Records lists the account records that a device should have, each at most
	// MaxRecord; they follow HELLO.
	Records func(device peer.ID) [][]byte
	// OnRecord is given each record that comes. They are not checked in any way.
	OnRecord func(from peer.ID, raw []byte)
	// Observe is told what happens. The calls of one device come one after the
	// other.
	Observe func(Event)
	// Limits of what a device may cost.
	Limits Limits
	// Logger takes what is of no interest to the user. Nil: nothing is logged.
	Logger *slog.Logger
}

// Limits bound the memory and the patience for one device. Zero means the
// default.
type Limits struct {
	// Entries and Bytes bound an answer, taken or given; the last entry may go
	// beyond Bytes. A stream holds at most two answers in memory. 0: 512 and 1 MiB.
	Entries, Bytes int
	// Conversations bound those that one stream speaks of, and, counted apart,
	// those it refuses. 0: 4096.
	Conversations int
	// Streams bounds the devices that are connected at a time. 0: 1024.
	Streams int
	// Coalesce is how long HEADS wait for further changes. 0: 100 ms.
	Coalesce time.Duration
	// Retry is after how long a paused or deferred conversation is asked for
	// again; it doubles up to 64 times as much. 0: 1 min.
	Retry time.Duration
	// Stall is how long the other side may keep silent while it owes an answer,
	// or not read. 0: 5 min.
	Stall time.Duration
	// Hello is how long the first message may take. 0: 30 s.
	Hello time.Duration
}

func (c *Config) fill() error {
	if c.Log == nil {
		return errors.New("history: Config.Log is nil")
	}
	if c.SourceOf == nil {
		return errors.New("history: Config.SourceOf is nil")
	}
	c.fillFunctions()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c.Limits.fill()
}

func (c *Config) fillFunctions() {
	if c.Shared == nil {
		c.Shared = func(peer.ID) []conversation.ID { return nil }
	}
	if c.Reads == nil {
		c.Reads = c.readsShared
	}
	if c.Accepts == nil {
		c.Accepts = func(peer.ID, conversation.ID) bool { return false }
	}
	if c.Proof == nil {
		c.Proof = func(peer.ID, conversation.ID) (conversation.Raw, bool) { return conversation.Raw{}, false }
	}
	if c.Records == nil {
		c.Records = func(peer.ID) [][]byte { return nil }
	}
	if c.OnRecord == nil {
		c.OnRecord = func(peer.ID, []byte) {}
	}
	if c.Observe == nil {
		c.Observe = func(Event) {}
	}
}

func (c *Config) readsShared(device peer.ID, conv conversation.ID) bool {
	for _, shared := range c.Shared(device) {
		if shared == conv {
			return true
		}
	}
	return false
}

func (l *Limits) fill() error {
	for _, n := range []struct {
		field          string
		value          *int
		byDefault, max int
	}{
		{"Entries", &l.Entries, 512, 1<<16 - 1},
		{"Bytes", &l.Bytes, 1 << 20, 1<<31 - 1},
		{"Conversations", &l.Conversations, 4096, 1 << 20},
		{"Streams", &l.Streams, 1024, 1 << 20},
	} {
		if *n.value < 0 || *n.value > n.max {
			return fmt.Errorf("history: Config.Limits.%s is %d, not 0 to %d", n.field, *n.value, n.max)
		}
		if *n.value == 0 {
			*n.value = n.byDefault
		}
	}
	return l.fillTimes()
}

func (l *Limits) fillTimes() error {
	for _, d := range []struct {
		field     string
		value     *time.Duration
		byDefault time.Duration
	}{
		{"Coalesce", &l.Coalesce, 100 * time.Millisecond},
		{"Retry", &l.Retry, time.Minute},
		{"Stall", &l.Stall, 5 * time.Minute},
		{"Hello", &l.Hello, 30 * time.Second},
	} {
		if *d.value < 0 {
			return fmt.Errorf("history: Config.Limits.%s is negative", d.field)
		}
		if *d.value == 0 {
			*d.value = d.byDefault
		}
	}
	return nil
}
