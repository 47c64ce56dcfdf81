package rerequest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/onconn"
)

const (
	// manyMissing is from how many missing bytes on more than one source is asked.
	manyMissing = 16 << 20
	// hopeless is after how long without a unit others are asked for less, too.
	hopeless = 30 * time.Second
	// maxSources bounds the connections that one file is brought over at a time.
	maxSources = 8
	// lingering is how long a transfer may take to hear that the file is there.
	lingering = 10 * time.Second
)

// steps is what a look at a fill brings about.
type steps struct {
	asks  []*ask        // pieces to be asked for
	reach []peer.ID     // devices that may have the file
	link  []peer.ID     // devices to which one more connection is to be opened
	end   []string      // transfers to be ended
	look  time.Duration // when to look again
}

// steerLocked makes somebody steer, if nobody does.
func (f *fill) steerLocked() {
	s := f.service
	if f.steered || s.closed {
		return
	}
	f.steered = true
	s.running.Go(f.steer)
}

// steer has sources asked, and given up, until nothing of the file is under way.
func (f *fill) steer() {
	s := f.service
	defer s.poke()
	defer s.closeIdle(f.want)
	for f.step() {
	}
}

// step is one look at what is going on, and the wait for the next.
func (f *fill) step() (more bool) {
	s := f.service
	f.measure()
	s.mu.Lock()
	if s.closed || len(f.sinks) == 0 && len(f.asks) == 0 && !f.naming {
		if s.closed {
			f.endLocked(filexfer.ErrClosed)
		}
		f.steered = false
		s.mu.Unlock()
		return false
	}
	todo := f.planLocked(time.Now())
	s.mu.Unlock()
	f.carryOut(todo)
	select {
	case <-f.wake:
	case <-time.After(todo.look):
	case <-s.ctx.Done():
	}
	return true
}

// measure asks for the round trips of all sources, once a second and when there is
// a new one.
func (f *fill) measure() {
	s := f.service
	s.mu.Lock()
	sources := slices.Clone(f.board.sources)
	isDue := s.cfg.Links != nil && time.Since(f.measuredAt) >= maxLook
	if isDue {
		f.measuredAt = time.Now()
	}
	s.mu.Unlock()
	for _, src := range sources {
		if !isDue || src.conn == nil {
			continue
		}
		rtt := s.cfg.Links.RTT(src.conn)
		s.mu.Lock()
		src.rtt = rtt
		s.mu.Unlock()
	}
}

// planLocked decides what to do now.
func (f *fill) planLocked(now time.Time) (todo steps) {
	todo.look = maxLook
	if f.ended != nil || f.want.forgotten {
		todo.end = f.overdueLocked(now)
		return todo
	}
	todo.end = f.stalledLocked(now)
	f.board.sources = slices.DeleteFunc(f.board.sources, func(src *source) bool { return src.idle && len(src.pieces) == 0 })
	if !f.want.isNamed() || f.want.Target.Root == "" || !f.want.rest.isOver(now) || f.naming {
		return todo
	}
	var orders []*piece
	orders, todo.look = f.board.deal(now)
	for _, p := range orders {
		todo.asks = append(todo.asks, f.askLocked(p, nil))
	}
	todo.link = f.linksLocked(now)
	todo.reach = f.othersLocked(now)
	return todo
}

func (f *fill) carryOut(todo steps) {
	s := f.service
	s.end(todo.end)
	for _, a := range todo.asks {
		s.running.Go(func() { f.pull(a) })
	}
	for _, id := range todo.reach {
		s.running.Go(func() { f.reach(id) })
	}
	for _, id := range todo.link {
		s.running.Go(func() { f.link(id) })
	}
}

// overdueLocked gives the transfers that did not hear in time that the file is
// there, or is not wanted. That of who offered it first is ended only if it hangs.
func (f *fill) overdueLocked(now time.Time) (ids []string) {
	for k := range f.sinks {
		limit := lingering
		if k.adopted {
			limit = stallAlone
		}
		if f.want.forgotten || now.Sub(f.since) > limit {
			ids = append(ids, k.offer.ID)
		}
	}
	return ids
}

// stalledLocked gives up sources that bring nothing, and gives their transfers.
func (f *fill) stalledLocked(now time.Time) (ids []string) {
	for k := range f.sinks {
		src := k.piece.source
		isSpared := k.adopted && src.waited(now) <= stallAlone // a person has accepted it
		if !isSpared && !k.piece.isDone() && f.board.isStalled(src, now) {
			src.idle = true
			ids = append(ids, k.offer.ID)
		}
	}
	return ids
}

// askLocked notes that a piece is being asked for. stream is one to the source, if
// there is one.
func (f *fill) askLocked(p *piece, stream network.Stream) *ask {
	a := &ask{
		want: f.want, device: p.source.device, appearances: p.source.appearances,
		offered: make(chan struct{}), piece: p, stream: stream,
	}
	d := f.feederLocked(p.source.device)
	a.quiet, d.asked = d.asked, true
	f.asks[p] = a
	return a
}

