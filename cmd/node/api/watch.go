package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// maxEvent is the longest line of an event stream that a client takes, in bytes.
const maxEvent = 16 << 20

// Events is a stream of what happens, from the moment that Client.Events
// returned it. It is read by one goroutine.
type Events struct {
	body  io.ReadCloser
	lines *bufio.Scanner
}

// Events opens the stream: of one transfer, or of everything when id is "".
// Cancelling ctx ends it; Close frees it.
func (c *Client) Events(ctx context.Context, id string) (*Events, error) {
	path := "/v1/events"
	if id != "" {
		path += "?transfer=" + url.QueryEscape(id)
	}
	answer, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return eventsOf(answer), nil
}

func eventsOf(answer *http.Response) *Events {
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxEvent)
	return &Events{answer.Body, lines}
}

// ErrMissed says that events were lost: this reader was too slow.
var ErrMissed = errors.New("events of the node were missed")

// Next waits for the next event. io.EOF: the node closed the stream. ErrMissed: open it
// again, and ask how things are.
func (e *Events) Next() (Event, error) {
	for e.lines.Scan() {
		data, found := bytes.CutPrefix(e.lines.Bytes(), []byte("data: "))
		if !found {
			continue // comment, event kind, or the blank line after each event
		}
		var event Event
		if err := json.Unmarshal(data, &event); err != nil {
			return event, fmt.Errorf("read an event of the node: %w", err)
		}
		if event.Reset {
			return event, ErrMissed
		}
		return event, nil
	}
	if err := e.lines.Err(); err != nil {
		return Event{}, err
	}
	return Event{}, io.EOF
}

// Close frees the stream.
func (e *Events) Close() error { return e.body.Close() }
