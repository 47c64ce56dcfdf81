package filexfer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// MaxHeader is the length in bytes of the longest header, its empty line
// included.
const MaxHeader = 4096

// Header is what a sender says before a file. On the wire it is text: one
// "Key: value" a line, split at the first ':', both halves trimmed of spaces
// and tabs, keys case-sensitive and in any order, LF only, an empty line at the
// end. Unknown keys are skipped; a known key that comes twice, a line without
// ':', and a control character are a *[SyntaxError].
//
//	Content-Length  decimal, 0 to 2^63-1; required
//	Display-Name    the file's name, escaped (see below); may be missing
//	Offset          decimal; where in the file the bytes begin, 0 when missing
//	Sha3-512        sum of the bytes, 128 lower-case hex digits; not with an Offset
//	Trailer         "Sha3-512": the sum comes after the bytes instead; not with an
//	                Offset or Sha3-Tree
//	Sha3-Tree       root of the whole file's tree, 64 lower-case hex digits, or
//	                "follows"; the bytes begin and end with a unit or the file then
//	Total-Size      decimal, size of the whole file; Offset + Content-Length when missing
//	Manifest        decimal, how many bytes of the beginning of the file are the
//	                manifest of a folder; 0 when missing: no folder
//	Conversation    opaque text, escaped
//	Interaction     opaque text, escaped
//
// Escaping is %XX for control bytes, for a space at either end, and for a '%'
// that two hex digits follow. An ordinary name therefore reads the same
// to a parser that knows nothing of it.
type Header struct {
	// Length is the number of bytes that follow GO.
	Length int64
	// Name is the sender's own name for the file: hostile text.
	Name string
	// Offset is where in the file the bytes begin; Offset+Length fits in int64.
	Offset int64
	// Sum is the SHA3-512 of the bytes in hex, "" when it is not known yet.
	Sum string
	// Trailer tells that the sum follows the bytes. Never set together with Sum.
	// A [Service] refuses either where Offset is not 0.
	Trailer bool
	// Root is the root in hex of the whole file's tree; "" when there is none, or
	// when it follows.
	Root string
	// Follows tells that there is a tree, whose root is not known yet. Never set
	// together with Root.
	Follows bool
	// Total is the size of the whole file, at least Offset+Length; 0: just that.
	Total int64
	// Manifest is how many bytes of the beginning of the file describe it as a
	// folder; 0: an ordinary file.
	Manifest int64
	// Conversation and Interaction say what the file belongs to. Hostile text.
	Conversation, Interaction string
}

// bytesFollow tells whether anything comes after GO.
func (h Header) bytesFollow() bool { return h.Length > 0 || h.Trailer }

// hasTree tells whether the sums of the units can be had.
func (h Header) hasTree() bool { return h.Root != "" || h.Follows }

// total is the size of the whole file.
func (h Header) total() int64 { return max(h.Total, h.Offset+h.Length) }

// Keys of the header. The first three are Jami's.
const (
	keyLength       = "Content-Length"
	keyName         = "Display-Name"
	keyOffset       = "Offset"
	keySum          = "Sha3-512"
	keyTrailer      = "Trailer"
	keyTree         = "Sha3-Tree"
	keyTotal        = "Total-Size"
	keyManifest     = "Manifest"
	keyConversation = "Conversation"
	keyInteraction  = "Interaction"
)

const wordFollows = "follows" // for a root that is not known yet

// SyntaxError tells what is wrong with a header that a peer sent.
type SyntaxError struct {
	// Line counts from 1; 0 stands for the header as a whole.
	Line int
	// Reason is a sentence without the peer's own bytes.
	Reason string
}

// Error names the line and the reason.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return "header: " + e.Reason
	}
	return fmt.Sprintf("header, line %d: %s", e.Line, e.Reason)
}

// Is makes every SyntaxError an [ErrProtocol].
func (e *SyntaxError) Is(target error) bool { return target == ErrProtocol }

