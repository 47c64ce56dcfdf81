package api

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOnTCPTheTokenIsNeeded(t *testing.T) {
	f := newFull(t)
	for _, sent := range []string{"", "Bearer", "Bearer ", "Bearer x", "Basic " + f.token, f.token, "Bearer " + f.token + "x", "Bearer " + f.token[1:]} {
		a, p := f.ask(http.MethodGet, "/v1/node", "", nil, func(r *http.Request) { r.Header.Set("Authorization", sent) })
		if a.StatusCode != http.StatusUnauthorized || p.Code != CodeUnauthorized || a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%q: %s %+v", sent, a.Status, p)
		}
	}
	for _, path := range []string{"/", "/app.js", "/healthz", "/readyz", "/metrics"} {
		a, _ := f.ask(http.MethodGet, path, "", nil, func(r *http.Request) { r.Header.Del("Authorization") })
		if a.StatusCode != http.StatusOK {
			t.Errorf("%s without a token: %s", path, a.Status)
		}
	}
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap"} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+f.tcp+path, nil)
		r.Header.Set("Authorization", "Bearer "+f.token)
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if string(text) != "the page" { // which answers what is nothing else
			t.Errorf("%s on TCP: %s %s", path, answer.Status, text)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if a, err := f.socket.Transport.(*judge).next.RoundTrip(mustRequest(t, http.MethodGet, "http://passeur/debug/pprof/cmdline")); err != nil || a.StatusCode != http.StatusOK {
		t.Errorf("profiles on the socket: %v", err)
	} else {
		a.Body.Close()
	}
}

