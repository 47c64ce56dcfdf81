package demo

import (
	"errors"
	"fmt"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
)

// event is any line that a command prints with --json.
type event struct {
	Event       string           `json:"event"`
	Phase       node.Phase       `json:"phase"`
	Detail      string           `json:"detail"`
	Path        string           `json:"path"`
	PathDetails *api.PathDetails `json:"path_details"`
	Bytes       int64            `json:"bytes"`
	Size        int64            `json:"size"`
	Rate        float64          `json:"rate"`
	State       string           `json:"state"`
	SHA3Sum     string           `json:"sha3sum"`
	SHA3Tree    string           `json:"sha3tree"`
	Code        string           `json:"code"`
	Reason      string           `json:"reason"`
	Message     string           `json:"message"`
	File        string           `json:"file"`
}

// teller says in the demo's words what Alice's command tells.
type teller struct {
	d    *demo
	peer string
	// connected: the steps to a new connection were told, its path among them.
	connected bool
	quarters  int
}

func (t *teller) tell(e event) {
	switch e.Event {
	case "phase":
		t.connected = t.connected || e.Phase == node.PhaseTLS
		t.d.say("alice", "%s", show.Step(api.Transfer{Contact: t.peer}, e.Phase, e.Detail))
	case "path":
		t.path(e)
	case "progress":
		t.progress(e)
	}
}

func (t *teller) path(e event) {
	if p := e.PathDetails; p != nil && !t.connected {
		t.d.say("alice", "uses the connection that stands: %s over %s, %s, %s", e.Path, p.Transport, p.TLSVersion, p.TLSGroup)
	}
}

func (t *teller) progress(e event) {
	percent := show.Percent(e.Bytes, e.Size)
	if e.Bytes == 0 || percent/25 <= t.quarters {
		return
	}
	t.quarters = percent / 25
	t.d.say("alice", "%d %% %s", percent, show.Rate(e.Rate))
}

// checkPath gives an error unless the connection is what the demo promises.
func checkPath(p *api.PathDetails) error {
	switch {
	case p == nil:
		return errors.New("the sender does not say which way the file went")
	case p.Transport != "ice":
		return fmt.Errorf("the file went over %s, not over ICE", p.Transport)
	case p.TLSVersion != "TLS 1.3":
		return fmt.Errorf("the file was encrypted by %q, not by TLS 1.3", p.TLSVersion)
	}
	return nil
}
