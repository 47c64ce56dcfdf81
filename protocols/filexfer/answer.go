package filexfer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Verbs of the receiver. GO and NGO come before the bytes, OK and BAD after
// GO. NGO and BAD may carry a reason: a word of the table in endings.go, or
// anything else that a person may read.
//
// Who offers a tree may also hear "GO sums": the sums block is wanted before the
// bytes; and between GO and the verdict, any number of times, ENOUGH: no more bytes
// are wanted, but the verdict takes its time.
const (
	verbGo     = "GO"
	verbRefuse = "NGO"
	verbStored = "OK"
	verbFailed = "BAD"
	verbEnough = "ENOUGH"
)

const wordSums = "sums" // after GO

const (
	maxAnswer = 256 // bytes of a line, LF included
	maxReason = 200 // bytes of a reason that we send
)

// answer is one line of the receiver: "VERB\n" or "VERB reason\n".
type answer struct {
	verb   string
	reason string // hostile text when it was read
}

// line gives the bytes for the wire. The reason is cut to one short line.
func (a answer) line() []byte {
	reason := trimBlank(cutBytes(strings.Map(dropControl, a.reason), maxReason))
	if reason == "" {
		return []byte(a.verb + "\n")
	}
	return []byte(a.verb + " " + reason + "\n")
}

// parseAnswer reads a line without its LF.
func parseAnswer(line string) (answer, error) {
	verb, reason, explained := strings.Cut(line, " ")
	switch verb {
	case verbRefuse, verbFailed:
		return answer{verb, reason}, nil
	case verbGo, verbStored, verbEnough:
		if !explained || verb == verbGo && reason == wordSums {
			return answer{verb, reason}, nil
		}
	}
	return answer{}, fmt.Errorf("%w: the answer is none of GO, NGO, OK, BAD, ENOUGH", ErrProtocol)
}

// readAnswer takes one line from r. r's buffer must hold maxAnswer bytes, no
// more: it bounds the line.
func readAnswer(r *bufio.Reader) (answer, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return answer{}, fmt.Errorf("%w: an answer of more than %d bytes", ErrProtocol, maxAnswer)
	case errors.Is(err, io.EOF):
		return answer{}, io.ErrUnexpectedEOF
	case err != nil:
		return answer{}, err
	}
	return parseAnswer(strings.TrimSuffix(string(line), "\n"))
}

func dropControl(r rune) rune {
	if isControl(r) {
		return ' '
	}
	return r
}

// cutBytes shortens s to at most max bytes, never inside a rune.
func cutBytes(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}
