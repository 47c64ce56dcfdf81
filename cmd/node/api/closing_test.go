package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/passeur-p2p/passeur/node"
)

// leaving is a backend whose stores close under what it is asked.
type leaving struct {
	backend
	asked, closed chan struct{}
}

func newLeaving() *leaving {
	return &leaving{backend{events: make(chan node.Event)}, make(chan struct{}), make(chan struct{})}
}

func (l *leaving) Missed() ([]node.Message, error) {
	l.asked <- struct{}{}
	<-l.closed
	return nil, errors.New("sql: database is closed")
}

func (l *leaving) ExportConversation(string, io.Writer) error {
	_, err := l.Missed()
	return err
}

// mustHear fails the test if err is no problem of the code, with a status of 503.
func mustHear(t *testing.T, what, code string, err error) {
	t.Helper()
	var p *Problem
	if !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || p.Code != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// TestANodeThatClosesSaysSo to who asks, and to who was being answered; who watches
// hears all to the end.
func TestANodeThatClosesSaysSo(t *testing.T) {
	server, c := newServer(t)
	b := newLeaving()
	server.Use(b)
	events, err := c.Events(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	answers := make(chan error, 2)
	go func() { _, err := c.Missed(t.Context()); answers <- err }()
	go func() { answers <- c.Export(t.Context(), "x", t.Output()) }()
	<-b.asked
	<-b.asked
	server.Stop()
	server.Stop()          // no harm
	server.Use(&backend{}) // nor that
	close(b.closed)
	mustHear(t, "what was being answered", CodeClosing, <-answers)
	mustHear(t, "what was being answered", CodeClosing, <-answers)
	_, err = c.Files(t.Context())
	mustHear(t, "what is asked", CodeClosing, err)
	_, err = c.Events(t.Context(), "")
	mustHear(t, "who would watch", CodeClosing, err)
	b.events <- node.Event{Transfer: &node.Transfer{ID: id, Ended: true}}
	close(b.events)
	if e, err := events.Next(); err != nil || e.Transfer == nil || !e.Transfer.Ended {
		t.Errorf("who watches hears %+v, %v", e, err)
	}
	if e, err := events.Next(); err == nil {
		t.Errorf("the stream goes on with %+v", e)
	}
}

// TestANodeThatStartsAnewSaysSo to who was being answered by the one before, whether the
// next is there or not.
func TestANodeThatStartsAnewSaysSo(t *testing.T) {
	for what, next := range map[string]Backend{"none yet": nil, "another": &backend{}} {
		server, c := newServer(t)
		b := newLeaving()
		server.Use(b)
		answer := make(chan error, 1)
		go func() { _, err := c.Missed(t.Context()); answer <- err }()
		<-b.asked
		server.Use(nil)
		server.Use(next)
		close(b.closed)
		mustHear(t, what, CodeRestarting, <-answer)
	}
}

// TestWhoWaitsForTheNextNodeHearsThatNoneComes, at once.
func TestWhoWaitsForTheNextNodeHearsThatNoneComes(t *testing.T) {
	g := newGate()
	waited := make(chan error, 1)
	go func() { _, err := g.await(context.Background()); waited <- err }()
	g.close()
	mustHear(t, "who waits", CodeClosing, <-waited)
	_, err := g.await(t.Context())
	mustHear(t, "who comes", CodeClosing, err)
}

// TestFailuresOfANodeThatStaysAreItsOwn.
func TestFailuresOfANodeThatStaysAreItsOwn(t *testing.T) {
	g := newGate()
	h := &house{}
	g.use(h)
	disk := errors.New("the disk is on fire")
	if err := g.blame(h, disk); err != disk {
		t.Errorf("%v", err)
	}
	g.use(&house{}) // one that begins nothing any more, in front of the same node
	if err := g.blame(h, disk); err != disk {
		t.Errorf("%v", err)
	}
	g.close()
	mustHear(t, "the disk", CodeClosing, g.blame(h, disk))
	if err := g.blame(h, node.ErrUnknownContact); err != node.ErrUnknownContact {
		t.Errorf("%v", err)
	}
}
