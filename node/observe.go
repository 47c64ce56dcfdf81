package node

import (
	"errors"
	"fmt"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// observeTransfer takes over what filexfer reports: of a part of an outgoing
// transfer, of an offer, or of an offer that brings a wanted file.
func (n *Node) observeTransfer(v filexfer.View) {
	if !v.Incoming {
		n.transfers.beginServed(v)
		n.transfers.changePart(v.ID, v.Peer, conversation.Account{}, func(p *Part) {
			if p.follow(v); p.State == filexfer.ClosedByHost && n.ctx.Err() != nil {
				p.Code, p.Reason = EndRestarted, stoppedReason
			}
		})
		return
	}
	id, wanted := n.transfers.brings(v.ID)
	if v.State == filexfer.Finished {
		n.holdCame(id, v)
	}
	if wanted {
		n.followWanted(id, v)
	} else {
		n.followOffer(v)
	}
}

// holdCame notes where a file lies that has come, before it is told.
func (n *Node) holdCame(id string, v filexfer.View) {
	t, _ := n.transfers.get(id)
	t.File, t.Sum = v.Path, v.Sum
	if err := n.hold(t); err != nil {
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
func (n *Node) removePart(t Transfer) {
	if err := filexfer.RemovePart(t.goal()); err != nil {
		n.log.Warn("an unfinished file may be left", "transfer", t.ID, "error", err)
	}
}

// interrupted tells whether a transfer ended without anybody wanting it to.
func interrupted(err error) bool {
	return errors.Is(err, filexfer.ErrLost) || errors.Is(err, filexfer.ErrStalled) || errors.Is(err, filexfer.ErrClosed)
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

// followWanted shows a wanted file's transfer: however an offer ends badly, the file
// goes on being wanted.
func (n *Node) followWanted(id string, v filexfer.View) {
	var t Transfer
	n.transfers.change(id, func(e *entry) {
		e.Device = v.Peer
		if v.Conn != nil && v.State == filexfer.Ongoing && e.State != filexfer.Ongoing {
			e.Path = pathOf(v.Conn)
		}
		switch {
		case v.State == filexfer.Finished:
			e.State, e.Bytes, e.File = filexfer.Finished, e.Size, v.Path
		case v.State == filexfer.Ongoing:
			e.State, e.Bytes = filexfer.Ongoing, v.Offset+v.Bytes
		case v.State.Final():
			e.State = filexfer.Created
			if errors.Is(v.Err, filexfer.ErrBadSum) {
				e.Bytes = 0
			}
		}
		t = e.Transfer
	})
	if v.State.Final() && v.Err != nil && !t.Ended {
		n.step(t, PhaseAsk, fmt.Sprintf("%s: %v; others are asked", n.whose(v.Peer), v.Err))
	}
}
