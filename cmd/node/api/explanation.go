package api

import (
	"strings"
	"time"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/icetcp"
)

// Explanation tells how a contact is, or was last, reached, and why.
type Explanation struct {
	Contact
	// Devices are those of the contact that are known.
	Devices []Reach `json:"devices"`
}

// Reach is how one device of a contact is reached.
type Reach struct {
	Device string `json:"device"` // peer ID
	// Path and PathDetails are those of the connection that stands: "" and null
	// without one.
	Path        string       `json:"path" enum:",direct,punched,mapped,relayed"`
	PathDetails *PathDetails `json:"path_details"`
	// Last is null if there was none since the node started.
	Last *Negotiation `json:"last_negotiation"`
}

// Negotiation is what became of one attempt to connect over ICE.
type Negotiation struct {
	// Controlling: this side began.
	Controlling bool `json:"controlling"`
	// Started and Ended are when it began and when it was over.
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	// Local and Remote are the addresses that the two sides announced; Remote is
	// empty where the other side did not answer.
	Local  []Candidate `json:"local"`
	Remote []Candidate `json:"remote"`
	// Pairs are those that were tried.
	Pairs []Pair `json:"pairs"`
	// Path and PathDetails are of the pair that was nominated: "" and null if none was.
	Path        string       `json:"path" enum:",direct,punched,mapped,relayed"`
	PathDetails *PathDetails `json:"path_details"`
	// Error says why no connection came of it, "" if one did.
	Error string `json:"error"`
}

// Candidate is an address that a side announced. Type is host, srflx (seen by a
// STUN server), mapped (forwarded by a router) or relay (lent by a TURN server).
type Candidate struct {
	Type    string `json:"type" enum:"host,srflx,mapped,relay,prflx"`
	Address string `json:"address"` // ADDRESS:PORT
}

// Pair is one pair of addresses that was tried.
type Pair struct {
	// Local and Remote are ADDRESS:PORT.
	Local  string `json:"local"`
	Remote string `json:"remote"`
	// RemoteType is as in Candidate, or prflx if Remote was not announced.
	RemoteType string `json:"remote_type"`
	// Outcome is nominated (it carries the connection), open (it connected, another
	// was preferred) or failed.
	Outcome Outcome `json:"outcome" enum:"nominated,open,failed"`
	// Accepted: the other side opened it.
	Accepted bool `json:"accepted"`
	// FailedDials is how often it was dialled in vain, Failure how the last one failed.
	FailedDials int    `json:"failed_dials"`
	Failure     string `json:"failure"`
}

// Outcome is what became of a pair, in one word.
type Outcome string

const (
	Nominated Outcome = "nominated"
	Open      Outcome = "open"
	Failed    Outcome = "failed"
)

func explanationOf(c node.Contact, devices []node.Explanation) Explanation {
	return Explanation{contactOf(c), each(devices, reachOf)}
}

func reachOf(e node.Explanation) Reach {
	d := Reach{Device: e.Device.String()}
	if e.Path != nil {
		d.Path, d.PathDetails = string(e.Path.Kind), detailsOf(*e.Path)
	}
	if e.Last != nil {
		last := negotiationOf(*e.Last)
		d.Last = &last
	}
	return d
}

func negotiationOf(n icetcp.Negotiation) Negotiation {
	out := Negotiation{
		Controlling: n.Controlling, Started: n.Started.UTC(), Ended: n.Ended.UTC(),
		Local: each(n.Local, candidateOf), Remote: each(n.Remote, candidateOf),
		Pairs: each(n.Attempts, pairOf),
		Error: errorText(n.Err),
	}
	if n.Path != nil {
		out.Path, out.PathDetails = string(n.Path.Kind), detailsOf(*n.Path)
	}
	return out
}

func candidateOf(text string) Candidate {
	kind, addr, _ := strings.Cut(text, " ")
	return Candidate{kind, addr}
}

func pairOf(a icetcp.Attempt) Pair {
	p := Pair{
		Local: addrText(a.Local), Remote: addrText(a.Remote), RemoteType: a.RemoteType,
		Outcome: Failed, Accepted: a.Accepted, FailedDials: a.Dials, Failure: a.Failure,
	}
	switch {
	case a.Nominated:
		p.Outcome = Nominated
	case a.Open:
		p.Outcome = Open
	}
	return p
}
