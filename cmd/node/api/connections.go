package api

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// maxConns is how many connections there may be to the unix socket, and how many to all
// listeners on TCP together, event streams included. Each is a descriptor that the node
// then lacks for others.
const maxConns = 256

// connections are those to one or more listeners, of which there are at most so many.
// With one too many, the oldest goes of those that are not known. If all are known, that
// is the newcomer.
type connections struct {
	most int

	mu      sync.Mutex
	open    int       // guarded by mu
	unknown list.List // guarded by mu; of *connection, oldest first
}

// connection is one that counts.
type connection struct {
	net.Conn
	among *connections
	place *list.Element // in unknown, or nil; guarded by among.mu
	over  sync.Once
}

// limited is a listener whose connections count.
type limited struct {
	net.Listener
	to *connections
}

func (l limited) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.to.add(c), nil
}

func (s *connections) add(c net.Conn) *connection {
	x := &connection{Conn: c, among: s}
	s.mu.Lock()
	s.open++
	x.place = s.unknown.PushBack(x)
	var goes *connection
	if s.open > s.most {
		goes = s.unknown.Front().Value.(*connection)
	}
	s.mu.Unlock()
	if goes != nil {
		goes.Close() // the server that reads of it sees the end
	}
	return x
}

// know says that whoever opened x has the right to.
func (s *connections) know(x *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knowLocked(x)
}

func (s *connections) knowLocked(x *connection) {
	if x.place != nil {
		s.unknown.Remove(x.place)
		x.place = nil
	}
}

// Close counts x out, once.
func (x *connection) Close() error {
	x.over.Do(func() {
		x.among.mu.Lock()
		defer x.among.mu.Unlock()
		x.among.open--
		x.among.knowLocked(x)
	})
	return x.Conn.Close()
}

// connectionKey is the context's key of a request's *connection.
type connectionKey struct{}

// withConnection is an http.Server's ConnContext.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	if secured, is := c.(*tls.Conn); is {
		c = secured.NetConn()
	}
	return context.WithValue(ctx, connectionKey{}, c)
}

// letIn makes the connection of a request known: the request had the right to be made.
func letIn(r *http.Request) {
	if x, counts := r.Context().Value(connectionKey{}).(*connection); counts {
		x.among.know(x)
	}
}

// owners answers those who may open the unix socket, by which they are known.
func owners(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		letIn(r)
		h.ServeHTTP(w, r)
	})
}
