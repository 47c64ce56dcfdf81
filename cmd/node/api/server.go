package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node"
)

const (
	// maxBody is the most that a request may carry, in bytes: the longest message,
	// with each of its letters escaped.
	maxBody = 512 << 10
	// maxHeader is the same of a request's header.
	maxHeader = 64 << 10
	// readTimeout bounds how long a request may take to arrive.
	readTimeout = 10 * time.Second
)

// Server answers the requests of /v1 for one node at a time.
type Server struct {
	http http.Server
	gate *gate
}

// NewServer makes a server that waits for a node; see [Server.Use].
func NewServer(o Options) *Server {
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{gate: newGate(logger)}
	s.http = http.Server{
		Handler:           s.gate,
		ReadHeaderTimeout: readTimeout,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	return s
}

// Use answers for b from now on. With nil, requests wait for the next node, for
// some seconds; who closes a node says so first. What is being answered still
// belongs to the node before, whose event streams end when it closes.
func (s *Server) Use(b Backend) {
	if b == nil {
		s.gate.use(nil)
		return
	}
	s.gate.use(newHandler(b, s.gate.logger))
}

// Serve answers what comes in at l, a listener of [Listen], until Shutdown or
// Close; then it gives http.ErrServerClosed.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// ListenTCP answers on TCP too, at HOST:PORT, and gives the address that was bound (port
// 0 takes a free one). Requests need the token of the home, [TokenPath]. Beyond
// loopback it needs a certificate: without one it is refused. Close ends it.
func (s *Server) ListenTCP(addr string, c Certificate) (net.Addr, error) {
	return nil, errors.New("listen on TCP: not built in")
}

// Shutdown closes the listener and waits for what is being answered.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.Shutdown(ctx) }

// Close cuts off whoever is still being answered.
func (s *Server) Close() error { return s.http.Close() }

// handler answers the API's requests out of a Backend.
type handler struct {
	b      Backend
	logger *slog.Logger
}

func newHandler(b Backend, logger *slog.Logger) http.Handler {
	h := &handler{b, logger}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/node", h.json(h.node))
	mux.HandleFunc("GET /v1/doctor", h.json(h.doctor))
	mux.HandleFunc("GET /v1/path", h.json(h.path))
	mux.HandleFunc("GET /v1/contacts", h.json(h.contacts))
	mux.HandleFunc("POST /v1/contacts", h.json(h.addContact))
	mux.HandleFunc("POST /v1/contacts/{who}/accept", h.json(h.acceptContact))
	mux.HandleFunc("DELETE /v1/contacts/{who}", h.json(h.removeContact))
	h.routePeople(mux)
	h.routeConversations(mux)
	h.routeFiles(mux)
	h.routeLimits(mux)
	mux.HandleFunc("GET /v1/transfers", h.json(h.transfers))
	mux.HandleFunc("POST /v1/transfers", h.json(h.send))
	mux.HandleFunc("GET /v1/transfers/{id}", h.json(h.transfer))
	mux.HandleFunc("POST /v1/transfers/{id}/accept", h.json(h.accept))
	mux.HandleFunc("POST /v1/transfers/{id}/refuse", h.json(h.refuse))
	mux.HandleFunc("POST /v1/transfers/{id}/cancel", h.json(h.cancel))
	mux.HandleFunc("GET /v1/events", h.events)
	mux.HandleFunc("/", h.json(func(r *http.Request) (int, any, error) {
		return 0, nil, problem(http.StatusNotFound, CodeNotFound,
			fmt.Sprintf("this node has no %s %s", r.Method, r.URL.Path))
	}))
	return mux
}

// json turns a function that gives status and answer into a handler.
func (h *handler) json(f func(*http.Request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var answer any
		var status int
		err := takeBody(w, r)
		if err == nil {
			status, answer, err = f(r)
		}
		if err != nil {
			p := problemOf(err)
			h.logger.Debug("request failed", "method", r.Method, "path", r.URL.Path, "code", p.Code, "err", err)
			writeProblem(w, p)
			return
		}
		writeJSON(w, status, answer)
	}
}

func writeJSON(w http.ResponseWriter, status int, answer any) {
	if answer == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer) // a failed write means that nobody reads it
}

// takeBody brings the request's body into memory, within a size and a time. The
// time ends there: a request may then take as long as its work does.
func takeBody(w http.ResponseWriter, r *http.Request) error {
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return problem(http.StatusRequestEntityTooLarge, CodeInvalid,
			fmt.Sprintf("the request's body is over %d bytes", tooBig.Limit))
	}
	if err != nil {
		return problem(http.StatusBadRequest, CodeInvalid, "read the request's body: "+err.Error())
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return control.SetReadDeadline(time.Time{})
}

