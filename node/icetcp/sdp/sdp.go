// Package sdp is the text of an offer and of its answer: the ICE credentials of
// a session and the TCP addresses where it may be reached, one item a line, and
// the small JSON message that carries this text through the signalling.
//
// It is pure: no network, no clock, no log. It is not the Session Description
// Protocol of RFC 8866; the form is that of Jami's file transfer, with candidate
// lines as RFC 6544 §4.5 and RFC 8839 §5.1 write them, less the "a=candidate:".
//
//	<ufrag>                                     RFC 8445 §5.3, 4 to 256 ice-chars
//	<pwd>                                       RFC 8445 §5.3, 22 to 256 ice-chars
//	<foundation> 1 TCP <priority> <address> <port> typ <type> tcptype <tcptype>
//	…                                           more candidates
//	ice-options handoff/1                       optional, see [Description.HandOff]
//	<address>:<port>                            relay addresses, IPv6 in brackets
//
// What ends the parse with a [*SyntaxError]: a text over [MaxText] bytes, and a
// missing or malformed ufrag or pwd. Every other line that cannot be read is
// skipped, as the first readers of this form did: an address that stands for
// nothing ("X.X.X.X"), a host name, UDP, a component other than 1, words of a
// newer version. Candidates over [MaxCandidates] and relay addresses over
// [MaxRelays] are left out.
//
// A parsed candidate is only what the other side claims. [Policy.Dialable] says
// which of them may be dialled.
package sdp

import (
	"fmt"
	"net/netip"
	"strings"
)

const (
	// MaxText is the size of the longest text that is read, in bytes. Our own are under 2 KiB.
	MaxText = 6 << 10
	// MaxCandidates is how many candidates are kept of a text.
	MaxCandidates = 64
	// MaxRelays is how many relay addresses are kept of a text or a message.
	MaxRelays = 8
	// minPwd is the length of the shortest password, in characters (RFC 8445 §5.3).
	minPwd = 22
	// minUfrag is the length of the shortest user fragment, in characters (RFC 8445 §5.3).
	minUfrag = 4

	maxCredential = 256 // RFC 8839 §5.4
	maxFoundation = 32  // RFC 8839 §5.1

	optionsLine   = "ice-options" // RFC 8839 §5.6 has the name
	optionHandOff = "handoff/1"
)

// Description is one side of a session.
type Description struct {
	Ufrag, Pwd string
	Candidates []Candidate
	// HandOff: after nomination this side can switch the socket of the nominated
	// pair from RFC 4571 frames to the bare byte stream, version 1 of the switch.
	// Package icetcp refuses a side without it.
	HandOff bool
	// Relays are addresses borrowed from TURN servers, to be dialled by plain TCP.
	Relays []netip.AddrPort
}

// SyntaxError tells why a text is no description.
type SyntaxError struct {
	Line int // counted from 1; 0 when it is about the whole text
	What string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return "offer text: " + e.What
	}
	return fmt.Sprintf("offer text line %d: %s", e.Line, e.What)
}

// String gives the text of d, each line ended by a line feed. The fields are
// written as they are: a ufrag with a space in it makes a text that does not parse.
func (d Description) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", d.Ufrag, d.Pwd)
	for _, c := range d.Candidates {
		fmt.Fprintln(&b, c)
	}
	if d.HandOff {
		fmt.Fprintln(&b, optionsLine, optionHandOff)
	}
	for _, r := range d.Relays {
		fmt.Fprintln(&b, r)
	}
	return b.String()
}

// Parse reads the text of a description; see the package comment for what is
// skipped and what ends it with a *SyntaxError.
func Parse(text string) (*Description, error) {
	if len(text) > MaxText {
		return nil, &SyntaxError{What: fmt.Sprintf("%d bytes, the limit is %d", len(text), MaxText)}
	}
	ufrag, rest, _ := strings.Cut(text, "\n")
	pwd, rest, _ := strings.Cut(rest, "\n")
	d := &Description{Ufrag: strings.TrimSpace(ufrag), Pwd: strings.TrimSpace(pwd)}
	if !isCredential(d.Ufrag, minUfrag) {
		return nil, &SyntaxError{1, "no user fragment of 4 to 256 ice-chars"}
	}
	if !isCredential(d.Pwd, minPwd) {
		return nil, &SyntaxError{2, "no password of 22 to 256 ice-chars"}
	}
	for line := range strings.Lines(rest) {
		d.parseLine(line)
	}
	return d, nil
}

// parseLine takes in what it can read of one line after the credentials.
func (d *Description) parseLine(line string) {
	fields := strings.Fields(line)
	switch {
	case len(fields) == 0:
	case fields[0] == optionsLine:
		d.parseOptions(fields[1:])
	case len(fields) == 1:
		d.Relays = appendRelay(d.Relays, fields[0])
	case len(d.Candidates) < MaxCandidates:
		if c, err := parseCandidate(fields); err == nil {
			d.Candidates = append(d.Candidates, c)
		}
	}
}

func (d *Description) parseOptions(options []string) {
	for _, o := range options {
		if o == optionHandOff {
			d.HandOff = true
		}
	}
}

// appendRelay adds the relay address in s, if it is one and there is room.
func appendRelay(relays []netip.AddrPort, s string) []netip.AddrPort {
	a, err := netip.ParseAddrPort(s)
	if err != nil || a.Addr().Zone() != "" || a.Port() == 0 || len(relays) >= MaxRelays {
		return relays
	}
	return append(relays, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
}

func isCredential(s string, shortest int) bool {
	return len(s) >= shortest && len(s) <= maxCredential && isICEChars(s)
}

// isICEChars: ice-char = ALPHA / DIGIT / "+" / "/" (RFC 8839 §5.1).
func isICEChars(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '+', c == '/':
		default:
			return false
		}
	}
	return true
}
