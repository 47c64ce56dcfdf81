package rerequest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// fill is a wanted file with a tree while something of it is under way: its part,
// and who brings what. What changes is guarded by Service.mu.
type fill struct {
	service *Service
	want    *want
	part    *filexfer.Part
	board   *board
	sinks   map[*rangeSink]struct{} // offers being taken
	asks    map[*piece]*ask         // pieces asked for, and not offered yet
	devices map[peer.ID]*feeder     // what is known of those that brought, or were asked
	wake    chan struct{}           // holds one: there is something new to steer by
	steered bool                    // somebody steers
	naming  bool                    // the whole file gets its name
	toldAt  time.Time               // of the last Progress

	measuredAt time.Time // the round trips of the sources

	over  chan struct{} // closed by endLocked
	ended error         // why nothing is taken any more; ErrEnough: the file is there
	since time.Time     // when it ended
}

// feeder is what a fill knows of a device.
type feeder struct {
	appearances uint64   // of the device, when it was last looked for
	reaching    bool     // a worker looks for it, or for one more connection
	asked       bool     // Asked was told
	total       int64    // bytes that it brought
	links       linkRule // its connections
}

// fillOf gives the fill of a want; it opens its part if need be.
func (s *Service) fillOf(ctx context.Context, w *want) (*fill, error) {
	w.opening.Lock()
	defer w.opening.Unlock()
	s.mu.Lock()
	f, forgotten, target := w.fill, w.forgotten, w.Target
	s.mu.Unlock()
	switch {
	case forgotten:
		return nil, ErrForgotten
	case f != nil:
		return f, nil
	}
	part, err := filexfer.OpenPart(ctx, target)
	if err != nil {
		return nil, err
	}
	f = &fill{
		service: s, want: w, part: part,
		board:   newBoard(target.Size, spansOf(part.Missing())),
		sinks:   make(map[*rangeSink]struct{}),
		asks:    make(map[*piece]*ask),
		devices: make(map[peer.ID]*feeder),
		wake:    make(chan struct{}, 1),
		over:    make(chan struct{}),
	}
	s.mu.Lock()
	w.fill = f
	s.mu.Unlock()
	return f, nil
}

// use keeps the part of a want open, and others from being asked, until unuse.
func (s *Service) use(w *want) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.users++
}

func (s *Service) unuse(w *want) {
	s.mu.Lock()
	w.users--
	left := w.forgotten && w.users == 0 && w.fill == nil // Forget has left it to who used it
	s.mu.Unlock()
	s.closeIdle(w)
	if left {
		s.removePart(w)
	}
	s.poke()
}

// closeIdle closes the part of a want for which nothing is under way: it holds
// open files. A want that is forgotten loses its part.
func (s *Service) closeIdle(w *want) {
	w.opening.Lock()
	defer w.opening.Unlock()
	s.mu.Lock()
	f, forgotten := w.fill, w.forgotten
	if f == nil || f.isBusyLocked() || w.users > 0 || len(w.asks) > 0 {
		s.mu.Unlock()
		return
	}
	w.fill = nil
	f.endLocked(ErrInterrupted)
	s.mu.Unlock()
	f.close(forgotten)
}

// close ends the part.
func (f *fill) close(remove bool) {
	end := f.part.Close
	if remove {
		end = f.part.Remove
	}
	if err := end(); err != nil {
		f.service.cfg.Logger.Warn("an unfinished file may be left", "id", f.want.Target.ID, "err", err)
	}
}

// isBusyLocked tells whether something is under way.
func (f *fill) isBusyLocked() bool {
	return len(f.sinks) > 0 || len(f.asks) > 0 || f.steered || f.naming
}

// isTakenLocked tells whether somebody brings the file, so that it is for steer to
// ask others.
func (f *fill) isTakenLocked() bool { return f.naming || len(f.board.pieces()) > 0 }

// endLocked lets nothing more be taken.
func (f *fill) endLocked(err error) {
	if f.ended == nil {
		f.ended, f.since = err, time.Now()
		close(f.over)
	}
}

func (f *fill) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// feederLocked gives the record of a device.
func (f *fill) feederLocked(id peer.ID) *feeder {
	d := f.devices[id]
	if d == nil {
		d = new(feeder)
		f.devices[id] = d
	}
	return d
}

