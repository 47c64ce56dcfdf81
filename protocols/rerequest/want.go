package rerequest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// MaxWants bounds the files that are wanted at a time.
const MaxWants = 10_000

// maxAsks bounds the devices that are asked for one file at a time.
const maxAsks = 4

// Want is a file that is wanted here.
type Want struct {
	// Conversation and Interaction name the entry that announced it.
	Conversation, Interaction string
	// Target says where it goes. Its Size, Sum and Root are those of the whole
	// file, as the entry announced them; Sum may be "" if Root is not. With a Root
	// it is taken from several devices at a time, and verified as it comes. Its ID
	// names the part that is continued: the same ID after a restart goes on where
	// the last one ended. "" draws one.
	Target filexfer.Target
}

func (w Want) check() error {
	_, err := hex.DecodeString(w.Target.Sum)
	switch {
	case !isName(w.Conversation) || !isName(w.Interaction):
		return fmt.Errorf("rerequest: Conversation or Interaction is not 1 to %d bytes of UTF-8", MaxName)
	case w.Target.Size < 0:
		return fmt.Errorf("rerequest: Target.Size is negative")
	case w.Target.Sum == "" && w.Target.Root != "":
	case err != nil || len(w.Target.Sum) != sumDigits:
		return fmt.Errorf("rerequest: Target.Sum is no SHA3-512 in hex")
	}
	if w.Target.Root == "" {
		return nil
	}
	if _, err := sha3tree.Parse(w.Target.Root); err != nil {
		return fmt.Errorf("rerequest: Target.Root: %w", err)
	}
	return nil
}

// sumDigits is the length of a SHA3-512 in hex.
const sumDigits = 128

// Want begins to ask for a file; it does not wait. It fails with ErrWanted,
// ErrTooMany or ErrClosed.
func (s *Service) Want(w Want) error {
	if err := w.check(); err != nil {
		return err
	}
	_, err := s.enlist(w, false)
	return err
}

