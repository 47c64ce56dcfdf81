package filexfer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// sayTimeout bounds the writing of an answer after GO.
const sayTimeout = 10 * time.Second

// conversation is one stream and the transfer on it. Whatever may cut it short
// (a user, a time-out, Close, the other side) ends the transfer's ctx with a
// cause, and the end of the ctx resets the stream, so that whatever waits on
// the stream returns. There is no other way to interrupt it.
type conversation struct {
	*transfer
	stream network.Stream
	leash  *leash
	beside sync.WaitGroup // goroutines that read beside the main one
}

// hold runs talk over the stream and then ends the stream: by Close when talk
// went well or its failure could be told in words, by a reset with a code
// otherwise. It returns when nothing of the conversation is left.
func (c *conversation) hold(ctx context.Context, talk func(context.Context) error) error {
	c.leash = bind(ctx, c.stream)
	err := talk(ctx)
	if err != nil && !c.tell(err) {
		c.cancel(err)
	}
	if wasReset := c.leash.drop(); !wasReset {
		c.stream.Close()
	}
	c.beside.Wait()
	return err
}

// tell says NGO or BAD when err calls for it.
func (c *conversation) tell(err error) (told bool) {
	var ended *Error
	if !errors.As(err, &ended) || ended.verb == "" {
		return false
	}
	return c.say(answer{ended.verb, reasonOf(ended.Err)}) == nil
}

func (c *conversation) say(a answer) error {
	late := time.AfterFunc(sayTimeout, func() { c.stream.Reset() })
	defer late.Stop()
	_, err := c.stream.Write(a.line())
	return err
}

// leash resets a stream, with the code of the cause, when a ctx ends.
type leash struct {
	loose   bool
	unbind  func() (inTime bool)
	wasUsed chan struct{} // closed after the reset
}

func bind(ctx context.Context, stream network.Stream) *leash {
	used := make(chan struct{})
	unbind := context.AfterFunc(ctx, func() {
		defer close(used)
		stream.ResetWithError(codeOf(context.Cause(ctx)))
	})
	return &leash{unbind: unbind, wasUsed: used}
}

// drop lets the stream go: from now on the ctx has no power over it. It tells
// whether that came too late.
func (l *leash) drop() (wasReset bool) {
	if l.loose || l.unbind() {
		l.loose = true
		return false
	}
	<-l.wasUsed
	return true
}