// checkLocked looks what is there of a want, once: the file may be whole already,
// or not be storable at all, and an app may show how much there is. Some are
// looked at at a time.
func (s *Service) checkLocked(w *want) {
	if len(s.checks) == cap(s.checks) {
		return
	}
	s.checks <- struct{}{}
	w.checking = true
	w.users++
	s.running.Go(func() {
		s.check(w)
		s.mu.Lock()
		w.checking = false
		<-s.checks
		s.mu.Unlock()
		s.unuse(w)
	})
}

func (s *Service) check(w *want) {
	f, err := s.fillOf(w.ctx, w)
	if err != nil {
		s.unopened(w, "", err)
		return
	}
	s.mu.Lock()
	w.checked = true
	isWhole := f.board.isWhole() && f.ended == nil && !f.naming
	if isWhole {
		f.naming = true
	}
	s.mu.Unlock()
	s.cfg.Observe(f.progress(""))
	if isWhole {
		f.name("")
	}
}

// unopened lets a want rest whose part cannot be opened.
func (s *Service) unopened(w *want, device peer.ID, err error) {
	if w.ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	w.rest.begin(s.cfg.Retry)
	s.mu.Unlock()
	s.cfg.Observe(w.event(Freed, device, err))
}

// progress tells how much is there.
func (f *fill) progress(device peer.ID) Event {
	e := f.want.event(Progress, device, nil)
	e.Have, e.Size = f.part.Have(), f.want.Target.Size
	return e
}

// name gives the whole file its name, and ends its want. naming is set.
func (f *fill) name(device peer.ID) {
	switch err := f.part.Finish(); {
	case err == nil:
		f.done(device)
	case errors.Is(err, filexfer.ErrRange): // it wants more than before
		f.service.mu.Lock()
		f.board.want(spansOf(f.part.Missing()))
		f.naming = false
		f.service.mu.Unlock()
	default:
		f.unnamed(device, err)
	}
	f.poke()
}

// done tells that the file is there, before those hear it who wait for that.
func (f *fill) done(device peer.ID) {
	s, w := f.service, f.want
	s.mu.Lock()
	s.dropLocked(w)
	s.mu.Unlock()
	w.cancel(nil)
	done := w.event(Done, device, nil)
	done.Path, done.Have, done.Size = f.part.Path(), w.Target.Size, w.Target.Size
	done.Tree = f.part.Tree()
	s.cfg.Observe(done)
	s.mu.Lock()
	f.naming = false
	f.endLocked(filexfer.ErrEnough)
	s.mu.Unlock()
	s.poke()
}

// unnamed lets a want rest whose whole file cannot get its name.
func (f *fill) unnamed(device peer.ID, err error) {
	s, w := f.service, f.want
	s.mu.Lock()
	w.rest.begin(s.cfg.Retry)
	f.naming, w.checked, w.fill = false, false, nil
	f.endLocked(fmt.Errorf("store the file: %w", err))
	s.mu.Unlock()
	f.close(false)
	s.cfg.Observe(w.event(Freed, device, err))
}

// dropLocked takes a want off the list.
func (s *Service) dropLocked(w *want) {
	if s.wants[w.key()] == w {
		delete(s.wants, w.key())
	}
}

// judge finds out whose fault it is that an offer was not brought to its end, and
// gives the transfers that are to end with it.
func (f *fill) judgeLocked(k *rangeSink, reason error) (others []string) {
	s, w, src := f.service, f.want, k.piece.source
	m := w.marks[src.device]
	switch {
	case errors.Is(reason, ErrBadSum):
		m.wrong = true
		m.rest.begin(s.cfg.Retry)
		for other := range f.sinks {
			if other.piece.source.device == src.device {
				others = append(others, other.offer.ID)
			}
		}
		for _, other := range f.board.sources {
			other.idle = other.idle || other.device == src.device
		}
	case !errors.Is(reason, ErrInterrupted):
		w.rest.begin(s.cfg.Retry) // this side failed
	default:
		src.idle = true
		if f.linksOfLocked(src.device) == 0 && s.deviceLocked(src.device).appearances == src.appearances {
			if k.took > 0 {
				m.rest.pause = 0
			}
			m.rest.begin(s.cfg.Retry)
		}
	}
	w.marks[src.device] = m
	return others
}

// linksOfLocked is how many connections of a device are of use.
func (f *fill) linksOfLocked(id peer.ID) (n int) {
	for _, src := range f.board.sources {
		if src.device == id && !src.idle {
			n++
		}
	}
	return n
}
