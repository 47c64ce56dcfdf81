package filexfer

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// View is one transfer as its own side sees it at one moment. It is a copy.
type View struct {
	// ID is the transfer's 16 hex digits. The two sides have each their own.
	ID string
	// Peer is the other device.
	Peer peer.ID
	// Incoming tells whether this side receives.
	Incoming bool
	// Name is SafeName of the file's name.
	Name string
	// Size is the announced number of bytes, Bytes how many have passed: given
	// to the stream (sender), given to the Sink (receiver).
	Size, Bytes int64
	// Offset is where in the file the Size bytes begin: of a file that is
	// continued, Offset+Bytes of Offset+Size are there.
	Offset int64
	// State is how far it has come.
	State State
	// Sum is the SHA3-512 in hex; "" until known, and for the sender of a range.
	// Of a Finished incoming transfer it was computed there, of what arrived, or
	// of the whole file if a [PartSink] holds it.
	Sum string
	// Err says why it ended badly, as an *[Error]; nil otherwise.
	Err error
	// Conn carries the transfer; nil until there is a stream.
	Conn network.Conn
	// Path is where the file lies, once an incoming transfer to a [FileSink] (or
	// any Sink with a Path method) is Finished.
	Path string
}

// quiet is the time between two reports of progress.
const quiet = 100 * time.Millisecond

// transfer is what sending and receiving have in common: what is shown of it,
// and how it is stopped. Its fields belong to the transfer's own goroutine,
// but for cancel.
type transfer struct {
	service *Service
	view    View
	cancel  context.CancelCauseFunc // safe from any goroutine
	shownAt time.Time               // of the last report

	admitted bool // guarded by service.mu: counted among the incoming
}

// enter reports a new state.
func (t *transfer) enter(s State) {
	t.view.State = s
	t.show()
}

// finish reports the end and gives what Send returns. An incoming stream that
// never became an offer was of no interest to anybody.
func (t *transfer) finish(err error) (View, error) {
	known := t.view.State != Invalid
	t.view.State, t.view.Err = Finished, err
	var ended *Error
	if errors.As(err, &ended) {
		t.view.State = ended.State
	}
	if known {
		t.show()
	}
	return t.view, err
}

// moved counts n bytes and reports it, unless the last report is fresh.
func (t *transfer) moved(n int) {
	t.view.Bytes += int64(n)
	if time.Since(t.shownAt) >= quiet {
		t.show()
	}
}

func (t *transfer) show() {
	t.shownAt = time.Now()
	if observe := t.service.cfg.Observe; observe != nil {
		observe(t.view)
	}
}

// within cancels the transfer with cause unless stop is called in time.
func (t *transfer) within(limit time.Duration, cause error) (stop func()) {
	timer := time.AfterFunc(limit, func() { t.cancel(cause) })
	return func() { timer.Stop() }
}
