package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// pingEvery keeps an idle stream alive and finds readers that are gone.
const pingEvery = 15 * time.Second

func (s *Server) routeEvents() {
	schemas := s.api.OpenAPI().Components.Schemas
	event := schemas.Schema(reflect.TypeFor[Event](), true, "")
	add(s, route{
		method: http.MethodGet, path: "/v1/events", id: "watch", tag: tagEvents, summary: "Watch what happens",
		description: `Server-sent events, from the moment that the answer's header arrives until the node closes. The data of each
is an Event. Who opens the stream first and then asks for something misses nothing of it. The progress of a transfer is
said as often as the reader takes it.

With Last-Event-ID the stream begins with what came after that. If the node does not know it any more, or has started
anew since, the first event is "reset": what was missed is lost, read the lists again. A reader who falls behind by
thousands of events gets it too.`,
		content: "text/event-stream",
	}, watch)
	op := s.api.OpenAPI().Paths["/v1/events"].Get
	op.Responses["200"].Content["text/event-stream"].Schema.Extensions = map[string]any{"x-event": event}
	op.Responses["200"].Description = "An endless stream; each data line is an Event"
}

type watchIn struct {
	Transfer string `query:"transfer"`
	Last     string `header:"Last-Event-ID" maxLength:"100"`
}

func watch(_ context.Context, h *house, in *watchIn) (*huma.StreamResponse, error) {
	from, known := h.feed.newest(), true // before the header, which promises that it watches
	if in.Last != "" {
		var number uint64
		if number, known = h.feed.resume(in.Last); known {
			from = number
		}
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		r, w := humago.Unwrap(c)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		s := stream{feed: h.feed, only: in.Transfer, at: from, w: w, control: http.NewResponseController(w)}
		s.run(r.Context(), known)
	}}, nil
}

// stream is one reader of a feed.
type stream struct {
	feed    *feed
	only    string // a transfer's id, or ""
	at      uint64 // the last event that was written or passed over
	w       http.ResponseWriter
	control *http.ResponseController
}

// run writes events until the reader goes or the node closes. known is whether at is
// where the reader stopped.
func (s *stream) run(ctx context.Context, known bool) {
	if s.write(": passeur\n") != nil || !known && s.reset() != nil || s.write(fmt.Sprintf("id: %s\n\n", s.feed.id(s.at))) != nil {
		return
	}
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		events, missed, more := s.feed.after(s.at)
		if more == nil || s.tell(events, missed) != nil {
			return
		}
		if len(events) > 0 || missed {
			continue
		}
		select {
		case <-more:
		case <-ping.C:
			if s.write(": ping\n\n") != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *stream) tell(events []told, missed bool) error {
	if missed {
		s.at = s.feed.newest()
		return s.reset()
	}
	for _, e := range events {
		s.at = e.number
		if s.only != "" && e.transfer != s.only {
			continue
		}
		if err := s.write(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", s.feed.id(e.number), e.kind, e.data)); err != nil {
			return err
		}
	}
	return nil
}

// reset tells the reader that he has missed something.
func (s *stream) reset() error {
	return s.write(fmt.Sprintf("id: %s\nevent: reset\ndata: {\"time\":%q,\"reset\":true}\n\n", s.feed.id(s.at), time.Now().UTC().Format(time.RFC3339Nano)))
}

func (s *stream) write(text string) error {
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}

// kind is what an event is about, in one word.
func (e Event) kind() string {
	switch {
	case e.Contact != nil:
		return "contact"
	case e.Message != nil:
		return "message"
	case e.Conversation != nil:
		return "conversation"
	case e.Pairing != nil:
		return "pairing"
	case e.Device != nil:
		return "device"
	case e.Reset:
		return "reset"
	}
	return "transfer"
}
