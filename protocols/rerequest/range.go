package rerequest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Links knows the connections to devices.
type Links interface {
	// RTT is the round trip of a connection; 0: not known.
	RTT(c network.Conn) time.Duration
	// Another opens one more connection to a device that is connected. It may take
	// its time, and ends with ctx.
	Another(ctx context.Context, device peer.ID) (network.Conn, error)
}

// Adopt makes a want of an offer that a person has accepted: it is the first
// source, and brings all that is missing, unless others take from its end. w is as
// for [Service.Want], but that Target.Root may be "" where the offer says that the
// tree follows, and the Interaction or both names: they may come with the sums
// ([Summed]). A file of no known entry is taken from this offer alone, and is not
// wanted any more when that ends.
//
// The sink must be used. Its Commit waits until the whole file is there, and so
// its verdict is that of the file; see [filexfer.TreeSink]. Adopt fails with
// ErrWanted, ErrMismatch, ErrTooMany, ErrClosed, or as [filexfer.OpenPart] does.
func (s *Service) Adopt(ctx context.Context, w Want, o filexfer.Offer) (filexfer.TreeSink, error) {
	if err := w.checkAdopted(o); err != nil {
		return nil, err
	}
	adopted, err := s.enlist(w, true)
	if err != nil {
		return nil, err
	}
	defer s.unuse(adopted)
	f, err := s.fillOf(ctx, adopted)
	if err != nil {
		s.mu.Lock()
		s.dropLocked(adopted)
		s.mu.Unlock()
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if adopted.forgotten {
		return nil, ErrForgotten
	}
	return f.newSinkLocked(o, f.claimLocked(o), true), nil
}

// checkAdopted tells what is wrong with a want that is to be made of an offer.
func (w Want) checkAdopted(o filexfer.Offer) error {
	whole := w
	if o.Follows && w.Target.Root == "" { // both become known later
		whole.Target.Root = anyRoot
	}
	whole.Conversation, whole.Interaction = cmp.Or(w.Conversation, anyName), cmp.Or(w.Interaction, anyName)
	if err := whole.check(); err != nil {
		return err
	}
	if whole.Target.Root == "" {
		return errors.New("rerequest: Target.Root is empty, and the offer has no tree that follows")
	}
	return w.suitsRange(o)
}

// Stand-ins for what is not known yet.
const (
	anyRoot = "0000000000000000000000000000000000000000000000000000000000000000"
	anyName = "?"
)

// takeRange goes from an offer of a file with a tree to the sink that takes it.
func (s *Service) takeRange(ctx context.Context, w *want, o filexfer.Offer) (filexfer.Sink, error) {
	if err := s.cfg.Directory.Check(ctx, w.Conversation, o.From); err != nil {
		return nil, s.blame(w, o, refuse("not one of a member's devices", err))
	}
	s.mu.Lock()
	announced := w.Want // its root may just become known
	s.mu.Unlock()
	if err := announced.suitsRange(o); err != nil {
		return nil, s.blame(w, o, err)
	}
	s.use(w)
	defer s.unuse(w)
	f, err := s.fillOf(ctx, w)
	if err != nil {
		s.answered(w, o)
		if ctx.Err() == nil {
			s.unopened(w, o.From, err)
		}
		return nil, err
	}
	s.mu.Lock()
	p, err := f.acceptLocked(o)
	var k *rangeSink
	if err == nil {
		k = f.newSinkLocked(o, p, false)
	}
	s.mu.Unlock()
	switch {
	case errors.Is(err, errElsewhere):
		return nil, s.outdated(w, o, f.nextMissing())
	case err != nil:
		return nil, err
	}
	claimed := w.event(Claimed, o.From, nil)
	claimed.Offer = &o
	s.cfg.Observe(claimed)
	return k, nil
}

// answered notes that a device has offered what it was asked for.
func (s *Service) answered(w *want, o filexfer.Offer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := w.askOfLocked(o); a != nil {
		a.offeredLocked()
	}
}

// suitsRange tells what is wrong with an offer of a range at any time.
func (w Want) suitsRange(o filexfer.Offer) error {
	end := o.Offset + o.Size
	total := o.Total
	if total == 0 {
		total = end
	}
	switch {
	case total != w.Target.Size || end > w.Target.Size:
		return refuse(fmt.Sprintf("the file has %d bytes", w.Target.Size), ErrMismatch)
	case o.Root != "" && w.Target.Root != "" && o.Root != w.Target.Root:
		return refuse("the root of the tree is not the announced one", ErrMismatch)
	case o.Offset%unit != 0 || end%unit != 0 && end != w.Target.Size:
		return refuse("the range does not begin and end with a unit", ErrMismatch)
	default:
		return nil
	}
}

// errElsewhere: an offer begins elsewhere than what is missing.
var errElsewhere = errors.New("other bytes are missing")

// acceptLocked gives the piece that an offer brings: the one it was asked for; or,
// if nobody brings anything, all that it offers.
func (f *fill) acceptLocked(o filexfer.Offer) (*piece, error) {
	s, w := f.service, f.want
	asked := w.askOfLocked(o)
	if asked != nil {
		asked.offeredLocked()
	}
	_, isActive := s.active[w]
	switch {
	case s.closed:
		return nil, filexfer.ErrClosed
	case w.forgotten:
		return nil, refuse("it is not wanted any more", ErrForgotten)
	case asked != nil && asked.piece != nil:
		return f.acceptAskedLocked(asked.piece)
	case f.isTakenLocked() || f.ended != nil:
		return nil, refuse("already downloading", filexfer.ErrRefused)
	case !w.rest.isOver(time.Now()):
		return nil, refuse("it cannot be stored now", filexfer.ErrRefused)
	case !isActive && len(s.active) >= s.cfg.MaxFetching:
		return nil, filexfer.ErrBusy
	case o.Offset != f.board.next():
		return nil, errElsewhere
	}
	return f.claimLocked(o), nil
}

func (f *fill) acceptAskedLocked(p *piece) (*piece, error) {
	delete(f.asks, p)
	if p.isDone() {
		f.board.release(p)
		return nil, refuse("others have brought it meanwhile", filexfer.ErrRefused)
	}
	f.board.offered(p, time.Now())
	return p, nil
}

// claimLocked makes a source of who offers a range, and gives it what is free of
// that.
func (f *fill) claimLocked(o filexfer.Offer) *piece {
	src := f.sourceLocked(o.From, o.Conn)
	p := f.board.claim(src, span{o.Offset, o.Offset + o.Size}, time.Now())
	f.feederLocked(o.From).asked = true
	return p
}

// newSinkLocked makes what takes an offer.
func (f *fill) newSinkLocked(o filexfer.Offer, p *piece, adopted bool) *rangeSink {
	k := &rangeSink{
		RangeSink: f.part.Range(o.Offset, o.Offset+o.Size),
		fill:      f, piece: p, offer: o, adopted: adopted, gone: make(chan struct{}),
	}
	f.sinks[k] = struct{}{}
	if !adopted {
		f.service.active[f.want] = struct{}{}
	}
	f.steerLocked()
	return k
}

// nextMissing is the first byte that is free, or the end of the file.
func (f *fill) nextMissing() int64 {
	f.service.mu.Lock()
	defer f.service.mu.Unlock()
	return f.board.next()
}

// askOfLocked finds the ask that an offer answers: one of just these bytes, or the
// one by which a first source was looked for.
func (w *want) askOfLocked(o filexfer.Offer) *ask {
	if w.fill != nil {
		for p, a := range w.fill.asks {
			if a.device == o.From && p.asked == (span{o.Offset, o.Offset + o.Size}) {
				return a
			}
		}
	}
	return w.asks[o.From]
}