// readJSON reads a body of exactly one object whose keys are all known. An
// empty body leaves into as it is.
func readJSON(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return problem(http.StatusBadRequest, CodeInvalid, "the request's body: "+err.Error())
	}
	if d.More() {
		return problem(http.StatusBadRequest, CodeInvalid, "the request's body has more than one value")
	}
	return nil
}

func (h *handler) node(*http.Request) (int, any, error) {
	return http.StatusOK, NodeOf(h.b.Identity()), nil
}

func (h *handler) doctor(r *http.Request) (int, any, error) {
	return http.StatusOK, checkupOf(h.b.Doctor(r.Context())), nil
}

func (h *handler) path(r *http.Request) (int, any, error) {
	who := r.URL.Query().Get("contact")
	c, err := h.contact(who)
	if err != nil {
		return 0, nil, err
	}
	devices, err := h.b.Explain(r.Context(), c.Account.String())
	return http.StatusOK, explanationOf(c, devices), err
}

func (h *handler) contacts(*http.Request) (int, any, error) {
	all := h.b.Contacts()
	out := make([]Contact, 0, len(all))
	for _, c := range all {
		out = append(out, contactOf(c))
	}
	return http.StatusOK, out, nil
}

func (h *handler) addContact(r *http.Request) (int, any, error) {
	var in NewContact
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	account, err := conversation.ParseAccount(in.Account)
	if err != nil {
		return 0, nil, err
	}
	c, err := h.b.AddContact(r.Context(), account, in.Name)
	return http.StatusCreated, contactOf(c), err
}

func (h *handler) acceptContact(r *http.Request) (int, any, error) {
	var in Alias
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	account, err := h.account(r.PathValue("who"))
	if err != nil {
		return 0, nil, err
	}
	c, err := h.b.AcceptContact(r.Context(), account, in.Name)
	return http.StatusOK, contactOf(c), err
}

func (h *handler) removeContact(r *http.Request) (int, any, error) {
	account, err := h.account(r.PathValue("who"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, h.b.RemoveContact(r.Context(), account)
}

// account finds whom an account's text or a local alias means. The name of a
// pending contact is its own choice, so it names nobody here.
func (h *handler) account(who string) (conversation.Account, error) {
	for _, c := range h.b.Contacts() {
		if strings.EqualFold(c.Name, who) && c.State != node.Pending {
			return c.Account, nil
		}
	}
	if !strings.HasPrefix(who, conversation.AccountScheme) {
		return conversation.Account{}, fmt.Errorf("%w: %q", node.ErrUnknownContact, who)
	}
	return conversation.ParseAccount(who)
}

// contact finds the contact that an account's text or a local alias means.
func (h *handler) contact(who string) (node.Contact, error) {
	account, err := h.account(who)
	if err != nil {
		return node.Contact{}, err
	}
	for _, c := range h.b.Contacts() {
		if c.Account == account {
			return c, nil
		}
	}
	return node.Contact{}, fmt.Errorf("%w: %s", node.ErrUnknownContact, account)
}

func (h *handler) transfers(*http.Request) (int, any, error) {
	all := h.b.Transfers()
	out := make([]Transfer, 0, len(all))
	for _, t := range all {
		out = append(out, transferOf(t))
	}
	return http.StatusOK, out, nil
}

func (h *handler) transfer(r *http.Request) (int, any, error) {
	id := r.PathValue("id")
	t, found := h.b.Transfer(id)
	if !found {
		return 0, nil, fmt.Errorf("%w: %q", node.ErrUnknownTransfer, id)
	}
	return http.StatusOK, transferOf(t), nil
}

func (h *handler) send(r *http.Request) (int, any, error) {
	var in NewTransfer
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	paths := in.Files
	if in.File != "" {
		paths = append([]string{in.File}, paths...)
	}
	t, err := h.b.SendFiles(r.Context(), paths, in.Contact)
	return http.StatusCreated, transferOf(t), err
}

func (h *handler) accept(r *http.Request) (int, any, error) {
	var in Target
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	t, err := h.b.Accept(r.Context(), r.PathValue("id"), in.Path, in.Only...)
	return http.StatusOK, transferOf(t), err
}

func (h *handler) refuse(r *http.Request) (int, any, error) {
	t, err := h.b.Refuse(r.Context(), r.PathValue("id"))
	return http.StatusOK, transferOf(t), err
}

func (h *handler) cancel(r *http.Request) (int, any, error) {
	t, err := h.b.Cancel(r.Context(), r.PathValue("id"))
	return http.StatusOK, transferOf(t), err
}
