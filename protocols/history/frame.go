package history

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/libp2p/go-msgio"
)

// bufferSize is what reading and writing gather, in bytes.
const bufferSize = 32 << 10

// frames reads and writes messages on a stream. Reading and writing may go on
// at the same time.
type frames struct {
	in  msgio.Reader
	buf *bufio.Writer
	out msgio.Writer
}

func newFrames(rw io.ReadWriter) *frames {
	buf := bufio.NewWriterSize(rw, bufferSize)
	return &frames{
		in:  msgio.NewVarintReaderSize(bufio.NewReaderSize(rw, bufferSize), MaxFrame),
		buf: buf,
		out: msgio.NewVarintWriter(buf),
	}
}

// read gives the next message. One that is too long or malformed is errMessage.
func (f *frames) read() (message, error) {
	raw, err := f.in.ReadMsg()
	if errors.Is(err, msgio.ErrMsgTooLarge) {
		return nil, fmt.Errorf("%w: longer than %d bytes", errMessage, MaxFrame)
	}
	if err != nil {
		return nil, err
	}
	m, err := parse(raw)
	if !keepsSlices(m) {
		f.in.ReleaseMsg(raw)
	}
	return m, err
}

// keepsSlices tells whether m is made of the frame it came in.
func keepsSlices(m message) bool {
	switch m := m.(type) {
	case entry, fresh, record:
		return true
	case no:
		return m.proof != nil
	}
	return false
}

// write puts m behind what waits for flush.
func (f *frames) write(m message) error {
	raw, err := encode(m)
	if err != nil {
		return err
	}
	return f.out.WriteMsg(raw)
}

func (f *frames) flush() error { return f.buf.Flush() }
