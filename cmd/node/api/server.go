package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// maxHeader is the most that a request's header may have, in bytes.
const maxHeader = 64 << 10

// Server answers the requests of /v1 for one node at a time.
type Server struct {
	options Options
	logger  *slog.Logger
	page    http.Handler
	gate    *gate
	mux     *http.ServeMux
	api     huma.API

	uploads *uploads // nil without a home
	tickets *tickets
	sends   memory

	http    http.Server // of the unix socket
	local   connections // to it
	opening sync.Mutex  // held while a listener is opened for the page
	remote  connections // to the listeners on TCP

	mu        sync.Mutex
	listeners []tcpListener

	ctx    context.Context // the server's life
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// NewServer makes a server that waits for a node; see [Server.Use]. Shutdown or Close
// ends what it began.
func NewServer(o Options) *Server {
	s := &Server{options: o, logger: o.Logger, page: o.Page, gate: newGate(), mux: http.NewServeMux(), tickets: newTickets()}
	s.local.most, s.remote.most = maxConns, maxConns
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.api = humago.New(s.mux, newConfig())
	s.api.UseMiddleware(takeBodies)
	s.route()
	describe(s.api.OpenAPI())
	s.mux.HandleFunc("/", s.elsewhere)
	s.configure(&s.http, owners(withProfiles(s.mux)))
	if o.Home != "" {
		s.uploads = newUploads(o.Home, s.logger)
		s.tasks.Go(s.sweep)
	}
	return s
}

// sweep removes uploads that nobody sent, at once and then hourly.
func (s *Server) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		s.uploads.sweep(time.Now())
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return
		}
	}
}

// configure has an HTTP server answer by h, and bounds what others may do to it.
func (s *Server) configure(server *http.Server, h http.Handler) {
	server.Handler = patient(s.recovering(h))
	server.ConnContext = withConnection
	server.ReadHeaderTimeout = readTimeout
	server.IdleTimeout = time.Minute
	server.MaxHeaderBytes = maxHeader
	server.ErrorLog = slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn)
}

// route registers all operations.
func (s *Server) route() {
	s.routeNode()
	s.routeContacts()
	s.routePeople()
	s.routeConversations()
	s.routeTransfers()
	s.routeUploads()
	s.routeContent()
	s.routeTickets()
	s.routeFiles()
	s.routeLimits()
	s.routeEvents()
	s.routeUpkeep()
}

// Use answers for b from now on. With nil, requests wait for the next node, for
// some seconds; who closes a node says so first. What is being answered still
// belongs to the node before, whose event streams end when it closes.
func (s *Server) Use(b Backend) {
	if b == nil {
		s.gate.use(nil)
		return
	}
	h := &house{Backend: b, feed: newFeed()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return // it is closed
	}
	happened := b.Watch(s.ctx)
	s.tasks.Go(func() { h.feed.take(happened) })
	s.gate.use(h)
}

// Stop says that the node is about to be closed, and that none follows: what is asked
// from now on is answered CodeClosing, and so is what fails because of it. Event
// streams go on until the node closes.
func (s *Server) Stop() { s.gate.close() }

// Serve answers what comes in at l, a listener of [Listen], until Shutdown or
// Close; then it gives http.ErrServerClosed.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(limited{l, &s.local}) }

// Shutdown closes the listeners and waits for what is being answered. After an error
// Close cuts off the rest.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Stop() // nobody waits for another node
	shutdown := func(server *http.Server) error { return server.Shutdown(ctx) }
	if err := errors.Join(shutdown(&s.http), s.endTCP(shutdown)); err != nil {
		return err
	}
	return s.Close()
}

// Close cuts off whoever is still being answered, and waits for what the server does by
// itself.
func (s *Server) Close() error {
	s.mu.Lock()
	s.cancel() // nothing begins after this
	s.mu.Unlock()
	err := errors.Join(s.http.Close(), s.endTCP((*http.Server).Close))
	s.tasks.Wait()
	return err
}
