package history

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/passeur-p2p/passeur/conversation"
)

const (
	maxRecords  = 16              // records that wait to be sent
	dropTimeout = 5 * time.Second // for the other side to read the last NO
)

// session is one stream with one device. Two goroutines live as long as it
// does: one reads and does what the other side says (read.go), one writes
// (write.go). The reader never waits for the writer: what is to be said is a
// note in a talk, so a device that does not read costs a note, however much
// happens meanwhile.
type session struct {
	service *Service
	device  peer.ID
	source  Source
	stream  network.Stream
	frames  *frames
	number  uint64          // in our HELLO
	ctx     context.Context // ends with the stream; its cause is why
	end     context.CancelCauseFunc
	reset   chan struct{} // closed when the stream is reset, which the end of ctx does
	over    chan struct{} // closed when the service has forgotten it
	wake    chan struct{} // the writer has something to do
	answer  batch         // the reader's: what came of the present answer

	mu       sync.Mutex
	hello    hello                        // guarded by mu: theirs, if greeted
	greeted  bool                         // guarded by mu: they said HELLO
	opened   bool                         // guarded by mu: our greeting is written
	known    bool                         // guarded by mu: Observe knows of the stream
	dropping bool                         // guarded by mu
	follow   uint32                       // guarded by mu: HEADS of their greeting still to come
	talks    map[conversation.ID]*talk    // guarded by mu
	queue    []*talk                      // guarded by mu: those with something to say
	later    map[*talk]time.Time          // guarded by mu: those with something to say then
	asked    []*talk                      // guarded by mu: our WANTs without END, in order
	wants    []want                       // guarded by mu: theirs, in order
	wanted   map[conversation.ID]struct{} // guarded by mu: the conversations of wants
	foreign  map[conversation.ID]int      // guarded by mu: their HEADS to be refused
	records  [][]byte                     // guarded by mu
	recent   recent                       // guarded by mu
	owing    int                          // guarded by mu: our HEADS without answer
	waiters  map[*waiter]struct{}         // guarded by mu
	armed    time.Time                    // guarded by mu: when the read deadline was set; zero: none
}

func newSession(s *Service, stream network.Stream, from Source) *session {
	c := &session{
		service: s,
		device:  stream.Conn().RemotePeer(),
		source:  from,
		stream:  stream,
		reset:   make(chan struct{}),
		over:    make(chan struct{}),
		wake:    make(chan struct{}, 1),
		talks:   make(map[conversation.ID]*talk),
		later:   make(map[*talk]time.Time),
		wanted:  make(map[conversation.ID]struct{}),
		foreign: make(map[conversation.ID]int),
		waiters: make(map[*waiter]struct{}),
	}
	c.frames = newFrames(listening{c, stream})
	c.ctx, c.end = context.WithCancelCause(s.ctx)
	context.AfterFunc(c.ctx, func() {
		stream.ResetWithError(codeOf(context.Cause(c.ctx)))
		close(c.reset)
	})
	return c
}

// run speaks until the stream ends, and returns when nothing of it is left.
func (c *session) run() {
	var writer sync.WaitGroup
	writer.Go(func() { c.end(c.write()) })
	c.end(c.read())
	writer.Wait()
	c.conclude()
}

// conclude is the last of a session. A breach of the rules cuts the device off.
func (c *session) conclude() {
	<-c.reset
	c.service.leave(c)
	close(c.over)
	err := context.Cause(c.ctx)
	c.mu.Lock()
	known := c.known && !errors.Is(err, errReplaced)
	c.mu.Unlock()
	if errors.Is(err, ErrProtocol) {
		until := c.service.penalties.add(c.device, time.Now())
		c.service.log.Warn("a device broke the rules", "device", c.device, "err", err, "until", until)
		c.service.cfg.Observe(Event{Kind: CutOff, Device: c.device, Err: err, Until: until})
	}
	if known {
		c.service.cfg.Observe(Event{Kind: Disconnected, Device: c.device, Err: err})
	}
}

// inherit takes over what is known of the stream that c replaces.
func (c *session) inherit(old *session) {
	old.mu.Lock()
	known := old.known
	old.mu.Unlock()
	c.mu.Lock()
	c.known = known
	c.mu.Unlock()
}

func (c *session) theirNumber() (number uint64, greeted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hello.number, c.greeted
}

func (c *session) isGreeted() bool {
	_, greeted := c.theirNumber()
	return greeted
}

// talkLocked gives the talk about a conversation, a new one if there is room;
// nil if not.
func (c *session) talkLocked(conv conversation.ID) *talk {
	t := c.talks[conv]
	if t == nil && len(c.talks) < c.service.cfg.Limits.Conversations {
		t = &talk{conv: conv}
		c.talks[conv] = t
	}
	return t
}

// hasLocked puts t in the queue of those with something to say.
func (c *session) hasLocked(t *talk) {
	if !t.queued {
		t.queued = true
		c.queue = append(c.queue, t)
	}
	c.nudge()
}

// scheduleLocked sees to it that t enters the queue at the next time at which
// it may have something to say. If such a time has passed and the writer, busy
// with others, has not seen it yet, that is now.
func (c *session) scheduleLocked(t *talk) {
	now := time.Now()
	if at, waits := c.later[t]; waits && !at.After(now) {
		c.hasLocked(t)
	}
	delete(c.later, t)
	for _, at := range []time.Time{t.tellAt, t.pull.until, t.pull.rested} {
		if was, ok := c.later[t]; at.After(now) && (!ok || at.Before(was)) {
			c.later[t] = at
		}
	}
	c.nudge()
}

// nudge makes the writer look.
func (c *session) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// listening is the stream of a session, each byte from which puts the deadline of
// reading off: who is slow is not silent.
type listening struct {
	session *session
	network.Stream
}

func (l listening) Read(p []byte) (int, error) {
	n, err := l.Stream.Read(p)
	if n > 0 {
		l.session.touch(true)
	}
	return n, err
}

// touch sets the deadline of reading: there is one while the other side owes
// something. Only what was heard moves it: what is said here meanwhile does not make
// a silent side any less so. HELLO has its own.
func (c *session) touch(heard bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch now := time.Now(); {
	case c.dropping, !c.greeted:
	case c.follow == 0 && len(c.asked) == 0 && c.owing == 0:
		if !c.armed.IsZero() {
			c.armed = time.Time{}
			c.stream.SetReadDeadline(time.Time{})
		}
	case c.armed.IsZero(), heard && now.Sub(c.armed) > time.Second:
		c.armed = now
		c.stream.SetReadDeadline(now.Add(c.service.cfg.Limits.Stall))
	}
}

// failed is an error of our own log, which is no fault of the other side.
func failed(op string, conv conversation.ID, err error) error {
	return fmt.Errorf("%w: %s of conversation %s: %w", ErrLog, op, conv, err)
}

// broke is a breach of the rules.
func broke(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrProtocol, fmt.Errorf(format, args...))
}
