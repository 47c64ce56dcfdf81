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

	http http.Server // of the unix socket

	ctx    context.Context // the server's life
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// NewServer makes a server that waits for a node; see [Server.Use]. Shutdown or Close
// ends what it began.
func NewServer(o Options) *Server {
	s := &Server{options: o, logger: o.Logger, page: o.Page, gate: newGate(), mux: http.NewServeMux()}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.api = humago.New(s.mux, newConfig())
	s.api.UseMiddleware(takeBodies)
	s.route()
	describe(s.api.OpenAPI())
	s.mux.HandleFunc("/", s.elsewhere)
	s.configure(&s.http, s.mux)
	return s
}

// configure has an HTTP server answer by h, and bounds what others may do to it.
func (s *Server) configure(server *http.Server, h http.Handler) {
	server.Handler = patient(s.recovering(h))
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
	s.routeFiles()
	s.routeLimits()
	s.routeEvents()
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
	happened := b.Watch(s.ctx)
	s.tasks.Go(func() { h.feed.take(happened) })
	s.gate.use(h)
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

// Shutdown closes the listeners and waits for what is being answered. After an error
// Close cuts off the rest.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return err
	}
	return s.stop()
}

// Close cuts off whoever is still being answered.
func (s *Server) Close() error { return errors.Join(s.http.Close(), s.stop()) }

// stop ends what the server does by itself.
func (s *Server) stop() error {
	s.cancel()
	s.tasks.Wait()
	return nil
}