// TestATokenHoldsAsLongAsItsFile: to remove it is to take the token back, and the next
// one holds at once.
func TestATokenHoldsAsLongAsItsFile(t *testing.T) {
	f := newFull(t)
	status := func(token string) int {
		a, _ := f.ask(http.MethodGet, "/v1/node", "", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
		return a.StatusCode
	}
	before := status(f.token)
	if err := os.Remove(TokenPath(f.options.Home)); err != nil {
		t.Fatal(err)
	}
	removed := status(f.token)
	next, err := openToken(f.options.Home) // as for the dashboard's address
	if err != nil {
		t.Fatal(err)
	}
	if got := []int{before, removed, status(f.token), status(next)}; !slices.Equal(got, []int{200, 401, 401, 200}) {
		t.Errorf("before, without the file, then by the old token and by the new one: %v", got)
	}
}

func mustRequest(t *testing.T, method, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheTokenIsTheOwnersAlone(t *testing.T) {
	home := t.TempDir()
	first, err := openToken(home)
	if err != nil || len(first) < minToken {
		t.Fatal(first, err)
	}
	if err := os.Chmod(TokenPath(home), 0o644); err != nil {
		t.Fatal(err)
	}
	second, err := openToken(home)
	info, _ := os.Stat(TokenPath(home))
	if err != nil || second != first || info.Mode() != 0o600 {
		t.Errorf("%q, then %q, mode %v, %v", first, second, info.Mode(), err)
	}
	if err := os.WriteFile(TokenPath(home), []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openToken(home); err == nil {
		t.Error("a token that can be guessed is taken")
	}
}

// TestAnotherNameIsNotAnswered: a page whose name was made to lead here (DNS rebinding)
// sends its own name as Host.
func TestAnotherNameIsNotAnswered(t *testing.T) {
	f := newFull(t)
	_, port, _ := net.SplitHostPort(f.tcp)
	for host, want := range map[string]int{
		"127.0.0.1:" + port: 200, "localhost:" + port: 200, "LOCALHOST:" + port: 200, "[::1]:" + port: 200,
		"evil.example:" + port: 421, "evil.example": 421, "127.0.0.1": 421, "127.0.0.1:1": 421, "localhost.evil.example:" + port: 421, "127.0.0.2:" + port: 421,
	} {
		for _, path := range []string{"/v1/node", "/"} {
			a, p := f.ask(http.MethodGet, path, "", nil, func(r *http.Request) { r.Host = host })
			if a.StatusCode != want || want == 421 && p.Code != CodeWrongHost {
				t.Errorf("%s of %s: %s %+v", path, host, a.Status, p)
			}
		}
	}
}

// TestAnotherSiteMayNotAsk, even if it knew the token.
func TestAnotherSiteMayNotAsk(t *testing.T) {
	f := newFull(t)
	for header, value := range map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} {
		a, p := f.ask(http.MethodPost, "/v1/transfers", "application/json", strings.NewReader(`{"file":"/x","contact":"bob"}`), func(r *http.Request) { r.Header.Set(header, value) })
		if a.StatusCode != http.StatusForbidden || p.Code != CodeCrossOrigin {
			t.Errorf("%s: %s %+v", header, a.Status, p)
		}
	}
	if len(f.node.asked) > 0 {
		t.Errorf("it reached the node: %q", f.node.asked)
	}
	own := func(r *http.Request) { r.Header.Set("Origin", "http://"+f.tcp) }
	if a, _ := f.ask(http.MethodPost, "/v1/transfers", "application/json", strings.NewReader(`{"file":"/x","contact":"bob"}`), own); a.StatusCode != http.StatusCreated {
		t.Errorf("the own page: %s", a.Status)
	}
}

func TestBeyondLoopbackWithoutTLSItDoesNotListen(t *testing.T) {
	s := NewServer(Options{Home: t.TempDir()})
	defer s.Close()
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:80"} {
		if _, err := s.ListenTCP(addr, Certificate{}); !errors.Is(err, ErrBare) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for addr, c := range map[string]Certificate{"127.0.0.1": {}, "127.0.0.1:0": {Cert: "none", Key: "none"}} {
		if _, err := s.ListenTCP(addr, c); err == nil {
			t.Errorf("%s, %v: it listens", addr, c)
		}
	}
	homeless := NewServer(Options{})
	defer homeless.Close()
	if _, err := homeless.ListenTCP("127.0.0.1:0", Certificate{}); err == nil {
		t.Error("without a home, so without a token, it listens")
	}
}

// certificate makes one for a name, and whom to trust for it.
func certificate(t *testing.T, name string) (Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := Certificate{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := errors.Join(os.WriteFile(c.Cert, text, 0o600), os.WriteFile(c.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return c, pool
}

// TestTLS: on every address of the machine, where the token is needed for everything
// that is said of the node.
func TestTLS(t *testing.T) {
	home := t.TempDir()
	s := NewServer(Options{Home: home})
	defer s.Close()
	s.Use(&backend{})
	files, pool := certificate(t, "node.example")
	addr, err := s.ListenTCP("0.0.0.0:0", files)
	if err != nil {
		t.Fatal(err)
	}
	token, err := openToken(home)
	if err != nil {
		t.Fatal(err)
	}
	port := addr.(*net.TCPAddr).Port
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "node.example"}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	for _, test := range []struct {
		host, path, token string
		want              int
	}{
		{"node.example", "/v1/node", token, 200}, {"127.0.0.1", "/v1/node", token, 200}, {"evil.example", "/v1/node", token, 421},
		{"node.example", "/v1/node", "x", 401}, {"node.example", "/healthz", "x", 401}, {"node.example", "/healthz", token, 200},
	} {
		r := mustRequest(t, http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d%s", port, test.path))
		r.Host = fmt.Sprintf("%s:%d", test.host, port)
		r.Header.Set("Authorization", "Bearer "+test.token)
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != test.want {
			t.Errorf("%+v: %s", test, answer.Status)
		}
	}
}

func TestTheDashboardsAddress(t *testing.T) {
	f := newFull(t)
	c := NewClient(f.options.Home)
	defer c.Close()
	d, err := c.Dashboard(t.Context())
	if err != nil || d != "http://"+f.tcp+"/#"+f.token {
		t.Errorf("%s, %v", d, err)
	}
	home := t.TempDir()
	alone := NewServer(Options{Home: home, Page: f.options.Page})
	alone.Use(f.node)
	c = serveSocket(t, alone, home)
	first, err := c.Dashboard(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Dashboard(t.Context())
	if err != nil || first != second {
		t.Errorf("it listens twice: %v, %v, %v", first, second, err)
	}
	page, err := http.Get(first)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if text, _ := io.ReadAll(page.Body); string(text) != "the page" {
		t.Errorf("the page is %q", text)
	}
}

func TestATicketWorksOnce(t *testing.T) {
	f := newFull(t)
	c := NewClient(f.options.Home)
	defer c.Close()
	ticket, err := c.Ticket(t.Context(), "/v1/transfers/"+id+"/content")
	if err != nil {
		t.Fatal(err)
	}
	bare := func(r *http.Request) { r.Header.Del("Authorization") }
	if a, p := f.ask(http.MethodGet, strings.Replace(ticket.URL, "/content", "", 1), "", nil, bare); a.StatusCode != 401 {
		t.Errorf("of another path: %s %+v", a.Status, p)
	}
	if a, _ := f.ask(http.MethodGet, ticket.URL, "", nil, bare); a.StatusCode != 401 {
		t.Errorf("after it was shown for another path: %s", a.Status)
	}
	if ticket, err = c.Ticket(t.Context(), "/v1/transfers/"+id+"/content"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{200, 401} {
		if a, p := f.ask(http.MethodGet, ticket.URL, "", nil, bare); a.StatusCode != want {
			t.Errorf("%s %+v, want %d", a.Status, p, want)
		}
	}
}

func TestContentIsForSavingOnly(t *testing.T) {
	f := newFull(t)
	a, _ := f.ask(http.MethodGet, "/v1/transfers/"+id+"/content", "", nil)
	for header, want := range map[string]string{
		"Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment; filename*=utf-8''n%C3%A9.txt",
		"Content-Security-Policy": "sandbox; default-src 'none'", "Content-Length": "10", "Accept-Ranges": "bytes",
	} {
		if got := a.Header.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
}

// TestASlowBodyIsNotWaitedFor for ever: the deadline is the connection's, so it is
// looked at without waiting for it.
func TestASlowBodyIsNotWaitedFor(t *testing.T) {
	t.Parallel() // it takes as long as a body may
	if p := problemOfBody(os.ErrDeadlineExceeded); p.Status != http.StatusRequestTimeout {
		t.Errorf("%+v", p)
	}
	f := newFull(t)
	l, err := net.Dial("tcp", f.tcp)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fmt.Fprintf(l, "POST /v1/transfers HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", f.tcp, f.token)
	answer, err := http.ReadResponse(bufio.NewReader(l), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusRequestTimeout {
		t.Errorf("%s", answer.Status)
	}
}
