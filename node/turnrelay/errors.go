package turnrelay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pion/stun"
)

var (
	// ErrClosed: the relay is closed.
	ErrClosed = errors.New("turnrelay: closed")
	// ErrNoServers: no TURN server is configured.
	ErrNoServers = errors.New("turnrelay: no TURN server is configured")
	// ErrNoAllocation: no relayed address of the peers' families stands.
	ErrNoAllocation = errors.New("turnrelay: no relayed address of that family; borrow one first")
	// ErrNoPeers: none of the addresses can be a peer's, see Permit.
	ErrNoPeers = errors.New("turnrelay: none of the peer's addresses can be permitted")
	// ErrTooManyPeers: Config.MaxPeers addresses are permitted already.
	ErrTooManyPeers = errors.New("turnrelay: too many peers at once")
)

// The reasons of a *ServerError that callers tell apart with errors.Is.
var (
	// ErrUnreachable: the server's name has no address, or nothing answers there.
	ErrUnreachable = errors.New("the server cannot be reached")
	// ErrNotTURN: something answers there that does not speak TURN.
	ErrNotTURN = errors.New("no TURN server answers there")
	// ErrCertificate: the certificate is not the server's, or nobody known signed it.
	ErrCertificate = errors.New("the server's certificate is not to be trusted")
	// ErrCredentials: wrong user name or password.
	ErrCredentials = errors.New("wrong user name or password")
	// ErrQuota: the user has as many allocations as the server allows, or the server
	// as many as it can bear.
	ErrQuota = errors.New("too many allocations")
	// ErrFamily: the server lends no addresses of the family, mostly IPv6.
	ErrFamily = errors.New("the server has no addresses of that family")
	// ErrNoTCP: the server relays only UDP.
	ErrNoTCP = errors.New("the server relays no TCP connections (RFC 6062)")
	// ErrForbidden: the server's policy is against it.
	ErrForbidden = errors.New("the server's policy forbids it")
)

// ServerError is what went wrong with one server, and what to do about it.
type ServerError struct {
	Server string // its URL
	Step   string // what was tried, "lend an IPv6 address" say
	// Code is the server's error code (RFC 8489 §14.8, RFC 8656 §19, RFC 6062 §6.3),
	// 0 if it sent none, and Reason its own words, made harmless.
	Code   int
	Reason string
	// Err is the reason, one of those above when it is one; with Code it is not nil
	// either.
	Err    error
	Advice string // what a person can do, "" if nothing is known to help
}

// Error gives one sentence for people.
func (e *ServerError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "TURN server %s: %s: %v", e.Server, e.Step, e.Err)
	if e.Code != 0 {
		fmt.Fprintf(&b, " (%s)", strings.TrimSpace(fmt.Sprint(e.Code, " ", e.Reason)))
	}
	if e.Advice != "" {
		fmt.Fprintf(&b, "; %s", e.Advice)
	}
	return b.String()
}

// Unwrap gives the reason.
func (e *ServerError) Unwrap() error { return e.Err }

// remedy is what an error code means and what helps.
type remedy struct {
	err    error
	advice string
}

var (
	errNoAnswer  = fmt.Errorf("%w: no answer", ErrUnreachable)
	errElsewhere = errors.New("the server sends its clients to another one")
	errRefused   = errors.New("the server refuses")
	errLost      = errors.New("the server no longer knows the allocation")
	errStale     = errors.New("the server's nonces do not last long enough to be used")

	remedies = map[int]remedy{
		300: {errElsewhere, "put that one into the configuration"},
		401: {ErrCredentials, "check username and password in the configuration"},
		403: {ErrForbidden, "ask its operator"},
		420: {ErrFamily, "it is too old to know of address families (RFC 6156)"},
		437: {errLost, "the next attempt gets a new one"},
		438: {errStale, "ask its operator (coturn: stale-nonce)"},
		440: {ErrFamily, ""},
		441: {ErrCredentials, "check username and password in the configuration"},
		442: {ErrNoTCP, "ask its operator (coturn: remove no-tcp-relay)"},
		486: {ErrQuota, "end other programs of the same user, or ask its operator (coturn: user-quota, total-quota)"},
		508: {ErrQuota, "the server is full: try later, or add another server"},
	}
)

// refusal makes the error of an error response (RFC 8489 §6.3.4).
func (s *server) refusal(step string, m *stun.Message) *ServerError {
	e := &ServerError{Server: s.url.String(), Step: step, Err: errRefused, Advice: "ask its operator"}
	var code stun.ErrorCodeAttribute
	if code.GetFrom(m) != nil {
		return e
	}
	e.Code, e.Reason = int(code.Code), harmless(code.Reason)
	if r, ok := remedies[e.Code]; ok {
		e.Err, e.Advice = r.err, r.advice
	}
	return e
}

// trouble makes the error of a step that ended without an error response.
func (s *server) trouble(step string, err error) *ServerError {
	if se := (*ServerError)(nil); errors.As(err, &se) {
		return se
	}
	return &ServerError{Server: s.url.String(), Step: step, Err: err}
}

// harmless keeps of a server's words what can be shown, and not too much of it.
func harmless(words []byte) string {
	const most = 80
	if len(words) > most {
		words = words[:most]
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1
		}
		return c
	}, string(words))
}

// pause is how long not to ask again after err: not at all, unless the answer can
// hardly be another one.
func pause(err error) time.Duration {
	switch {
	case errors.Is(err, ErrFamily):
		return 10 * time.Minute
	case errors.Is(err, ErrCredentials), errors.Is(err, ErrNoTCP):
		return 10 * time.Second
	default:
		return 0
	}
}

// sameTrouble tells whether two errors are of one server and have one reason.
func sameTrouble(a, b error) bool {
	var x, y *ServerError
	if !errors.As(a, &x) || !errors.As(b, &y) || x.Server != y.Server {
		return false
	}
	return x.Step == y.Step || x.Code != 0 && x.Code == y.Code
}

// why prefers the cause of an ended context, which says more than what broke by it.
func why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
