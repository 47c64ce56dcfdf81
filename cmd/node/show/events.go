package show

import (
	"io"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// The lines of send --json, accept --json and get --json.
type (
	// OfferEvent is the first: the transfer as it begins.
	OfferEvent struct {
		Event     string         `json:"event"` // "offer"
		ID        string         `json:"id"`
		Direction node.Direction `json:"direction"`
		Contact   string         `json:"contact"`
		Name      string         `json:"name"`
		Size      int64          `json:"size"`
		State     filexfer.State `json:"state"`
		// Conversation and Entry are "" where the file belongs to none, or not yet.
		Conversation string `json:"conversation"`
		Entry        string `json:"entry"`
	}
	// PartEvent tells each change of state of one device that the file is offered to.
	PartEvent struct {
		Event string `json:"event"` // "part"
		ID    string `json:"id"`
		api.Part
	}
	// PhaseEvent is a step towards a connection.
	PhaseEvent struct {
		Event  string     `json:"event"` // "phase"
		ID     string     `json:"id"`
		Phase  node.Phase `json:"phase"`
		Detail string     `json:"detail"`
	}
	// ProgressEvent tells how much has crossed; rate is bytes per second.
	ProgressEvent struct {
		Event string  `json:"event"` // "progress"
		ID    string  `json:"id"`
		Bytes int64   `json:"bytes"`
		Size  int64   `json:"size"`
		Rate  float64 `json:"rate"`
	}
	// PathEvent tells which way the bytes go.
	PathEvent struct {
		Event       string           `json:"event"` // "path"
		ID          string           `json:"id"`
		Path        string           `json:"path"`
		PathDetails *api.PathDetails `json:"path_details"`
	}
	// DoneEvent is the last; rate is the mean.
	DoneEvent struct {
		Event    string         `json:"event"` // "done"
		ID       string         `json:"id"`
		State    filexfer.State `json:"state"`
		SHA3Sum  string         `json:"sha3sum"`
		SHA3Tree string         `json:"sha3tree"`
		// Code is "" if all is well; else Message says what people are told.
		Code    node.EndCode `json:"code"`
		Reason  string       `json:"reason"`
		Message string       `json:"message"`
		File    string       `json:"file"`
		Bytes   int64        `json:"bytes"`
		Size    int64        `json:"size"`
		Rate    float64      `json:"rate"`
		Path    string       `json:"path"`
		// Conversation and Entry are as those of the OfferEvent, Parts as they ended.
		Conversation string     `json:"conversation"`
		Entry        string     `json:"entry"`
		Parts        []api.Part `json:"parts"`
	}
	// ErrorEvent is the last line of any command with --json that failed before
	// or without a DoneEvent.
	ErrorEvent struct {
		Event   string `json:"event"` // "error"
		Code    string `json:"code"`
		Message string `json:"message"`
	}
)

// NewOfferEvent is what Offer writes.
func NewOfferEvent(t api.Transfer) OfferEvent {
	return OfferEvent{"offer", t.ID, t.Direction, t.Contact, t.Name, t.Size, t.State, t.Conversation, t.Entry}
}

// NewJSONReporter writes one event a line to w.
func NewJSONReporter(w io.Writer) Reporter { return jsonEvents{w} }

// jsonEvents does not report that w is closed: the transfer goes on without a reader.
type jsonEvents struct{ w io.Writer }

func (j jsonEvents) Offer(t api.Transfer) { JSON(j.w, NewOfferEvent(t)) }

func (j jsonEvents) Phase(t api.Transfer, phase node.Phase, detail string) {
	JSON(j.w, PhaseEvent{"phase", t.ID, phase, detail})
}

func (j jsonEvents) Waiting(api.Transfer) {}

func (j jsonEvents) Part(t api.Transfer, p api.Part) { JSON(j.w, PartEvent{"part", t.ID, p}) }

func (j jsonEvents) Path(t api.Transfer) {
	JSON(j.w, PathEvent{"path", t.ID, t.Path, t.PathDetails})
}

func (j jsonEvents) Progress(t api.Transfer, rate float64) {
	JSON(j.w, ProgressEvent{"progress", t.ID, t.Bytes, t.Size, rate})
}

func (j jsonEvents) Done(t api.Transfer, rate float64) {
	message := ""
	if t.State != filexfer.Finished {
		message = Failure(t)
	}
	JSON(j.w, DoneEvent{
		"done", t.ID, t.State, t.SHA3Sum, t.SHA3Tree, t.Code, t.Reason, message, t.File, t.Bytes, t.Size, rate, t.Path,
		t.Conversation, t.Entry, append([]api.Part{}, t.Parts...),
	})
}

func (j jsonEvents) Drop() {}
