package rerequest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// quiet is the time between two reports of progress.
const quiet = 100 * time.Millisecond

// rangeSink takes one offer of a range of a wanted file. Its end is moved by what
// others bring.
type rangeSink struct {
	*filexfer.RangeSink
	fill    *fill
	piece   *piece
	offer   filexfer.Offer
	adopted bool // its verdict is that of the whole file

	took   int64         // bytes; the transfer's
	failed error         // why a Write or SetSums failed; the transfer's
	gone   chan struct{} // closed by Abort
	once   sync.Once
}

var _ filexfer.TreeSink = (*rangeSink)(nil)

// Path is where the file lies once it is whole; "" before.
func (k *rangeSink) Path() string { return k.fill.part.Path() }

// SetSums learns the root of the file, too, if it was not known.
func (k *rangeSink) SetSums(ctx context.Context, t filexfer.Tree) error {
	if err := k.RangeSink.SetSums(ctx, t); err != nil {
		if ctx.Err() == nil {
			k.failed = err
		}
		return err
	}
	k.fill.summed(k.offer, t)
	return nil
}

// Write verifies and takes one unit.
func (k *rangeSink) Write(p []byte) (int, error) {
	if err := k.fill.ends(); err != nil {
		return 0, err
	}
	n, err := k.RangeSink.Write(p)
	switch {
	case errors.Is(err, filexfer.ErrEnough):
	case k.fill.ends() != nil:
		return 0, k.fill.ends()
	case err != nil:
		k.failed = err
		return n, err
	}
	k.took += int64(n)
	if enough := k.fill.delivered(k, n); enough || err != nil {
		return n, filexfer.ErrEnough
	}
	return n, nil
}

// Commit ends the piece. Who brought the last of the file waits for its name, as
// does the one who offered it first.
func (k *rangeSink) Commit() error {
	if mustWait := k.fill.committed(k); !mustWait {
		return nil
	}
	select {
	case <-k.fill.over:
	case <-k.gone:
		return ErrInterrupted
	}
	if err := k.fill.ends(); !errors.Is(err, filexfer.ErrEnough) {
		return err
	}
	return nil
}

// Abort keeps what was verified.
func (k *rangeSink) Abort() error {
	k.once.Do(func() {
		close(k.gone)
		k.fill.aborted(k)
	})
	return nil
}

// reason is why an offer was not brought to its end.
func (k *rangeSink) reason() error {
	if k.failed != nil {
		return k.failed
	}
	return ErrInterrupted
}

// ends tells why nothing is taken any more; nil while something is.
func (f *fill) ends() error {
	f.service.mu.Lock()
	defer f.service.mu.Unlock()
	if f.want.forgotten {
		return ErrForgotten
	}
	return f.ended
}

// delivered notes that n more bytes of an offer are there.
func (f *fill) delivered(k *rangeSink, n int) (enough bool) {
	s, now := f.service, time.Now()
	s.mu.Lock()
	p := k.piece
	enough = f.board.delivered(p, p.pos+int64(n), now)
	f.feederLocked(p.source.device).total += int64(n)
	if enough {
		f.board.want(spansOf(f.part.Missing()))
		f.board.extend(p)
		enough = p.isDone()
	}
	tell := enough || now.Sub(f.toldAt) >= quiet
	if tell {
		f.toldAt = now
	}
	s.mu.Unlock()
	if tell {
		s.cfg.Observe(f.progress(p.source.device))
		f.poke()
	}
	return enough
}

// committed ends the piece of an offer. When nothing is missing any more the file
// gets its name.
func (f *fill) committed(k *rangeSink) (mustWait bool) {
	s := f.service
	s.mu.Lock()
	f.dismissLocked(k)
	isLast := f.nameWholeLocked(k.offer.From)
	s.mu.Unlock()
	f.poke()
	return isLast || k.adopted
}

// nameWholeLocked has the file get its name, if nothing is missing any more and
// nobody does that yet.
func (f *fill) nameWholeLocked(from peer.ID) (begun bool) {
	s := f.service
	f.board.want(spansOf(f.part.Missing()))
	if !f.board.isWhole() || f.ended != nil || f.naming || s.closed {
		return false
	}
	f.naming = true
	s.running.Go(func() {
		f.name(from)
		s.closeIdle(f.want)
	})
	return true
}

// aborted ends an offer that was not brought to its end. Others are asked for what
// is missing.
func (f *fill) aborted(k *rangeSink) {
	s := f.service
	s.mu.Lock()
	_, isOpen := f.sinks[k] // else it was committed, and brought all that it should
	f.dismissLocked(k)
	isWanted := isOpen && f.ended == nil && !f.want.forgotten
	isWhole := isWanted && f.want.isNamed() && f.nameWholeLocked(k.offer.From) // lost after the last byte
	tell := isWanted && !isWhole
	var others []string
	if tell {
		others = f.judgeLocked(k, k.reason())
	}
	last := tell && len(f.sinks) == 0 && !f.want.isNamed()
	if last {
		s.dropLocked(f.want) // nobody can be asked for it
	}
	s.mu.Unlock()
	if tell {
		s.cfg.Observe(f.want.event(Freed, k.offer.From, k.reason()))
	}
	s.end(others)
	f.poke()
	s.closeIdle(f.want)
	s.poke()
}

// dismissLocked takes an offer and its piece off.
func (f *fill) dismissLocked(k *rangeSink) {
	if _, isOpen := f.sinks[k]; !isOpen {
		return
	}
	delete(f.sinks, k)
	f.board.release(k.piece)
	f.service.settleLocked(f.want)
}

// summed learns the root, and which entry the file belongs to, of a file that was
// offered before either was known.
func (f *fill) summed(o filexfer.Offer, t filexfer.Tree) {
	s, w := f.service, f.want
	s.mu.Lock()
	if w.Target.Root != "" || w.forgotten {
		s.mu.Unlock()
		return
	}
	w.Target.Root = f.part.Root()
	named := key{w.Conversation, t.Interaction}
	if w.Interaction == "" && isName(t.Interaction) && s.wants[named] == nil {
		s.dropLocked(w)
		w.Interaction = t.Interaction
		s.wants[w.key()] = w
		s.unlisted[w.Conversation] = struct{}{}
	}
	s.mu.Unlock()
	e := w.event(Summed, o.From, nil)
	e.Offer, e.Root = &o, w.Target.Root
	s.cfg.Observe(e)
	f.poke()
	s.poke()
}

// end ends transfers that are of no use any more.
func (s *Service) end(offers []string) {
	for _, id := range offers {
		if err := s.cfg.Cancel(id); err != nil {
			s.cfg.Logger.Debug("a transfer has ended already", "id", id, "err", err)
		}
	}
}
