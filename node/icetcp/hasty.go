package icetcp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
)

// greeting is what both sides of a connection say to agree on TLS: multistream-select
// 1.0.0, each line after its length.
const greeting = "\x13/multistream/1.0.0\n\x0b/tls/1.0.0\n"

var errGreeting = errors.New("icetcp: the other side does not agree on TLS")

// hasty is the client's end of a connection. It does not wait until the other side
// agrees on TLS, which is all that there is over /ice, but takes that for granted, and
// compares when the words come: the first message of TLS leaves a round trip earlier.
// The bytes on the wire are the same.
//
// It is for an upgrader that proposes TLS first. With another it changes nothing.
type hasty struct {
	*conn

	once  sync.Once
	spoke chan struct{} // closed when the first words are out

	// Set before spoke is closed, then the reader's.
	told   []byte // what the upgrader has yet to be told
	agreed bool   // the other side's words have come, or are not waited for
}

func newHasty(c *conn) *hasty { return &hasty{conn: c, spoke: make(chan struct{})} }

// Write sends p; the first one tells what is proposed.
func (h *hasty) Write(p []byte) (int, error) {
	n, err := h.conn.Write(p)
	h.once.Do(func() {
		if h.agreed = string(p) != greeting; !h.agreed {
			h.told = []byte(greeting)
		}
		close(h.spoke)
	})
	return n, err
}

// Read gives the other side's words before they have come, and leaves them out when
// they come.
func (h *hasty) Read(p []byte) (int, error) {
	select {
	case <-h.spoke:
	case <-h.gone:
		return 0, net.ErrClosed
	}
	if len(h.told) > 0 {
		n := copy(p, h.told)
		h.told = h.told[n:]
		return n, nil
	}
	if !h.agreed {
		if err := h.compare(); err != nil {
			return 0, err
		}
		h.agreed = true
	}
	return h.conn.Read(p)
}

func (h *hasty) compare() error {
	words := make([]byte, len(greeting))
	if _, err := io.ReadFull(h.conn, words); err != nil {
		return err
	}
	if !bytes.Equal(words, []byte(greeting)) {
		return errGreeting
	}
	return nil
}