// MarshalText gives the bytes that go on the wire. It fails when a number is
// negative, a sum is not one, or the whole is longer than [MaxHeader]; its errors
// are *[SyntaxError].
func (h Header) MarshalText() ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	var text strings.Builder
	line := func(key, value string) { text.WriteString(key + ": " + value + "\n") }
	line(keyLength, strconv.FormatInt(h.Length, 10))
	line(keyName, escape(h.Name))
	line(keyOffset, strconv.FormatInt(h.Offset, 10))
	if h.Sum != "" {
		line(keySum, h.Sum)
	}
	if h.Trailer {
		line(keyTrailer, keySum)
	}
	if h.Root != "" {
		line(keyTree, h.Root)
	} else if h.Follows {
		line(keyTree, wordFollows)
	}
	if h.Total != 0 {
		line(keyTotal, strconv.FormatInt(h.Total, 10))
	}
	if h.Manifest != 0 {
		line(keyManifest, strconv.FormatInt(h.Manifest, 10))
	}
	if h.Conversation != "" {
		line(keyConversation, escape(h.Conversation))
	}
	if h.Interaction != "" {
		line(keyInteraction, escape(h.Interaction))
	}
	text.WriteString("\n")
	if text.Len() > MaxHeader {
		return nil, headerError("longer than %d bytes", MaxHeader)
	}
	return []byte(text.String()), nil
}

// ParseHeader reads a whole header, its empty line included. Its errors are
// *[SyntaxError].
func ParseHeader(text []byte) (Header, error) {
	lines, complete := strings.CutSuffix(string(text), "\n\n")
	if !complete {
		return Header{}, headerError("does not end with an empty line")
	}
	if len(text) > MaxHeader {
		return Header{}, headerError("longer than %d bytes", MaxHeader)
	}
	var h Header
	seen := make(map[string]bool)
	for i, line := range strings.Split(lines, "\n") {
		if reason := h.parseLine(line, seen); reason != "" {
			return Header{}, &SyntaxError{Line: i + 1, Reason: reason}
		}
	}
	if !seen[keyLength] {
		return Header{}, headerError("no " + keyLength)
	}
	if err := h.check(); err != nil {
		return h, err
	}
	if seen[keyTotal] && h.Total < h.total() {
		return Header{}, errShortTotal
	}
	return h, nil
}

var errShortTotal = headerError("%s is less than %s and %s add up to", keyTotal, keyOffset, keyLength)

// parseLine takes one line into h; it returns what is wrong with it, or "".
func (h *Header) parseLine(line string, seen map[string]bool) (wrong string) {
	if strings.ContainsFunc(line, isControl) {
		return "control character (lines end with LF alone)"
	}
	key, value, found := strings.Cut(line, ":")
	key, value = trimBlank(key), trimBlank(value)
	if !found || key == "" {
		return "not of the form Key: value"
	}
	known, wrong := h.set(key, value)
	if known && seen[key] {
		return key + " comes twice"
	}
	seen[key] = true
	return wrong
}

// set stores the value of a known key; wrong says why it cannot.
func (h *Header) set(key, value string) (known bool, wrong string) {
	switch key {
	case keyLength:
		h.Length, wrong = parseCount(key, value)
	case keyOffset:
		h.Offset, wrong = parseCount(key, value)
	case keyName:
		h.Name = unescape(value)
	case keySum:
		if h.Sum = value; !isSum(value) {
			wrong = keySum + " is not 128 lower-case hex digits"
		}
	case keyTrailer:
		if h.Trailer = value == keySum; !h.Trailer {
			wrong = "unknown trailer; only " + keySum + " is"
		}
	case keyTree:
		if h.Follows = value == wordFollows; !h.Follows {
			h.Root, wrong = value, wrongRoot(value)
		}
	case keyTotal:
		h.Total, wrong = parseCount(key, value)
	case keyManifest:
		h.Manifest, wrong = parseCount(key, value)
	case keyConversation:
		h.Conversation = unescape(value)
	case keyInteraction:
		h.Interaction = unescape(value)
	default:
		return false, ""
	}
	return true, wrong
}

