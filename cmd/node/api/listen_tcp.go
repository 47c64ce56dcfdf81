package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// ErrBare says that the API was to be reached from other machines without TLS.
var ErrBare = errors.New("beyond loopback the API needs TLS: name a certificate and its key (http-cert, http-key), or listen on 127.0.0.1")

// tcpListener is one that answers on TCP.
type tcpListener struct {
	server *http.Server
	addr   *net.TCPAddr
	tls    bool
}

// ListenTCP answers on TCP too, at HOST:PORT, and gives the address that was bound (port
// 0 takes a free one). Requests need the token of the home, [TokenPath], which is made if
// there is none. Beyond loopback it needs a certificate: without one it is ErrBare. An
// empty HOST is every address of the machine. Shutdown and Close end it.
func (s *Server) ListenTCP(addr string, c Certificate) (net.Addr, error) {
	bound, err := s.listenTCP(addr, c)
	if err != nil {
		return nil, fmt.Errorf("open the API on TCP at %q: %w", addr, err)
	}
	return bound, nil
}

func (s *Server) listenTCP(addr string, c Certificate) (net.Addr, error) {
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, err
	}
	config, leaf, err := c.load()
	if err != nil {
		return nil, err
	}
	if config == nil && !at.IP.IsLoopback() {
		return nil, ErrBare
	}
	if s.options.Home == "" {
		return nil, errors.New("there is no home for its token")
	}
	if _, err := openToken(s.options.Home); err != nil {
		return nil, err
	}
	l, err := net.ListenTCP("tcp", at)
	if err != nil {
		return nil, err
	}
	bound := l.Addr().(*net.TCPAddr)
	s.serveTCP(l, config, &guard{addr: bound, cert: leaf, home: s.options.Home, tickets: s.tickets, crossing: http.NewCrossOriginProtection(), next: s.mux})
	return bound, nil
}

// load reads the files; no files are no TLS.
func (c Certificate) load() (*tls.Config, *x509.Certificate, error) {
	if c == (Certificate{}) {
		return nil, nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("read the certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}, pair.Leaf, nil
}

func (s *Server) serveTCP(l net.Listener, config *tls.Config, g *guard) {
	server := &http.Server{TLSConfig: config}
	s.configure(server, g)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		l.Close()
		return
	}
	s.listeners = append(s.listeners, tcpListener{server, g.addr, config != nil})
	within := limited{l, &s.remote}
	s.tasks.Go(func() {
		var err error
		if config == nil {
			err = server.Serve(within)
		} else {
			err = server.ServeTLS(within, "", "")
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("the API on TCP ended", "addr", g.addr, "err", err)
		}
	})
}

// pageAddr is where the page is on loopback, in the clear. A listener is opened for it
// if there is none.
func (s *Server) pageAddr() (net.Addr, error) {
	s.opening.Lock() // two requests at once open one listener
	defer s.opening.Unlock()
	s.mu.Lock()
	for _, l := range s.listeners {
		if !l.tls && l.addr.IP.IsLoopback() {
			s.mu.Unlock()
			return l.addr, nil
		}
	}
	s.mu.Unlock()
	return s.ListenTCP("127.0.0.1:0", Certificate{})
}

// endTCP has each server on TCP end by f.
func (s *Server) endTCP(f func(*http.Server) error) (err error) {
	s.mu.Lock()
	all := s.listeners
	s.mu.Unlock()
	for _, l := range all {
		err = errors.Join(err, f(l.server))
	}
	return err
}

func isOverTCP(ctx context.Context) bool { return ctx.Value(overTCP{}) != nil }
