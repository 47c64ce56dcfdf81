package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/tmaxmax/go-sse"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
)

func contactEvent(n int) Event {
	return Event{Contact: &Contact{Name: fmt.Sprint(n), State: node.Accepted}}
}

func transferEvent(id string, bytes int64, state filexfer.State) Event {
	return Event{Transfer: &Transfer{ID: id, Direction: node.Incoming, Bytes: bytes, State: state, Ended: state.Final(), Parts: []Part{}}}
}

func numbers(events []told) (all []uint64) {
	for _, e := range events {
		all = append(all, e.number)
	}
	return all
}

func TestProgressReplacesProgress(t *testing.T) {
	f := newFeed()
	f.add(transferEvent("a", 0, filexfer.Ongoing)) // 1: the beginning is no progress
	f.add(transferEvent("a", 1, filexfer.Ongoing)) // 2
	f.add(transferEvent("b", 1, filexfer.Ongoing)) // 3
	f.add(contactEvent(1))                         // 4
	f.add(transferEvent("a", 2, filexfer.Ongoing)) // 5 replaces 2
	f.add(transferEvent("a", 3, filexfer.Finished))
	events, missed, _ := f.after(0)
	if got := numbers(events); missed || !slices.Equal(got, []uint64{1, 3, 4, 5, 6}) {
		t.Errorf("%v, missed: %v", got, missed)
	}
	events, missed, _ = f.after(2) // which was replaced since
	if got := numbers(events); missed || !slices.Equal(got, []uint64{3, 4, 5, 6}) {
		t.Errorf("after 2: %v, missed: %v", got, missed)
	}
	if len(f.running) != 1 {
		t.Errorf("transfers that ended are kept: %v", f.running)
	}
}

func TestTheRingIsBounded(t *testing.T) {
	f := newFeed()
	for i := range ringEvents + 10 {
		f.add(contactEvent(i))
	}
	if len(f.ring) != ringEvents {
		t.Errorf("%d events are kept", len(f.ring))
	}
	if _, missed, _ := f.after(9); !missed {
		t.Error("event 10 is lost, and nobody says so")
	}
	if events, missed, _ := f.after(10); missed || len(events) != ringEvents {
		t.Errorf("%d events, missed: %v", len(events), missed)
	}
	long := Event{Message: &Message{Text: strings.Repeat("x", ringBytes/4)}}
	for range 10 {
		f.add(long)
	}
	if f.bytes > ringBytes || len(f.ring) == 0 {
		t.Errorf("%d bytes in %d events", f.bytes, len(f.ring))
	}
}