// check holds for a header of either direction.
func (h Header) check() error {
	switch {
	case h.Length < 0 || h.Offset < 0:
		return headerError("negative number")
	case h.Offset > math.MaxInt64-h.Length:
		return headerError("%s and %s add up to more than 2^63-1", keyOffset, keyLength)
	case h.Sum != "" && !isSum(h.Sum):
		return headerError(keySum + " is not 128 lower-case hex digits")
	case h.Sum != "" && h.Trailer:
		return headerError("both " + keySum + " and " + keyTrailer)
	case h.Total != 0 && h.Total < h.Offset+h.Length:
		return errShortTotal
	case h.Manifest < 0 || h.Manifest > h.total():
		return headerError(keyManifest + " is longer than the file")
	case h.hasTree():
		return h.checkTree()
	}
	return nil
}

func (h Header) checkTree() error {
	end := h.Offset + h.Length
	switch {
	case h.Root != "" && wrongRoot(h.Root) != "":
		return headerError("%s", wrongRoot(h.Root))
	case h.Root != "" && h.Follows:
		return headerError("a root of " + keyTree + " that follows")
	case h.Trailer:
		return headerError("both " + keyTree + " and " + keyTrailer)
	case !isAligned(Span{h.Offset, end}, h.total()):
		return headerError("the bytes do not begin and end with a unit of " + keyTree)
	}
	return nil
}

// isAligned tells whether s, of a file of total bytes, begins and ends with a unit
// or the file.
func isAligned(s Span, total int64) bool {
	return s.Start%sha3tree.UnitSize == 0 && (s.End%sha3tree.UnitSize == 0 || s.End == total)
}

// wrongRoot tells what is wrong with the root of a tree, or "".
func wrongRoot(value string) string {
	if _, err := sha3tree.Parse(value); err != nil {
		return keyTree + " is not 64 lower-case hex digits"
	}
	return ""
}

// readHeader takes one header from r and not a byte more. r's buffer must not
// be larger than MaxHeader: it is what bounds a line.
func readHeader(r *bufio.Reader) (Header, error) {
	var text []byte
	for {
		line, err := r.ReadSlice('\n')
		text = append(text, line...)
		switch {
		case len(text) > MaxHeader || errors.Is(err, bufio.ErrBufferFull):
			return Header{}, headerError("longer than %d bytes", MaxHeader)
		case errors.Is(err, io.EOF):
			return Header{}, io.ErrUnexpectedEOF
		case err != nil:
			return Header{}, err
		case len(line) == len("\n"):
			return ParseHeader(text)
		}
	}
}

// parseCount reads decimal digits: no sign, no space, at most 2^63-1.
func parseCount(key, value string) (count int64, wrong string) {
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return 0, key + " is no number from 0 to 2^63-1"
	}
	return int64(n), ""
}

// escape makes a value fit for a line, see [Header].
func escape(value string) string {
	var out strings.Builder
	for i := range len(value) {
		b := value[i]
		edge := b == ' ' && (i == 0 || i == len(value)-1)
		if b < ' ' || b == 0x7f || edge || isEscape(value[i:]) {
			fmt.Fprintf(&out, "%%%02X", b)
		} else {
			out.WriteByte(b)
		}
	}
	return out.String()
}

// unescape undoes escape. A '%' that is not followed by two hex digits stands
// for itself.
func unescape(value string) string {
	var out strings.Builder
	for i := 0; i < len(value); i++ {
		if !isEscape(value[i:]) {
			out.WriteByte(value[i])
			continue
		}
		b, _ := strconv.ParseUint(value[i+1:i+3], 16, 8)
		out.WriteByte(byte(b))
		i += 2
	}
	return out.String()
}

// isEscape tells whether s begins with '%' and two hex digits.
func isEscape(s string) bool { return len(s) >= 3 && s[0] == '%' && isHex(s[1]) && isHex(s[2]) }

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

// isControl covers what may not stand in a line: C0 without the tab, and DEL.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

func trimBlank(s string) string { return strings.Trim(s, " \t") }

func headerError(format string, args ...any) error {
	return &SyntaxError{Reason: fmt.Sprintf(format, args...)}
}
