package rerequest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Host is the little that asking needs of a libp2p host. NewStream may dial,
// and may take long for a device that is off, unless ctx comes from
// network.WithNoDial.
type Host interface {
	NewStream(ctx context.Context, p peer.ID, pids ...protocol.ID) (network.Stream, error)
}

// Book knows which files lie here.
type Book interface {
	// Held gives the whole file that the entry announced, with its Sum, and its
	// Root and Tree if it has one: the bytes that lie here are those that were
	// announced. It fails with ErrNotHeld,
	// ErrChanged, ErrUnknownConversation, ErrUnknownEntry or ErrNotAFile. It is
	// asked once a request and must not hash each time. What Open of the file
	// gives must be an io.Seeker for a part to be served.
	Held(ctx context.Context, conversation, interaction string) (filexfer.File, error)
}

// Directory knows whose devices may have the files of a conversation.
type Directory interface {
	// Check returns nil if the device is a listed, unrevoked one of a member. It
	// fails with ErrNotMember, ErrRevoked or ErrUnknownConversation.
	Check(ctx context.Context, conversation string, device peer.ID) error
	// Devices gives the devices of all members, those of this account too. This
	// one may be among them.
	Devices(ctx context.Context, conversation string) ([]peer.ID, error)
}

// Sender offers a file to a device and returns when that has ended. A
// *filexfer.Service is one.
type Sender interface {
	Send(ctx context.Context, to peer.ID, f filexfer.File) (filexfer.View, error)
}

var _ Sender = (*filexfer.Service)(nil)

// Config of a Service. Self and Directory are needed; without Book and Files
// nothing is served.
type Config struct {
	// Self is this device.
	Self peer.ID
	// Directory says who may ask and who is asked, and whose offers are taken.
	Directory Directory
	// Book says what can be served. Nil: nothing.
	Book Book
	// Files carries what is served. Needed if there is a Book.
	Files Sender
	// MaxServing and MaxServingPerPeer bound the files that are being served at a
	// time, in all (the same file to two devices counts twice) and to one device.
	// More are denied with "busy". 0: 16 and 4. Of a file with a tree 8 ranges go
	// to a device at a time, of all files 4 times as many as there may be files.
	MaxServing, MaxServingPerPeer int
	// MaxFetching bounds the files that are being asked for or taken at a time.
	// 0: 8.
	MaxFetching int
	// AskTimeout is how long a device may take to be reached, then to answer, then
	// to offer what it promised. 0: 1 min.
	AskTimeout time.Duration
	// Retry is after how long a device is asked again that could not be reached,
	// denied or broke off; it doubles up to 20 times as much. 0: 30 s.
	Retry time.Duration
	// Cancel ends a transfer by the ID of its offer, as filexfer.Service.Cancel
	// does: one that hangs, or is of no use any more. Nil: that of Files, if it has
	// one; else such transfers end by filexfer.Config.StallTimeout.
	Cancel func(id string) error
	// Links opens more connections to one device. Nil: one is used.
	Links Links
	// Observe is told what happens. It is called from many goroutines, the calls
	// of one ask or one claim in their order, and must not block. Nil: nobody is
	// told.
	Observe func(Event)
	// Logger takes what is of no interest to the user. Nil: nothing is logged.
	Logger *slog.Logger
}

// fill puts the defaults where nothing is said.
func (c *Config) fill() error {
	switch {
	case c.Self == "":
		return errors.New("rerequest: Config.Self is empty")
	case c.Directory == nil:
		return errors.New("rerequest: Config.Directory is nil")
	case c.Book != nil && c.Files == nil:
		return errors.New("rerequest: Config.Files is nil, and Config.Book is not")
	}
	if c.Book == nil {
		c.Book = emptyBook{}
	}
	if files, ok := c.Files.(interface{ Cancel(string) error }); ok && c.Cancel == nil {
		c.Cancel = files.Cancel
	}
	if c.Cancel == nil {
		c.Cancel = func(string) error { return nil }
	}
	if c.Observe == nil {
		c.Observe = func(Event) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c.fillLimits()
}

func (c *Config) fillLimits() error {
	for _, n := range []struct {
		field     string
		value     *int
		byDefault int
	}{
		{"MaxServing", &c.MaxServing, 16},
		{"MaxServingPerPeer", &c.MaxServingPerPeer, 4},
		{"MaxFetching", &c.MaxFetching, 8},
	} {
		if *n.value < 0 {
			return fmt.Errorf("rerequest: Config.%s is negative", n.field)
		}
		if *n.value == 0 {
			*n.value = n.byDefault
		}
	}
	for _, d := range []struct {
		field     string
		value     *time.Duration
		byDefault time.Duration
	}{
		{"AskTimeout", &c.AskTimeout, time.Minute},
		{"Retry", &c.Retry, 30 * time.Second},
	} {
		if *d.value < 0 {
			return fmt.Errorf("rerequest: Config.%s is negative", d.field)
		}
		if *d.value == 0 {
			*d.value = d.byDefault
		}
	}
	return nil
}

// emptyBook holds nothing.
type emptyBook struct{}

func (emptyBook) Held(context.Context, string, string) (filexfer.File, error) {
	return filexfer.File{}, ErrNotHeld
}
