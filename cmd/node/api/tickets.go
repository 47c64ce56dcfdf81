package api

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	// ticketTime is how long a ticket may be used.
	ticketTime = 60 * time.Second
	// maxTickets bounds how many there are at once; the oldest goes first.
	maxTickets = 1000
)

// NewTicket asks for a ticket.
type NewTicket struct {
	// Path is what is to be downloaded: /v1/transfers/{id}/content.
	Path string `json:"path" pattern:"^/v1/transfers/[0-9a-f]{16}/content$" patternDescription:"/v1/transfers/{id}/content" example:"/v1/transfers/0123456789abcdef/content"`
}

// Ticket lets a browser download one file without the token.
type Ticket struct {
	// URL is where to get it, once: a path with the ticket in it.
	URL     string    `json:"url" example:"/v1/transfers/0123456789abcdef/content?ticket=MZXW6YTBOI2DINRTGQ3TQOJQGE"`
	Expires time.Time `json:"expires"` // a minute from now
}

// tickets are those that were given out and not used yet.
type tickets struct {
	mu   sync.Mutex
	open map[string]grant // by ticket
}

type grant struct {
	path    string
	expires time.Time
}

func newTickets() *tickets { return &tickets{open: map[string]grant{}} }

// give makes a ticket for a path.
func (t *tickets) give(path string) Ticket {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for ticket, g := range t.open {
		if now.After(g.expires) {
			delete(t.open, ticket)
		}
	}
	if len(t.open) >= maxTickets {
		delete(t.open, t.oldestLocked())
	}
	ticket, expires := rand.Text(), now.Add(ticketTime)
	t.open[ticket] = grant{path, expires}
	return Ticket{URL: path + "?" + url.Values{"ticket": {ticket}}.Encode(), Expires: expires.UTC()}
}

func (t *tickets) oldestLocked() (oldest string) {
	for ticket, g := range t.open {
		if oldest == "" || g.expires.Before(t.open[oldest].expires) {
			oldest = ticket
		}
	}
	return oldest
}

// take uses up the ticket of a request, and tells whether it was good. Tickets are
// random, and looked up by a hash that changes with each process: the time that takes
// tells nothing of others.
func (t *tickets) take(r *http.Request) bool {
	ticket := r.URL.Query().Get("ticket")
	if ticket == "" || r.Method != http.MethodGet {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	g, found := t.open[ticket]
	delete(t.open, ticket)
	return found && g.path == r.URL.Path && time.Now().Before(g.expires)
}

func (s *Server) routeTickets() {
	addPlain(s, route{
		method: http.MethodPost, path: "/v1/tickets", id: "makeTicket", tag: tagTransfers, summary: "Get a one-time address for a browser's download",
		description: "A browser that follows a link sends no token. The address works once, within 60 seconds.",
		status:      http.StatusCreated, example: NewTicket{"/v1/transfers/0123456789abcdef/content"},
	}, func(_ context.Context, in *ticketIn) (*answer[Ticket], error) {
		return inBody(s.tickets.give(in.Body.Path), nil)
	})
}

type ticketIn struct{ Body NewTicket }
