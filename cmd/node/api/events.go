package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	// pingEvery keeps an idle stream alive and finds readers that are gone.
	pingEvery = 15 * time.Second
	// writeTimeout is how long a reader may stall before its stream is ended.
	writeTimeout = 30 * time.Second
)

// events streams what happens as server-sent events until the reader goes or
// the node closes. With ?transfer=ID only that transfer's events pass.
func (h *handler) events(w http.ResponseWriter, r *http.Request) {
	only := r.URL.Query().Get("transfer")
	happened := h.b.Watch(r.Context()) // before the header, which promises that it watches
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	s := stream{w, http.NewResponseController(w)}
	if s.write(": passeur\n\n") != nil {
		return
	}
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var err error
		select {
		case e, open := <-happened:
			if !open {
				return
			}
			if only == "" || e.Transfer != nil && e.Transfer.ID == only {
				err = s.event(eventOf(e))
			}
		case <-ping.C:
			err = s.write(": ping\n\n")
		}
		if err != nil {
			return
		}
	}
}

// stream writes server-sent events, each with a deadline of its own.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s stream) event(e Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return s.write(fmt.Sprintf("event: %s\ndata: %s\n\n", e.kind(), data))
}

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
	}
	return "transfer"
}

func (s stream) write(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
