package api

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"slices"
	"strings"
)

// guard stands before everything that is answered on TCP, where any page that the
// user's browser shows can ask too: it looks at the Host (DNS rebinding), at where a
// request comes from (CSRF) and at the token.
type guard struct {
	addr     *net.TCPAddr
	cert     *x509.Certificate // nil: no TLS
	home     string            // whose token it is
	tickets  *tickets
	crossing *http.CrossOriginProtection
	next     http.Handler
}

// overTCP marks, in a request's context, that it did not come over the unix socket.
type overTCP struct{}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := g.refusal(r); p != nil {
		if p.Code == CodeUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="passeur"`)
		}
		writeProblem(w, p)
		return
	}
	if !g.isOpen(r) {
		letIn(r)
	}
	g.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), overTCP{}, true)))
}

// refusal says why a request is not answered, nil if it is.
func (g *guard) refusal(r *http.Request) *Problem {
	if !g.isNamed(r) {
		return problem(CodeWrongHost, "this node does not go by the name "+r.Host)
	}
	if err := g.crossing.Check(r); err != nil {
		return problem(CodeCrossOrigin, err.Error())
	}
	if g.isOpen(r) || g.hasToken(r) || g.tickets.take(r) {
		return nil
	}
	return problem(CodeUnauthorized, "the token is missing or wrong; send 'Authorization: Bearer TOKEN' with what the file "+tokenName+" in the node's home says")
}

// isNamed tells whether the request's Host is a name of this listener. Beyond loopback
// that is what the certificate says, or the address that was connected to.
func (g *guard) isNamed(r *http.Request) bool {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.Trim(r.Host, "[]"), map[bool]string{false: "80", true: "443"}[g.cert != nil]
	}
	if _, own, _ := net.SplitHostPort(g.addr.String()); port != own {
		return false
	}
	if slices.Contains([]string{"localhost", "127.0.0.1", "::1", g.addr.IP.String()}, strings.ToLower(host)) {
		return true
	}
	return g.cert != nil && (g.cert.VerifyHostname(host) == nil || host == localIP(r))
}

// localIP is the address at which the request came in.
func localIP(r *http.Request) string {
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return addr.IP.String()
	}
	return ""
}

// isOpen tells whether a request needs no token: the page, which knows nothing by
// itself, and on loopback the health and the metrics.
func (g *guard) isOpen(r *http.Request) bool {
	switch r.URL.Path {
	case "/healthz", "/readyz", "/metrics":
		return g.addr.IP.IsLoopback()
	}
	return !strings.HasPrefix(r.URL.Path, "/v1/") && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// hasToken reads the token anew each time: one whose file was removed holds no more.
func (g *guard) hasToken(r *http.Request) bool {
	scheme, sent, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	token, err := readToken(g.home)
	return err == nil && isToken(strings.TrimSpace(sent), token)
}
