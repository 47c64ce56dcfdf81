package node

import (
	"errors"
	"fmt"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/sockopt"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
)

// observeTransfer takes over what filexfer reports: of a part of an outgoing
// transfer, of an offer, or of an offer that brings a wanted file.
func (n *Node) observeTransfer(v filexfer.View) {
	if n.followOneShot(v) {
		return
	}
	if !v.Incoming {
		if v.State == filexfer.Ongoing && v.Conn != nil {
			sockopt.Of(v.Conn).Suit() // what the path is like shows when bytes flow
		}
		if n.pulls.follow(v) {
			return
		}
		n.transfers.changePart(v.ID, v.Peer, conversation.Account{}, func(p *Part) {
			if p.follow(v); p.State == filexfer.ClosedByHost && n.ctx.Err() != nil {
				p.Code, p.Reason = EndRestarted, stoppedReason
			}
		})
		return
	}
	if id, wanted := n.transfers.brings(v.ID); wanted {
		n.followWanted(id, v)
		return
	}
	if v.State == filexfer.Finished {
		n.holdCame(v)
	}
	n.followOffer(v)
}

// holdCame notes where a file lies that has come, before it is told.
func (n *Node) holdCame(v filexfer.View) {
	t, _ := n.transfers.get(v.ID)
	t.File, t.Sum, t.Tree = v.Path, v.Sum, ""
	if err := n.holdSurely(v.Path, func() error { return n.hold(t, store.Tree{}) }); err != nil {
		n.log.Error("a file that came cannot be given to others", "file", v.Path, "error", err)
	}
}

func (n *Node) followOffer(v filexfer.View) {
	var t Transfer
	n.transfers.change(v.ID, func(e *entry) {
		e.follow(v)
		switch {
		case interrupted(v.Err) && e.recoverable():
			e.becomeWanted(func() { n.forget(v.ID) })
		case e.State == filexfer.ClosedByHost && n.ctx.Err() != nil:
			e.Code, e.Reason = EndRestarted, stoppedReason
		}
		t = e.Transfer
	})
	switch {
	case v.Err == nil || !t.recoverable():
	case t.State.Final():
		n.removePart(t)
	case n.ctx.Err() == nil:
		n.want(v.ID)
	}
}

// removePart removes what came of a file that nobody wants any more.
func (n *Node) removePart(t Transfer) { n.removePartOf(n.goal(t)) }

// removePartOf removes what lies at target. Who has brought it may need a moment more to
// close it.
func (n *Node) removePartOf(target filexfer.Target) {
	err := filexfer.RemovePart(target)
	if errors.Is(err, filexfer.ErrInUse) && n.goRun(func() { n.mayBeLeft(target, n.removeSoon(target)) }) {
		return
	}
	n.mayBeLeft(target, err)
}

// removeSoon tries again until nobody has it open, for ten seconds.
func (n *Node) removeSoon(target filexfer.Target) (err error) {
	for pause := 10 * time.Millisecond; pause < 10*time.Second; pause *= 2 {
		select {
		case <-time.After(pause):
		case <-n.ctx.Done():
			return filexfer.ErrInUse
		}
		if err = filexfer.RemovePart(target); !errors.Is(err, filexfer.ErrInUse) {
			return err
		}
	}
	return err
}

func (n *Node) mayBeLeft(target filexfer.Target, err error) {
	if err != nil {
		n.log.Warn("an unfinished file may be left", "transfer", target.ID, "error", err)
	}
}

// interrupted tells whether a transfer ended without anybody wanting it to, by what may
// be over soon: a disk that is full is, too.
func interrupted(err error) bool {
	return errors.Is(err, filexfer.ErrLost) || errors.Is(err, filexfer.ErrStalled) || errors.Is(err, filexfer.ErrClosed) ||
		errors.Is(err, rerequest.ErrInterrupted) || errors.Is(err, ErrNoSpace)
}

// becomeWanted has an accepted file asked for again.
func (e *entry) becomeWanted(forget func()) {
	e.State, e.Code, e.Reason = filexfer.Created, EndNone, ""
	if e.release != nil {
		e.release()
	}
	e.cancel, e.release = forget, nil
}

func (e *entry) follow(v filexfer.View) {
	e.State, e.Bytes = v.State, v.Bytes
	if v.Sum != "" && (e.Sum == "" || v.State == filexfer.Finished) {
		e.Sum = v.Sum
	}
	if e.Path == nil && v.Conn != nil {
		e.Path = pathOf(v.Conn)
	}
	if v.State == filexfer.Finished && v.Path != "" {
		e.File = v.Path
	}
	if v.State.Final() && v.Err != nil {
		e.Code, e.Reason = endCode(v.Err), v.Err.Error()
	}
}

// followWanted shows what an offer does for a wanted file. However it ends badly,
// the file goes on being wanted; unless it is the offer by which it began, and
// somebody wished it to end, or nobody can be asked for it: its entry, or its root, were
// to come with the sums, and did not.
func (n *Node) followWanted(id string, v filexfer.View) {
	if v.State.Final() {
		n.transfers.bringsNoMore(v.ID)
	}
	t, _ := n.transfers.get(id)
	goesOn := t.recoverable() && (interrupted(v.Err) || errors.Is(v.Err, filexfer.ErrBadSum))
	if v.ID == id && v.State.Final() && v.Err != nil && !goesOn {
		n.endWanted(id, v.State, endCode(v.Err), v.Err.Error())
		return
	}
	n.transfers.change(id, func(e *entry) {
		e.followRange(v, len(n.transfers.offersLocked(id)) > 0)
		t = e.Transfer
	})
	if v.State.Final() && v.Err != nil && !t.Ended {
		n.step(t, PhaseAsk, fmt.Sprintf("%s: %v; others are asked", n.whose(v.Peer), v.Err))
	}
}

// followRange takes over what an offer does; others tells whether more of them bring
// the file. What is whole and how much is there, rerequest tells.
func (e *entry) followRange(v filexfer.View, others bool) {
	e.Device = v.Peer
	if v.Conn != nil && v.State == filexfer.Ongoing && e.State != filexfer.Ongoing {
		e.Path = pathOf(v.Conn)
	}
	switch {
	case v.State == filexfer.Ongoing:
		if e.State = filexfer.Ongoing; e.Tree == "" {
			e.Bytes = v.Offset + v.Bytes
		}
	case v.State.Final() && v.Err != nil && !others:
		e.State = filexfer.Created
		if e.release != nil { // of the offer by which it began
			e.release()
			e.release = nil
		}
		if e.Tree == "" && errors.Is(v.Err, filexfer.ErrBadSum) {
			e.Bytes = 0
		}
	}
}
