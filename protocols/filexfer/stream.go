package filexfer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// lastWordTimeout bounds the writing of a final NGO or BAD.
const lastWordTimeout = 10 * time.Second

// conversation is one stream and the transfer on it. Whatever may cut it short
// (a user, a time-out, Close, the other side) ends the transfer's ctx with a
// cause, and the end of the ctx resets the stream, so that whatever waits on
// the stream returns. There is no other way to interrupt it.
type conversation struct {
	*transfer
	stream network.Stream
	beside sync.WaitGroup // goroutines that read beside the main one
}

// hold runs talk over the stream and then ends the stream: by Close when talk
// went well or its failure could be told in words, by a reset with a code
// otherwise. It returns when nothing of the conversation is left.
func (c *conversation) hold(ctx context.Context, talk func(context.Context) error) error {
	resetDone := make(chan struct{})
	unbind := context.AfterFunc(ctx, func() {
		defer close(resetDone)
		c.stream.ResetWithError(codeOf(context.Cause(ctx)))
	})
	err := talk(ctx)
	if err != nil && !c.tell(err) {
		c.cancel(err)
	}
	if unbind() {
		c.stream.Close()
	} else {
		<-resetDone
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
	stop := c.within(lastWordTimeout, ErrStalled)
	defer stop()
	_, err = c.stream.Write(answer{ended.verb, reasonOf(ended.Err)}.line())
	return err == nil
}
