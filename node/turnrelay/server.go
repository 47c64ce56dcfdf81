package turnrelay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/pion/stun"
)

// keepAlive finds within half a minute that the network to the server is gone, and
// keeps the routers in between from forgetting a connection that is quiet.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// server is one configured server.
type server struct {
	url        URL
	user, pass string
	tls        *tls.Config // nil: TCP
}

func newServer(s Server) (*server, error) {
	u, err := ParseURL(s.URL)
	switch {
	case err != nil:
		return nil, err
	case s.Username == "":
		return nil, fmt.Errorf("TURN server %s: the user name is missing", u)
	case len(s.Username) > 508: // RFC 8489 §14.3
		return nil, fmt.Errorf("TURN server %s: the user name is longer than 508 bytes", u)
	}
	srv := &server{url: u, user: s.Username, pass: s.Password}
	if u.TLS {
		srv.tls = &tls.Config{RootCAs: s.RootCAs, ServerName: u.Host, MinVersion: tls.VersionTLS12}
		if s.ServerName != "" {
			srv.tls.ServerName = s.ServerName
		}
	}
	return srv, nil
}

// dial connects to the server at addr: to a data connection belongs the address of
// its control connection, because a name can stand for several servers (RFC 6062 §4.3).
func (s *server) dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: keepAlive}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, s.unreachable(ctx, err)
	}
	if s.tls == nil {
		return c, nil
	}
	t := tls.Client(c, s.tls)
	if err := t.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, s.untrusted(ctx, err)
	}
	return t, nil
}

func (s *server) unreachable(ctx context.Context, err error) *ServerError {
	e := &ServerError{
		Server: s.url.String(),
		Step:   "connect",
		Err:    fmt.Errorf("%w: %w", ErrUnreachable, err),
		Advice: "check the URL, and whether the network here lets that port through",
	}
	if late(ctx, err) {
		e.Err = errNoAnswer
	}
	return e
}

// late tells whether a step failed because its time was over.
func late(ctx context.Context, err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(why(ctx, err), context.DeadlineExceeded)
}

func (s *server) untrusted(ctx context.Context, err error) *ServerError {
	e := &ServerError{Server: s.url.String(), Step: "TLS handshake", Err: err}
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &cert):
		e.Err = fmt.Errorf("%w: %w", ErrCertificate, err)
		e.Advice = "the certificate has to be for " + s.tls.ServerName + " and from an authority known here"
	case errors.As(err, new(tls.RecordHeaderError)), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		e.Err = fmt.Errorf("%w: %w", ErrNotTURN, err)
		e.Advice = "if the port is not for TLS, write turn: instead of turns:"
	case late(ctx, err):
		e.Err = errNoAnswer
	}
	return e
}

// silent makes the error of a server that ended or broke the conversation.
func (s *server) silent(step string, err error) *ServerError {
	e := s.trouble(step, err)
	switch {
	case errors.Is(err, errNotSTUN), errors.Is(err, io.EOF):
		e.Err = fmt.Errorf("%w: %w", ErrNotTURN, err)
	case errors.Is(err, context.DeadlineExceeded): // a TLS server waits for more, too
		e.Err = fmt.Errorf("%w: it took the connection and says nothing", ErrNotTURN)
	default:
		return e
	}
	if s.tls == nil {
		e.Advice = "if the port is for TLS, write turns: instead of turn:"
	}
	return e
}

// key is what signs the requests of this user (RFC 8489 §9.2.2).
func (s *server) key(realm string) stun.MessageIntegrity {
	return stun.NewLongTermIntegrity(s.user, realm, s.pass)
}

// amend gives a copy of request m with other attributes besides its own, or instead
// of those of the same type, signed anew if m was signed.
func (s *server) amend(m *stun.Message, id [stun.TransactionIDSize]byte, attrs ...stun.RawAttribute) (*stun.Message, error) {
	out := new(stun.Message)
	out.Type, out.TransactionID = m.Type, id
	out.WriteHeader()
	for _, a := range m.Attributes {
		if a.Type != stun.AttrMessageIntegrity && a.Type != stun.AttrFingerprint && !has(attrs, a.Type) {
			out.Add(a.Type, a.Value)
		}
	}
	for _, a := range attrs {
		out.Add(a.Type, a.Value)
	}
	if m.Contains(stun.AttrMessageIntegrity) {
		var realm stun.Realm
		if err := realm.GetFrom(out); err != nil {
			return nil, err
		}
		if err := s.key(realm.String()).AddTo(out); err != nil {
			return nil, err
		}
	}
	return out, stun.Fingerprint.AddTo(out)
}

func has(attrs []stun.RawAttribute, t stun.AttrType) bool {
	for _, a := range attrs {
		if a.Type == t {
			return true
		}
	}
	return false
}