// enlist puts a want on the list. One that is adopted is in use, and has a tree.
func (s *Service) enlist(w Want, adopted bool) (*want, error) {
	if w.Target.ID == "" {
		w.Target.ID = newID()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	made := s.newWant(w)
	switch {
	case s.closed:
		return nil, ErrClosed
	case s.wants[made.key()] != nil:
		return nil, ErrWanted
	case len(s.wants) >= MaxWants:
		return nil, ErrTooMany
	}
	if adopted {
		made.hasTree, made.checked, made.users = true, true, 1
	}
	s.number++
	s.wants[made.key()] = made
	if made.isNamed() {
		s.unlisted[w.Conversation] = struct{}{}
	}
	s.poke()
	return made, nil
}

func newID() string {
	raw := make([]byte, 8)
	rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

// Forget ends the asking for a file and removes its part; false if it was not
// wanted. A transfer that brings it now is not ended by Forget: its next byte or
// its last fails, and then its part goes. Who will not wait for that cancels it
// by the ID that Claimed told, and calls Forget first: the end of a transfer of
// a file that is still wanted makes the next device be asked. If all bytes were
// there already, Done comes after Forget. The transfers of a file with a tree are
// ended by Forget, by Config.Cancel. One that was adopted and whose names are not known
// yet has no conversation, and its Target.ID for interaction.
func (s *Service) Forget(conversation, interaction string) bool {
	s.mu.Lock()
	k := key{conversation, interaction}
	w := s.wants[k]
	if w == nil {
		s.mu.Unlock()
		return false
	}
	delete(s.wants, k)
	w.forgotten = true
	idle := w.claim == nil && w.users == 0
	var offers []string
	if f := w.fill; f != nil {
		idle = false
		f.endLocked(ErrForgotten)
		for k := range f.sinks {
			offers = append(offers, k.offer.ID)
		}
	}
	s.mu.Unlock()
	w.cancel(ErrForgotten)
	s.end(offers)
	s.closeIdle(w)
	if idle {
		s.removePart(w)
	}
	return true
}

// key names a file.
type key struct{ conversation, interaction string }

// want is a wanted file and what is known of those who may have it. See the
// package comment for its states. What may change is guarded by Service.mu.
type want struct {
	Want
	number uint64          // those wanted first are asked for first
	ctx    context.Context // ends when it is wanted no more
	cancel context.CancelCauseFunc

	members   map[peer.ID]struct{} // of the conversation, this device left out; the map itself never changes
	marks     map[peer.ID]mark
	asks      map[peer.ID]*ask
	promised  int    // asks that were answered with OK
	claim     *claim // nil: nobody brings it now
	rest      rest   // after this side failed
	forgotten bool

	// from is the device that brought the whole part that lies here; "" if that is
	// not known, or were several. Once such a part had the wrong sum, the file is
	// taken from one device only.
	from    peer.ID
	oneOnly bool

	// A file with a tree has a fill while something of it is under way.
	hasTree  bool
	opening  sync.Mutex // held while the part is opened or closed
	fill     *fill
	users    int  // that need the part open
	checking bool // somebody checks
	checked  bool // what is there of it is known
}

// key is what a want is found by. A file that belongs to no entry yet is found by
// the ID of its part.
func (w *want) key() key {
	if !w.isNamed() {
		return key{interaction: w.Target.ID}
	}
	return key{w.Conversation, w.Interaction}
}

// isNamed tells whether the entry is known that announced the file: otherwise
// nobody can be asked for it.
func (w *want) isNamed() bool { return w.Conversation != "" && w.Interaction != "" }

func (s *Service) newWant(w Want) *want {
	ctx, cancel := context.WithCancelCause(s.ctx)
	return &want{
		Want:    w,
		number:  s.number,
		ctx:     ctx,
		cancel:  cancel,
		marks:   make(map[peer.ID]mark),
		asks:    make(map[peer.ID]*ask),
		hasTree: w.Target.Root != "",
	}
}

// mark is what a device has earned by what it did for one want.
type mark struct {
	rest  rest
	wrong bool // it brought a whole file of another sum
}

// device is what is known of a device whatever is wanted of it. Guarded by
// Service.mu.
type device struct {
	appearances uint64
	working     bool // a worker asks it
	rest        rest // it could not be reached
}

// rest is a time in which nothing is tried. Each one is twice as long as the
// one before.
type rest struct {
	until time.Time
	pause time.Duration
}

// maxRest is how many times as long as the first one a rest becomes.
const maxRest = 20

func (r *rest) begin(first time.Duration) {
	r.pause = min(max(2*r.pause, first), maxRest*first)
	r.until = time.Now().Add(r.pause)
}

func (r rest) isOver(now time.Time) bool { return !now.Before(r.until) }

// deviceLocked gives the record of a device.
func (s *Service) deviceLocked(id peer.ID) *device {
	d := s.devices[id]
	if d == nil {
		d = new(device)
		s.devices[id] = d
	}
	return d
}

// sendingPause is the first rest of a device that is sending the file already: mostly it
// has only not heard yet that this side has ended that.
const sendingPause = 500 * time.Millisecond

// tiredLocked makes a device that failed for a want with err rest, unless it has
// appeared anew since.
func (s *Service) tiredLocked(w *want, id peer.ID, appearances uint64, err error) {
	if s.deviceLocked(id).appearances != appearances {
		return
	}
	m := w.marks[id]
	if errors.Is(err, ErrSending) {
		m.rest.begin(min(sendingPause, s.cfg.Retry))
		time.AfterFunc(m.rest.pause, s.poke) // the loop looks less often by itself
	} else {
		m.rest.begin(s.cfg.Retry)
	}
	w.marks[id] = m
}

// askableLocked tells whether a device is to be asked for a want now.
func (s *Service) askableLocked(w *want, id peer.ID, now time.Time) bool {
	if !s.openLocked(w, now) {
		return false
	}
	_, isMember := w.members[id]
	m := w.marks[id]
	switch {
	case !isMember || w.asks[id] != nil || !m.rest.isOver(now):
		return false
	case m.wrong:
		return !s.hopefulLocked(w, now)
	default:
		return true
	}
}

// openLocked tells whether anybody is to be asked for a want now.
func (s *Service) openLocked(w *want, now time.Time) bool {
	_, isActive := s.active[w]
	switch {
	case w.claim != nil || w.promised > 0 || len(w.asks) >= maxAsks:
		return false
	case !isActive && len(s.active) >= s.cfg.MaxFetching:
		return false
	case w.hasTree && !w.isOpenLocked():
		return false
	default:
		return w.rest.isOver(now)
	}
}

// isOpenLocked tells whether a first source is to be looked for, of a file with a
// tree; the next ones are for the fill.
func (w *want) isOpenLocked() bool {
	return w.checked && w.users == 0 && w.isNamed() && w.Target.Root != "" && (w.fill == nil || !w.fill.isTakenLocked())
}

// hopefulLocked tells whether a want has better sources than those that gave
// wrong bytes.
func (s *Service) hopefulLocked(w *want, now time.Time) bool {
	for id := range w.members {
		d, m := s.devices[id], w.marks[id]
		if !m.wrong && m.rest.isOver(now) && (d == nil || d.rest.isOver(now)) {
			return true
		}
	}
	return false
}

// settleLocked takes a want off the active ones once nothing is under way.
func (s *Service) settleLocked(w *want) {
	if w.claim == nil && len(w.asks) == 0 && (w.fill == nil || len(w.fill.sinks) == 0) {
		delete(s.active, w)
	}
}

// startOf gives the first byte of a want that a device has to bring.
func (s *Service) startOf(w *want, id peer.ID) int64 {
	s.mu.Lock()
	anew := w.oneOnly && w.from != id
	s.mu.Unlock()
	if anew {
		return 0
	}
	return filexfer.PartSize(w.Target)
}

// removePart drops what is there of a file.
func (s *Service) removePart(w *want) {
	if err := filexfer.RemovePart(w.Target); err != nil {
		s.cfg.Logger.Warn("an unfinished file may be left", "id", w.Target.ID, "err", err)
	}
}
