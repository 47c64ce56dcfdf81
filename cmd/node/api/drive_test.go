package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/icetcp"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// levels are of a log that only knows one word.
type levels struct{ text string }

func (l *levels) String() string { return l.text }
func (l *levels) Set(text string) error {
	if text == "bad" {
		return errors.New("no such level")
	}
	l.text = text
	return nil
}

// full is a server with everything, and who can be made to fail.
type full struct {
	t       *testing.T
	server  *Server
	node    *examined
	options Options
	failing error // of Ready and Reload
	judge   *judge
	tcp     string // HOST:PORT
	token   string
	socket  *http.Client // over the unix socket
	web     *http.Client // over TCP
}

func newFull(t *testing.T) *full {
	t.Helper()
	f := &full{t: t, node: &examined{}}
	f.node.contacts = []node.Contact{{Account: account(2), Name: "bob", State: node.Accepted}}
	f.node.transfers = []node.Transfer{someTransfer(t)}
	f.node.pairings = []node.Pairing{{ID: id, Purpose: node.PairContact, State: node.PairWaiting}}
	f.node.events = make(chan node.Event)
	f.node.checkup.DHT = node.DHTServer
	f.options = Options{
		Home: t.TempDir(), Levels: &levels{"info"},
		Ready:   func() error { return f.failing },
		Reload:  func(context.Context) (Reloaded, error) { return Reloaded{}, f.failing },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "passeur_up 1\n") }),
		Page:    http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "the page") }),
	}
	f.server = NewServer(f.options)
	f.server.Use(f.node)
	c := serveSocket(t, f.server, f.options.Home)
	f.judge = newJudge(t, c.http.Transport)
	f.socket = &http.Client{Transport: f.judge}
	f.listen()
	return f
}

