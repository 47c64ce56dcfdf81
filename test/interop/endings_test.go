package interop

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/rerequest"
)

// half is where transfers of large break off.
const (
	large = 2<<20 + 17
	half  = 3 << 19
)

// named takes an offer as a file in the app's folder.
func (a *app) named(o filexfer.Offer) (filexfer.Sink, error) {
	return filexfer.NewFileSink(filexfer.Target{Dir: a.dir, Name: o.Name, Size: o.Size})
}

// adopted takes an offer of a conversation's file that has a tree.
func (a *app) adopted(t *testing.T) func(filexfer.Offer) (filexfer.Sink, error) {
	return func(o filexfer.Offer) (filexfer.Sink, error) {
		return a.again.Adopt(t.Context(), rerequest.Want{
			Conversation: o.Conversation, Interaction: o.Interaction,
			Target: filexfer.Target{Dir: a.dir, Name: o.Name, Size: o.Total, Root: o.Root},
		}, o)
	}
}

// hasNo wants nothing of that name in the app's folder.
func (a *app) hasNo(t *testing.T, name string) {
	t.Helper()
	if _, err := os.Lstat(filepath.Join(a.dir, name)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there: %v", name, err)
	}
}

// ended waits for the end of a transfer.
func (a *app) ended(t *testing.T, during func(filexfer.View)) func() error {
	end := make(chan error, 1)
	a.watch(t, func(v filexfer.View) {
		during(v)
		if v.State.Final() {
			end <- v.Err
		}
	})
	return func() error {
		select {
		case err := <-end:
			return err
		case <-time.After(patience):
			return errors.New("it does not end")
		}
	}
}

// Bytes that are not those of the sum, wherever it is said, get no name.
func peerSendsAWrongByte(t *testing.T, p *peer, a *app) {
	file := newFile(t, large)
	for _, sum := range []string{"header", "trailer", "tree", "follows"} {
		t.Run(sum, func(t *testing.T) {
			name := "wrong " + sum
			o := order{"do": "send", "to": a.addr(), "file": file, "name": name, "sum": sum, "wrong": true}
			if a.wants = a.named; sum == "tree" || sum == "follows" {
				a.wants = a.adopted(t)
				o["conversation"], o["interaction"] = club, name
				defer a.again.Forget(club, name)
			}
			var verdict string
			if p.do(t, o, &verdict); verdict != "BAD sum" {
				t.Error(verdict)
			}
			a.hasNo(t, name)
		})
	}
}

// The peer resets the stream, as sender and as receiver.
func peerGivesUp(t *testing.T, p *peer, a *app) {
	file := newFile(t, large)
	t.Run("sending", func(t *testing.T) {
		a.wants = a.named
		end := a.ended(t, func(filexfer.View) {})
		p.do(t, order{"do": "send", "to": a.addr(), "file": file, "name": "given up", "sum": "header", "abort": half}, nil)
		if err := end(); !errors.Is(err, filexfer.ErrLost) {
			t.Error(err)
		}
		a.hasNo(t, "given up")
	})
	t.Run("receiving", func(t *testing.T) {
		a.connect(t, p)
		p.do(t, order{"do": "accept", "answer": "GO", "dir": a.dir, "abort": half}, nil)
		if _, err := a.files.Send(t.Context(), a.peer, summed(t, file)); !errors.Is(err, filexfer.ErrLost) {
			t.Error(err)
		}
		p.do(t, order{"do": "received"}, nil)
	})
}

// We reset the stream, as sender and as receiver; the peer is told by an error.
func weGiveUp(t *testing.T, p *peer, a *app) {
	file := newFile(t, large)
	t.Run("receiving", func(t *testing.T) {
		a.wants = a.named
		end := a.ended(t, func(v filexfer.View) {
			if v.State == filexfer.Ongoing {
				go a.files.Cancel(v.ID)
			}
		})
		reply := p.begin(t, order{"do": "send", "to": a.addr(), "file": file, "name": "cancelled", "sum": "header", "stall": half})
		if err := end(); !errors.Is(err, filexfer.ErrCancelled) {
			t.Error(err)
		}
		if err := reply(nil); err == nil {
			t.Error("the peer was not told")
		}
		a.hasNo(t, "cancelled")
	})
	t.Run("sending", func(t *testing.T) {
		a.connect(t, p)
		p.do(t, order{"do": "accept", "answer": "GO", "dir": a.dir, "hang": true}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a.watch(t, func(v filexfer.View) {
			if v.State == filexfer.Ongoing {
				cancel()
			}
		})
		if _, err := a.files.Send(ctx, a.peer, summed(t, file)); !errors.Is(err, filexfer.ErrCancelled) {
			t.Error(err)
		}
		var got received
		if p.do(t, order{"do": "received"}, &got); got.Verdict == "OK" {
			t.Errorf("the peer: %+v", got)
		}
	})
}
