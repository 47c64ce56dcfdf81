package show

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
)

// Explanation writes how a contact is, or was last, reached; now is the time.
func Explanation(w io.Writer, e api.Explanation, now time.Time) error {
	name := Clip(e.Name, 40)
	if e.State == node.Pending {
		name = Text(e.Account) // whose name is only what it calls itself
	}
	if len(e.Devices) == 0 {
		_, err := fmt.Fprintf(w, "%s: no device of this contact is known yet\n", name)
		return err
	}
	for i, d := range e.Devices {
		gap := ""
		if i > 0 {
			gap = "\n"
		}
		if _, err := fmt.Fprintf(w, "%s%s, device %s\n", gap, name, Text(d.Device)); err != nil {
			return err
		}
		if err := device(d, now).write(w); err != nil {
			return err
		}
	}
	return nil
}

func device(d api.Reach, now time.Time) *facts {
	var f facts
	if p := d.PathDetails; p == nil {
		f.say("now", "not connected; the next file tries to")
	} else {
		f.say("now", "%s, from %s to %s", pathWords(d.Path, p), p.Local, p.Remote)
		f.say("now", "%s", connectionWords(p))
	}
	if d.Last == nil {
		f.say("last try", "none over ICE since this node started")
		return &f
	}
	sayNegotiation(&f, *d.Last, now)
	return &f
}

// pathWords say what a path is: "relayed via turn:…".
func pathWords(path string, d *api.PathDetails) string {
	words := map[string]string{
		"direct":  "direct",
		"punched": "punched: straight through the routers (NAT)",
		"mapped":  "mapped: by a port that a router forwards",
	}[path]
	if words == "" {
		words = pathText(path, d)
	}
	return words
}

func connectionWords(d *api.PathDetails) string {
	words := []string{"over libp2p's TCP"}
	if d.Transport == "ice" {
		words[0] = "over ICE"
	}
	if d.RTT > 0 {
		words = append(words, "round trip "+Milliseconds(d.RTT))
	}
	for _, tls := range []string{d.TLSVersion, d.TLSGroup, d.TLSCipher} {
		if tls != "" {
			words = append(words, tls)
		}
	}
	return strings.Join(words, ", ")
}

func sayNegotiation(f *facts, n api.Negotiation, now time.Time) {
	who := "they called"
	if n.Controlling {
		who = "we called"
	}
	f.say("last try", "%s ago, %s, it took %s", ago(now.Sub(n.Ended)), who, Milliseconds(float64(n.Ended.Sub(n.Started).Microseconds())/1000))
	if n.PathDetails != nil {
		f.say("last try", "came to %s", pathWords(n.Path, n.PathDetails))
	}
	if n.Error != "" {
		f.say("last try", "no connection: %s", oneLine(n.Error))
	}
	sayCandidates(f, "our addresses", n.Local, "none")
	sayCandidates(f, "their addresses", n.Remote, "none: no answer came")
	for _, p := range n.Pairs {
		f.say("tried", "%s to %s (%s): %s", p.Local, p.Remote, candidateWord(p.RemoteType), pairWords(p))
	}
	if len(n.Pairs) == 0 {
		f.say("tried", "nothing")
	}
}

func sayCandidates(f *facts, about string, all []api.Candidate, none string) {
	for _, c := range all {
		f.say(about, "%s (%s)", c.Address, candidateWord(c.Type))
	}
	if len(all) == 0 {
		f.say(about, "%s", none)
	}
}

// candidateWord says how an address came about.
func candidateWord(kind string) string {
	switch kind {
	case "host":
		return "its own"
	case "srflx":
		return "as STUN servers see it"
	case "prflx":
		return "not announced"
	case "mapped":
		return "forwarded by a router"
	case "relay":
		return "lent by a TURN server"
	}
	return kind
}

func pairWords(p api.Pair) string {
	var words []string
	switch p.Outcome {
	case api.Nominated:
		words = append(words, "works, and was chosen")
	case api.Open:
		words = append(words, "connected, but was not chosen")
	default:
		words = append(words, "failed")
	}
	if p.Accepted {
		words = append(words, "opened by them")
	}
	if p.Failure != "" {
		words = append(words, p.Failure)
	}
	if p.FailedDials > 0 {
		words = append(words, count(p.FailedDials, "vain dial"))
	}
	return strings.Join(words, ", ")
}

// ago writes how long something is past, roughly.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}