// pull asks a source for a piece.
func (f *fill) pull(a *ask) {
	s := f.service
	stream, err := a.stream, error(nil)
	if stream == nil {
		stream, err = s.openOver(f.want.ctx, a.piece.source)
	}
	if err == nil {
		err = s.ask(a, stream)
	}
	s.mu.Lock()
	delete(f.asks, a.piece)
	if a.promised {
		f.want.promised--
	}
	failed := err != nil && !a.wasOffered() || a.wrong != nil
	if failed {
		err = cmp.Or(a.wrong, err)
		f.board.release(a.piece)
		a.piece.source.idle = true
		if f.want.ctx.Err() == nil {
			s.tiredLocked(f.want, a.device, a.appearances, err)
		}
	}
	tell := failed && f.want.ctx.Err() == nil
	s.mu.Unlock()
	if tell {
		s.cfg.Observe(f.want.event(Denied, a.device, err))
	}
	f.poke()
}

// openOver opens a stream over the connection of a source.
func (s *Service) openOver(ctx context.Context, src *source) (network.Stream, error) {
	if src.conn == nil {
		return s.open(network.WithNoDial(ctx, "a source"), src.device)
	}
	return s.openWith(ctx, func(ctx context.Context) (network.Stream, error) { return onconn.NewStream(ctx, src.conn, ID) })
}

// othersLocked gives the members' devices that are to be looked for: those that
// may be connected, when much is missing or nothing comes.
func (f *fill) othersLocked(now time.Time) (ids []peer.ID) {
	if f.board.missing() <= manyMissing && !f.hangsLocked(now) {
		return nil
	}
	reaching := 0
	for _, d := range f.devices {
		if d.reaching {
			reaching++
		}
	}
	for id := range f.want.members {
		d, appearances := f.feederLocked(id), f.service.deviceLocked(id).appearances
		switch {
		case reaching >= maxAsks || len(f.board.sources)+reaching >= maxSources:
			return ids
		case d.reaching || f.isSourceLocked(id) || f.want.asks[id] != nil || !f.want.marks[id].rest.isOver(now) || f.want.marks[id].wrong:
		case d.appearances != appearances+1: // counted from 1: 0 was never looked for
			d.appearances, d.reaching = appearances+1, true
			reaching++
			ids = append(ids, id)
		}
	}
	return ids
}

func (f *fill) isSourceLocked(id peer.ID) bool {
	return slices.ContainsFunc(f.board.sources, func(src *source) bool { return src.device == id })
}

// hangsLocked tells that no source has brought anything for long.
func (f *fill) hangsLocked(now time.Time) bool {
	return !slices.ContainsFunc(f.board.sources, func(src *source) bool { return src.waited(now) < hopeless })
}

// reach makes a source of a device that is connected, and asks it for something.
func (f *fill) reach(id peer.ID) {
	s := f.service
	stream, err := s.open(network.WithNoDial(f.want.ctx, "only those that are connected"), id)
	s.mu.Lock()
	f.feederLocked(id).reaching = false
	if err != nil || f.ended != nil || s.closed {
		s.mu.Unlock()
		if err == nil {
			stream.Reset()
		}
		return
	}
	f.feederLocked(id).appearances = 0 // look for it again, should it be given up
	src := f.sourceLocked(id, stream.Conn())
	c, isNeeded := f.board.pick(src, time.Now())
	var a *ask
	if isNeeded {
		a = f.askLocked(f.board.take(src, c, time.Now()), stream)
	}
	s.mu.Unlock()
	if !isNeeded {
		stream.Reset()
		return
	}
	f.pull(a)
}

// sourceLocked adds a source to the board.
func (f *fill) sourceLocked(id peer.ID, conn network.Conn) *source {
	src := &source{device: id, conn: conn, appearances: f.service.deviceLocked(id).appearances}
	f.board.add(src)
	f.measuredAt = time.Time{}
	f.poke()
	return src
}

// linksLocked gives the devices to which one more connection is to be opened, and
// lets those rest that do not help.
func (f *fill) linksLocked(now time.Time) (ids []peer.ID) {
	if f.service.cfg.Links == nil {
		return nil
	}
	for _, src := range slices.Clone(f.board.sources) {
		d := f.feederLocked(src.device)
		if d.reaching || src.idle || !src.flows() || len(f.board.sources) >= maxSources {
			continue
		}
		switch d.links.look(now, src.rtt, d.total, f.board.missing()) {
		case linkOpen:
			d.reaching = true
			ids = append(ids, src.device)
		case linkRest:
			f.restLastLocked(src.device)
		}
	}
	return ids
}

// restLastLocked asks nothing more of the last connection to a device.
func (f *fill) restLastLocked(id peer.ID) {
	for _, src := range slices.Backward(f.board.sources) {
		if src.device == id && !src.idle {
			src.idle = true
			return
		}
	}
}

// link opens one more connection to a device.
func (f *fill) link(id peer.ID) {
	s := f.service
	ctx, cancel := context.WithTimeout(f.want.ctx, s.cfg.AskTimeout)
	defer cancel()
	conn, err := s.cfg.Links.Another(ctx, id)
	s.mu.Lock()
	d := f.feederLocked(id)
	d.reaching = false
	isNew := err == nil && f.ended == nil && !slices.ContainsFunc(f.board.sources, func(src *source) bool { return src.conn == conn })
	if isNew {
		f.sourceLocked(id, conn)
		d.links.opened(time.Now(), d.total)
	} else {
		d.links.failed()
	}
	s.mu.Unlock()
	if isNew {
		s.cfg.Observe(f.want.event(Linked, id, nil))
	}
	f.poke()
}