// TestASlowReaderHoldsUpNobody: the node's channel is always taken from.
func TestASlowReaderHoldsUpNobody(t *testing.T) {
	b := &backend{events: make(chan node.Event)}
	c, _ := serve(t, b)
	slow, err := c.Events(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	text := strings.Repeat("x", 32<<10)
	for range 3 * ringBytes / len(text) {
		b.events <- node.Event{Message: &node.Message{Text: text, Author: "bob"}}
	}
	for {
		if _, err := slow.Next(); err == ErrMissed {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// readEvents opens the stream with the last id that was read, and gives what comes.
func readEvents(t *testing.T, c *Client, last string) (next func() sse.Event, stop func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
	t.Cleanup(cancel)
	r := mustRequest(t, http.MethodGet, "http://passeur/v1/events").WithContext(ctx)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := c.http.Do(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	events := make(chan sse.Event)
	go func() {
		defer close(events)
		sse.Read(answer.Body, nil)(func(e sse.Event, err error) bool {
			if err == nil && e.Type != "" { // the first only says where the stream is
				events <- e
			}
			return err == nil
		})
	}()
	next = func() sse.Event {
		e, open := <-events
		if !open {
			t.Fatal("the stream ended")
		}
		return e
	}
	return next, func() {
		answer.Body.Close()
		for range events {
		}
	}
}

func TestEventsGoOnWhereTheReaderStopped(t *testing.T) {
	b := &backend{events: make(chan node.Event)}
	c, _ := serve(t, b)
	tell := func(name string) {
		b.events <- node.Event{Contact: &node.Contact{Name: name, State: node.Accepted, Account: account(2)}}
	}
	next, stop := readEvents(t, c, "")
	tell("one")
	first := next()
	stop()
	tell("two")
	tell("three")
	next, stop = readEvents(t, c, first.LastEventID)
	if two, three := next(), next(); !strings.Contains(two.Data, `"two"`) || !strings.Contains(three.Data, `"three"`) || two.Type != "contact" {
		t.Errorf("%+v, %+v", two, three)
	}
	stop()
	start, _, _ := strings.Cut(first.LastEventID, "-")
	for _, unknown := range []string{"another-1", start + "-1000", start + "-", start + "--1", "x", "-", start} {
		next, stop = readEvents(t, c, unknown)
		if e := next(); e.Type != "reset" || !strings.Contains(e.Data, `"reset":true`) || !strings.HasPrefix(e.LastEventID, start+"-") {
			t.Errorf("%q: %+v", unknown, e)
		}
		stop()
	}
}

// TestEventsAreOfTheDocument: each line of data is an Event.
func TestEventsAreOfTheDocument(t *testing.T) {
	model, _ := contract()
	proxy, _ := model.Components.Schemas.Get("Event")
	v := schema_validation.NewSchemaValidator()
	check := func(data string) {
		t.Helper()
		if valid, faults := v.ValidateSchemaString(proxy.Schema(), data); !valid {
			t.Errorf("%s: %v", data, faults)
		}
	}
	b := &backend{events: make(chan node.Event)}
	c, _ := serve(t, b)
	next, stop := readEvents(t, c, "unknown-1")
	defer stop()
	check(next().Data)
	arrived := someTransfer(t)
	for _, e := range []node.Event{
		{Contact: &node.Contact{Name: "bob", State: node.Pending}, Removed: true},
		{Transfer: &arrived, Phase: node.PhaseVerified, Detail: "x"},
		{Message: &node.Message{Author: "bob", Text: "hi"}},
		{Conversation: &someTalk},
		{Pairing: &node.Pairing{ID: id, Purpose: node.PairFile, State: node.PairDone}},
		{Device: &node.Device{ID: device}},
	} {
		b.events <- e
		check(next().Data)
	}
	if valid, _ := v.ValidateSchemaString(proxy.Schema(), `{"time":"2026-11-23T00:00:00Z","lie":1}`); valid {
		t.Error("the judge takes anything")
	}
}

func FuzzResume(f *testing.F) {
	for _, seed := range []string{"", "-", "a-1", "a-18446744073709551616", "a--1", "a-+1", "a-1-2", "\x00-1"} {
		f.Add(seed)
	}
	feed := newFeed()
	feed.start = "a"
	for i := range 3 {
		feed.add(contactEvent(i))
	}
	f.Fuzz(func(t *testing.T, id string) {
		number, known := feed.resume(id)
		if known && (number > 3 || !strings.HasPrefix(id, "a-")) {
			t.Errorf("%q is event %d", id, number)
		}
	})
}

func FuzzTicket(f *testing.F) {
	tickets := newTickets()
	good := tickets.give("/v1/transfers/0123456789abcdef/content").URL
	for _, seed := range []string{good, "/?ticket=", "/v1/transfers/0123456789abcdef/content?ticket=a&ticket=b", "?%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		path, query, _ := strings.Cut(good, "?")
		if tickets.take(&http.Request{Method: http.MethodGet, URL: u}) && (u.Path != path || !reflect.DeepEqual(u.Query()["ticket"][:1], []string{strings.TrimPrefix(query, "ticket=")})) {
			t.Errorf("%q opens a download", text)
		}
	})
}

func FuzzUploadName(f *testing.F) {
	for _, seed := range []string{"a", "..", "/", "\x00", "a/../b", strings.Repeat("é", 300), "a\u202e", "nul.txt"} {
		f.Add(seed)
	}
	u := newUploads(f.TempDir(), nil)
	f.Fuzz(func(t *testing.T, name string) {
		up, err := u.take(name, 0, strings.NewReader(""), room)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		paths, settle, err := u.claim([]string{up.ID})
		if err != nil || len(paths) != 1 || !strings.HasPrefix(paths[0], u.dir+"/"+up.ID+"/") || strings.ContainsAny(up.Name, "/\\\x00") {
			t.Fatalf("%q: %q, %v", name, paths, err)
		}
		settle(io.EOF)
		if err := u.remove(up.ID); err != nil {
			t.Fatal(err)
		}
	})
}