// listen opens the server on TCP, judged by the same judge.
func (f *full) listen() {
	f.t.Helper()
	addr, err := f.server.ListenTCP("127.0.0.1:0", Certificate{})
	if err != nil {
		f.t.Fatal(err)
	}
	token, err := os.ReadFile(TokenPath(f.options.Home))
	if err != nil {
		f.t.Fatal(err)
	}
	f.tcp, f.token = addr.String(), strings.TrimSpace(string(token))
	transport := &http.Transport{}
	f.t.Cleanup(transport.CloseIdleConnections)
	web := newJudge(f.t, transport)
	web.seen = f.judge.seen
	f.web = &http.Client{Transport: web, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// serveSocket has a server answer on the socket of a home, until the test ends.
func serveSocket(t *testing.T, server *Server, home string) *Client {
	t.Helper()
	l, err := Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	c := NewClient(home)
	t.Cleanup(func() {
		c.Close()
		if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return c
}

// someTransfer is of a file that has arrived.
func someTransfer(t *testing.T) node.Transfer {
	path := filepath.Join(t.TempDir(), "né.txt")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	return node.Transfer{ID: id, Direction: node.Incoming, Contact: "bob", Account: account(2), Name: "né.txt", File: path, Size: 10, Bytes: 10,
		State: filexfer.Finished, Ended: true, Path: &icetcp.Path{Kind: icetcp.Direct, LocalType: "host", RemoteType: "host"}}
}

// ask makes a request over TCP, with the token; change may alter it.
func (f *full) ask(method, path, kind string, body io.Reader, change ...func(*http.Request)) (*http.Response, Problem) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, "http://"+f.tcp+path, body)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+f.token)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for _, c := range change {
		c(r)
	}
	return f.do(f.web, r)
}

func (f *full) do(c *http.Client, r *http.Request) (*http.Response, Problem) {
	f.t.Helper()
	answer, err := c.Do(r)
	if err != nil {
		f.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer answer.Body.Close()
	var p Problem
	if answer.StatusCode >= 400 {
		json.NewDecoder(answer.Body).Decode(&p)
	}
	return answer, p
}

// operation is one of the document.
type operation struct {
	method, template string
	op               *v3.Operation
	path             string // with the examples of its parameters
	kind, body       string // of the request, "" for none
}

func operations(t *testing.T) (all []operation) {
	model, _ := contract()
	for template, item := range model.Paths.PathItems.FromOldest() {
		for method, op := range item.GetOperations().FromOldest() {
			o := operation{method: strings.ToUpper(method), template: template, op: op, path: template}
			for _, p := range op.Parameters {
				if p.In == "path" {
					o.path = strings.ReplaceAll(o.path, "{"+p.Name+"}", p.Example.Value)
				} else if p.Required != nil && *p.Required {
					o.path += "?" + p.Name + "=" + p.Example.Value
				}
			}
			if op.RequestBody != nil {
				o.takeBody(t)
			}
			all = append(all, o)
		}
	}
	return all
}

func (o *operation) takeBody(t *testing.T) {
	for kind, content := range o.op.RequestBody.Content.FromOldest() {
		o.kind, o.body = kind, "bytes"
		if content.Example == nil {
			continue
		}
		var example any
		if err := content.Example.Decode(&example); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		o.body = string(text)
	}
}

// ask makes the operation's request as the document has it. The dashboard is for the
// socket.
func (f *full) drive(o operation, change ...func(*http.Request)) (int, Problem) {
	f.t.Helper()
	if o.template == "/v1/dashboard" {
		return f.driveSocket(o, f.socket)
	}
	ctx, cancel := context.WithCancel(f.t.Context())
	defer cancel() // ends a stream
	change = append(change, func(r *http.Request) { *r = *r.WithContext(ctx) })
	answer, p := f.ask(o.method, o.path, o.kind, strings.NewReader(o.body), change...)
	return answer.StatusCode, p
}

func (f *full) driveSocket(o operation, c *http.Client) (int, Problem) {
	r, err := http.NewRequestWithContext(f.t.Context(), o.method, "http://passeur"+o.path, strings.NewReader(o.body))
	if err != nil {
		f.t.Fatal(err)
	}
	if o.kind != "" {
		r.Header.Set("Content-Type", o.kind)
	}
	answer, p := f.do(c, r)
	return answer.StatusCode, p
}

var codeInText = regexp.MustCompile("`([a-z-]+)`: ")

// TestEachOperationIsDriven: each answer that the document promises can be had, each
// request in it is accepted as it stands, and what it forbids is refused.
func TestEachOperationIsDriven(t *testing.T) {
	f := newFull(t)
	for _, o := range operations(t) {
		if status, p := f.drive(o); status >= 300 {
			t.Errorf("%s %s: %d %+v", o.method, o.template, status, p)
		}
		for status, response := range o.op.Responses.Codes.FromOldest() {
			for _, found := range codeInText.FindAllStringSubmatch(response.Description, -1) {
				f.provoke(o, status, found[1])
			}
		}
		f.driveForbidden(o)
	}
	f.drivePart()
	for _, o := range operations(t) {
		for status := range o.op.Responses.Codes.KeysFromOldest() {
			if !f.judge.seen[o.method+" "+o.template+" "+status] {
				t.Errorf("%s %s never answered %s", o.method, o.template, status)
			}
		}
		if !f.judge.seen[o.method+" "+o.template+" default"] {
			t.Errorf("%s %s never answered a problem of any", o.method, o.template)
		}
	}
}

// provoke brings about a problem that the document promises.
func (f *full) provoke(o operation, status, code string) {
	f.t.Helper()
	var got int
	var p Problem
	switch trigger := f.triggers()[o.method+" "+o.template+" "+code]; {
	case trigger != nil:
		got, p = trigger(o)
	case code == CodeUnavailable:
		got, p = f.driveBare(o)
	default:
		f.node.err = problem(code, "made to fail")
		got, p = f.drive(o)
		f.node.err = nil
	}
	if p.Code != code || statusOf(code) != got && status != "416" {
		f.t.Errorf("%s %s: asked for %s %s, got %d %+v", o.method, o.template, status, code, got, p)
	}
}

// triggers are the problems that no node tells.
func (f *full) triggers() map[string]func(operation) (int, Problem) {
	with := func(body string) func(operation) (int, Problem) {
		return func(o operation) (int, Problem) { o.body = body; return f.drive(o) }
	}
	failing := func(o operation) (int, Problem) {
		f.failing = errors.New("made to fail")
		defer func() { f.failing = nil }()
		return f.drive(o)
	}
	changed := func(change func(*node.Transfer)) func(operation) (int, Problem) {
		return func(o operation) (int, Problem) {
			before := f.node.transfers[0]
			defer func() { f.node.transfers[0] = before }()
			change(&f.node.transfers[0])
			return f.drive(o)
		}
	}
	return map[string]func(operation) (int, Problem){
		"GET /v1/transfers/{id} unknown-transfer":         changed(func(t *node.Transfer) { t.ID = "none" }),
		"GET /v1/transfers/{id}/content unknown-transfer": changed(func(t *node.Transfer) { t.ID = "none" }),
		"GET /v1/transfers/{id}/content not-here":         changed(func(t *node.Transfer) { t.Direction = node.Outgoing }),
		"GET /v1/transfers/{id}/content bad-file":         changed(func(t *node.Transfer) { t.File += " moved" }),
		"GET /v1/transfers/{id}/content invalid-request":  f.drivePastTheEnd,
		"GET /v1/pairings/{id} unknown-pairing":           func(o operation) (int, Problem) { o.path += "0"; return f.drive(o) },
		"POST /v1/transfers unknown-upload":               with(`{"uploads":["0000000000000000"],"contact":"bob"}`),
		"POST /v1/transfers idempotency":                  f.driveTwice,
		"PUT /v1/uploads/{name} cut-short":                f.driveCut,
		"PUT /v1/log bad-levels":                          with(`{"levels":"bad"}`),
		"POST /v1/reload bad-config":                      failing,
		"GET /readyz not-ready":                           failing,
		"POST /v1/dashboard socket-only":                  func(o operation) (int, Problem) { a, p := f.ask(o.method, o.path, "", nil); return a.StatusCode, p },
	}
}

func (f *full) drivePastTheEnd(o operation) (int, Problem) {
	return f.drive(o, func(r *http.Request) { r.Header.Set("Range", "bytes=100-") })
}

// drivePart asks for a part of a file.
func (f *full) drivePart() {
	answer, _ := f.ask(http.MethodGet, "/v1/transfers/"+id+"/content", "", nil, func(r *http.Request) { r.Header.Set("Range", "bytes=2-3") })
	if answer.StatusCode != http.StatusPartialContent {
		f.t.Errorf("a part: %s", answer.Status)
	}
}

// driveTwice sends two things with one key.
func (f *full) driveTwice(o operation) (int, Problem) {
	key := func(r *http.Request) { r.Header.Set("Idempotency-Key", "k") }
	f.drive(o, key)
	o.body = `{"file":"/another","contact":"bob"}`
	return f.drive(o, key)
}

// driveCut ends the upload before its time. No client of HTTP does that and hears the
// answer.
func (f *full) driveCut(o operation) (int, Problem) {
	r := httptest.NewRequestWithContext(f.t.Context(), o.method, "http://"+f.tcp+o.path, io.MultiReader(strings.NewReader("by"), failing{io.ErrUnexpectedEOF}))
	r.Header.Set("Content-Type", o.kind)
	f.judge.mu.Lock()
	f.judge.seen["PUT /v1/uploads/{name} 400"] = true
	f.judge.mu.Unlock()
	w := newRecorder()
	f.server.mux.ServeHTTP(w, r)
	var p Problem
	json.Unmarshal(w.Body.Bytes(), &p)
	return w.Code, p
}

// recorder takes deadlines, as a connection does.
type recorder struct{ *httptest.ResponseRecorder }

func newRecorder() recorder { return recorder{httptest.NewRecorder()} }

func (recorder) SetReadDeadline(time.Time) error  { return nil }
func (recorder) SetWriteDeadline(time.Time) error { return nil }

// driveBare asks a server that has a node and nothing else.
func (f *full) driveBare(o operation) (int, Problem) {
	bare := NewServer(Options{})
	bare.Use(f.node)
	c := serveSocket(f.t, bare, f.t.TempDir())
	j := newJudge(f.t, c.http.Transport)
	j.seen = f.judge.seen
	return f.driveSocket(o, &http.Client{Transport: j})
}

// driveForbidden sends what the document forbids, which the judge sees refused.
func (f *full) driveForbidden(o operation) {
	f.t.Helper()
	refused := func(what string, want int, o operation, change ...func(*http.Request)) {
		f.t.Helper()
		a, p := f.ask(o.method, o.path, o.kind, strings.NewReader(o.body), change...)
		if a.StatusCode != want {
			f.t.Errorf("%s %s: %s: %s %+v", o.method, o.template, what, a.Status, p)
		}
	}
	refused("another host", http.StatusMisdirectedRequest, o, func(r *http.Request) { r.Host = "example.org" })
	unknown := o
	unknown.path += map[bool]string{true: "&", false: "?"}[strings.Contains(o.path, "?")] + "nonsense=1"
	if strings.HasPrefix(o.template, "/v1/") {
		refused("an unknown parameter", http.StatusBadRequest, unknown)
	}
	if o.kind == "" {
		return
	}
	kind := o
	kind.kind = "text/plain"
	refused("another media type", http.StatusUnsupportedMediaType, kind)
	if o.kind != "application/json" {
		return
	}
	for what, body := range map[string]string{"an unknown key": `{"nonsense":1,` + o.body[1:], "no object": `[1]`, "no JSON": `{`, "two values": o.body + o.body} {
		wrong := o
		wrong.body = body
		refused(what, http.StatusBadRequest, wrong)
	}
	big := o
	big.body = `{"x":"` + strings.Repeat("x", maxBody) + `"}`
	refused("a body that is too big", http.StatusRequestEntityTooLarge, big)
}
