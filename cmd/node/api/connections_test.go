package api

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/test/lab"
)

func (s *connections) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// bound allows so many connections.
func (s *connections) bound(most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = most
}

// TestStrangersTakeNoConnections from those who have the token: neither by saying
// nothing, nor by asking again and again.
func TestStrangersTakeNoConnections(t *testing.T) {
	f := newFull(t)
	const most = 8
	f.server.remote.bound(most)
	r := mustRequest(t, http.MethodGet, "http://"+f.tcp+"/v1/events")
	r.Header.Set("Authorization", "Bearer "+f.token)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	stream := eventsOf(answer)
	defer stream.Close()
	for i := range 10 * most {
		c, err := net.Dial("tcp", f.tcp)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			fmt.Fprintf(c, "GET /v1/node HTTP/1.1\r\nHost: %s\r\n\r\nGET /healthz HTTP/1.1\r\nHost: %[1]s\r\n\r\n", f.tcp)
		}
	}
	if a, p := f.ask(http.MethodGet, "/v1/node", "", nil); a.StatusCode != http.StatusOK {
		t.Errorf("the owner hears %s %+v", a.Status, p)
	}
	lab.Eventually(t, "no more than so many connections", func() bool { return f.server.remote.count() <= most })
	f.node.events <- node.Event{Contact: &node.Contact{Account: account(2), Name: "bob"}}
	if e, err := stream.Next(); err != nil || e.Contact == nil {
		t.Errorf("the owner's event stream gives %+v, %v", e, err)
	}
}

// TestTheOwnersConnectionsAreBounded too, event streams included, each kind for itself;
// and when one ends, another one may come.
func TestTheOwnersConnectionsAreBounded(t *testing.T) {
	f := newFull(t)
	const most = 4
	f.server.local.bound(most)
	c := NewClient(f.options.Home)
	defer c.Close()
	var streams []*Events
	for range most {
		e, err := c.Events(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		streams = append(streams, e)
	}
	if _, err := c.Node(t.Context()); err == nil {
		t.Error("one too many was answered")
	} else {
		t.Log(err)
	}
	if a, p := f.ask(http.MethodGet, "/v1/node", "", nil); a.StatusCode != http.StatusOK {
		t.Errorf("on TCP, where there is room, the owner hears %s %+v", a.Status, p)
	}
	streams[0].Close()
	lab.Eventually(t, "there is room again", func() bool { _, err := c.Node(t.Context()); return err == nil })
}

// TestConnectionsUnderTLSAreKnown by the token, as others are.
func TestConnectionsUnderTLSAreKnown(t *testing.T) {
	home := t.TempDir()
	s := NewServer(Options{Home: home})
	defer s.Close()
	s.Use(&backend{})
	files, pool := certificate(t, "node.example")
	addr, err := s.ListenTCP("127.0.0.1:0", files)
	if err != nil {
		t.Fatal(err)
	}
	token, err := openToken(home)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "node.example"}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	for sent, known := range map[string]bool{"x": false, token: true} {
		r := mustRequest(t, http.MethodGet, fmt.Sprintf("https://%s/v1/node", addr))
		r.Header.Set("Authorization", "Bearer "+sent)
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		s.remote.mu.Lock()
		if unknown := s.remote.unknown.Len(); s.remote.open-unknown != map[bool]int{true: 1}[known] {
			t.Errorf("by %q: %d of %d connections are not known", sent, unknown, s.remote.open)
		}
		s.remote.mu.Unlock()
		transport.CloseIdleConnections()
		lab.Eventually(t, "the connection is over", func() bool { return s.remote.count() == 0 })
	}
}
