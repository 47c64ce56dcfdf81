package signalling

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	// InboxProtocol is spoken with a server that keeps inboxes. The opener sends
	// one frame, subscribe, claim or put. A put is answered by ok or error and the
	// stream ends. A subscribe or claim is answered by error, or by ok and then message after
	// message until either side ends the stream.
	InboxProtocol protocol.ID = "/passeur/inbox/1.0.0"

	// DirectProtocol is spoken with the recipient itself over a connection that
	// already stands. The opener sends one message. If it is a request, the
	// recipient sends ok (it has it), then its answer as a message; if it is an
	// answer, ok alone; or error, and the opener uses the inbox instead.
	DirectProtocol protocol.ID = "/passeur/signal/1.0.0"
)

const (
	// MaxMessage bounds a sealed message, in bytes.
	MaxMessage = 16 << 10
	// MaxTTL is the longest a server keeps a message.
	MaxTTL = 2 * time.Minute

	lengthSize = 4
	maxFrame   = 1 + len(Inbox{}) + 2 + MaxMessage
)

// A frame on the wire is a length and what it counts, a type and its fields.
// Numbers are big endian.
//
//	length     4 bytes, of all that follows: 1 to 16419
//	type       1 byte
//	fields     by type:
//
//	1 subscribe   inbox 32
//	2 put         inbox 32, ttl in seconds 2 (1 to 120), message 1 to 16384
//	3 message     message 1 to 16384
//	4 ok          live subscribers 2
//	5 error       code 1
//	6 claim       owner 32, signature 64
//
// A frame of another type, with fields too short or too long, ends the stream.
// An error code that is not known counts as a failure like any other.
type frame interface {
	// append adds type and fields to b.
	append(b []byte) []byte
}

const (
	typeSubscribe = 1
	typePut       = 2
	typeMessage   = 3
	typeOK        = 4
	typeError     = 5
	typeClaim     = 6
)

// subscribe asks for the messages of an inbox, those that lie there and those to come.
type subscribe struct{ inbox Inbox }

// claim asks for the messages of the drop whose owner signed that the connection's
// peer may have them from this server (see drop.go).
type claim struct {
	owner     [ed25519.PublicKeySize]byte
	signature [ed25519.SignatureSize]byte
}

// put leaves a message in an inbox for at most ttl.
type put struct {
	inbox Inbox
	ttl   time.Duration // whole seconds
	body  []byte
}

// message is a sealed message on its way to its recipient.
type message struct{ body []byte }

// ok accepts. live counts the recipient's subscriptions that are being served,
// 0 in the answer to a subscribe.
type ok struct{ live int }

// code is an error frame: why the other side does not do it.
type code byte

const (
	codeMalformed code = 1 // not a frame, or not one that fits here
	codeNotYours  code = 2 // only the device itself, or a drop's owner, may subscribe to an inbox
	codeElsewhere code = 3 // this server is not among the closest to the inbox
	codeFull      code = 4 // the sender's or the inbox's share is used up
	codeBusy      code = 5 // the server has no room for anybody
	codeSlowDown  code = 6 // too many requests from one address
)

func (c code) Error() string {
	switch c {
	case codeMalformed:
		return "the other side could not read the frame"
	case codeNotYours:
		return "the inbox is another's"
	case codeElsewhere:
		return "the inbox belongs on other servers"
	case codeFull:
		return "the inbox has no room for more messages of this sender"
	case codeBusy:
		return "the other side has no room"
	case codeSlowDown:
		return "too many requests from this address"
	}
	return fmt.Sprintf("refused with code %d", byte(c))
}

func (f claim) append(b []byte) []byte {
	return append(append(append(b, typeClaim), f.owner[:]...), f.signature[:]...)
}

func (f subscribe) append(b []byte) []byte { return append(append(b, typeSubscribe), f.inbox[:]...) }

func (f put) append(b []byte) []byte {
	b = append(append(b, typePut), f.inbox[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(f.ttl/time.Second))
	return append(b, f.body...)
}

func (f message) append(b []byte) []byte { return append(append(b, typeMessage), f.body...) }

func (f ok) append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(append(b, typeOK), uint16(min(f.live, 0xffff)))
}

func (c code) append(b []byte) []byte { return append(b, typeError, byte(c)) }

// errFrame is wrapped by every error of parseFrame and, but for those of the
// stream itself, of readFrame.
var errFrame = errors.New("bad frame")

// parseFrame reads type and fields. The frame keeps slices of b.
func parseFrame(b []byte) (frame, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: empty", errFrame)
	}
	fields := b[1:]
	switch b[0] {
	case typeSubscribe:
		if len(fields) == len(Inbox{}) {
			return subscribe{Inbox(fields)}, nil
		}
	case typePut:
		return parsePut(fields)
	case typeMessage:
		if 1 <= len(fields) && len(fields) <= MaxMessage {
			return message{fields}, nil
		}
	case typeOK:
		if len(fields) == 2 {
			return ok{int(binary.BigEndian.Uint16(fields))}, nil
		}
	case typeError:
		if len(fields) == 1 {
			return code(fields[0]), nil
		}
	case typeClaim:
		if len(fields) == ed25519.PublicKeySize+ed25519.SignatureSize {
			return claim{[ed25519.PublicKeySize]byte(fields), [ed25519.SignatureSize]byte(fields[ed25519.PublicKeySize:])}, nil
		}
	default:
		return nil, fmt.Errorf("%w: type %d is unknown", errFrame, b[0])
	}
	return nil, fmt.Errorf("%w: type %d with %d bytes", errFrame, b[0], len(fields))
}

func parsePut(fields []byte) (frame, error) {
	const head = len(Inbox{}) + 2
	if len(fields) <= head || len(fields) > head+MaxMessage {
		return nil, fmt.Errorf("%w: put with %d bytes", errFrame, len(fields))
	}
	ttl := time.Duration(binary.BigEndian.Uint16(fields[len(Inbox{}):])) * time.Second
	if ttl < time.Second || ttl > MaxTTL {
		return nil, fmt.Errorf("%w: put for %v", errFrame, ttl)
	}
	return put{Inbox(fields[:len(Inbox{})]), ttl, fields[head:]}, nil
}

// readFrame reads one frame and no byte more. It allocates at most a frame.
func readFrame(r io.Reader) (frame, error) {
	var prefix [lengthSize]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(prefix[:])
	if n == 0 || n > uint32(maxFrame) {
		return nil, fmt.Errorf("%w: length %d", errFrame, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, noEOF(err)
	}
	return parseFrame(b)
}

// writeFrame writes f in one Write.
func writeFrame(w io.Writer, f frame) error {
	b := f.append(make([]byte, lengthSize, lengthSize+64))
	binary.BigEndian.PutUint32(b, uint32(len(b)-lengthSize))
	_, err := w.Write(b)
	return err
}

// noEOF turns an end in the middle of something into the error it is.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
