package node

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// A file is offered to every device of every other member, each with a transfer of
// its own: the parts of one Transfer. They are told apart by their device; an
// account of which no device is known has one part without.

// addParts notes who is asked, before any of them can fail.
func (b *transferBook) addParts(id string, parts []Part) {
	b.change(id, func(e *entry) {
		e.Parts = slices.Clone(e.Parts)
		for _, p := range parts {
			p.State, p.Updated = filexfer.Created, time.Now()
			e.Parts = append(e.Parts, p)
			e.meta.Add(p.key())
		}
	})
}

// key names a part within its transfer.
func (p Part) key() string {
	if p.Device == "" {
		return p.Account.String()
	}
	return p.Device.String()
}

// changePart applies f to a part that has not ended, and to the view of the whole.
func (b *transferBook) changePart(id string, device peer.ID, a conversation.Account, f func(*Part)) {
	b.change(id, func(e *entry) {
		i := slices.IndexFunc(e.Parts, func(p Part) bool { return p.Device == device && (device != "" || p.Account == a) })
		if i < 0 || e.Parts[i].State.Final() {
			return
		}
		p := e.Parts[i]
		f(&p)
		if p == e.Parts[i] {
			return
		}
		p.Updated = time.Now()
		e.Parts = slices.Clone(e.Parts) // others hold the one that was
		e.Parts[i] = p
		if p.State.Final() {
			delete(e.stops, device)
		}
		e.meta.Update(p.key(), p.State, p.Bytes)
		e.showLocked(p)
	})
}

// showLocked gives the whole what people see of it, after p has changed.
func (e *entry) showLocked(p Part) {
	if e.State, e.Bytes = e.meta.State, e.meta.Bytes; e.State == filexfer.Invalid {
		e.State = filexfer.Created
	}
	e.Code, e.Reason = EndNone, ""
	if e.State.Final() && e.State != filexfer.Finished {
		if i := slices.IndexFunc(e.Parts, func(q Part) bool { return q.State == e.State }); p.State != e.State && i >= 0 {
			p = e.Parts[i] // the last to fail is not the one that is shown
		}
		e.Code, e.Reason = p.Code, p.Reason
	}
	leader := e.leader()
	e.Device, e.Path = leader.Device, leader.Path
}

// leader is the part that has come farthest, of those that have not failed if there
// is one.
func (e *entry) leader() Part {
	hope := func(p Part) int {
		if p.State > filexfer.Finished {
			return -1
		}
		return int(p.State)
	}
	return slices.MaxFunc(e.Parts, func(x, y Part) int {
		if by := hope(x) - hope(y); by != 0 {
			return by
		}
		return int(min(1, max(-1, x.Bytes-y.Bytes)))
	})
}

// followPart takes over what filexfer reports of a sub-transfer.
func (p *Part) follow(v filexfer.View) {
	p.State, p.Bytes = v.State, v.Bytes
	if p.Path == nil && v.Conn != nil {
		p.Path = pathOf(v.Conn)
	}
	if v.State.Final() && v.Err != nil {
		p.Code, p.Reason = endCode(v.Err), v.Err.Error()
	}
}

// fail ends a part of which filexfer reported nothing, because it did not begin.
func (p *Part) fail(err error) {
	if err != nil {
		p.State, p.Code, p.Reason = endOf(err)
	}
}

// endSending ends an outgoing transfer when nothing of it runs any more. err is why
// it did not come to parts, nil if it did.
func (b *transferBook) endSending(id string, err error) {
	b.change(id, func(e *entry) {
		if e.Ended = true; err != nil {
			e.State, e.Code, e.Reason = endOf(err)
		}
	})
}
