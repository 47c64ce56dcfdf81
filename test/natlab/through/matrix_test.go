package through

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab/people"
	"github.com/passeur-p2p/passeur/test/natlab"
	"github.com/passeur-p2p/passeur/test/natlab/wire"
)

// What the matrix is told by the environment.
const (
	pairEnv  = "NATLAB_PAIR"  // two kinds of NAT, such as prc,sym: only this pair
	tableEnv = "NATLAB_TABLE" // a file for the matrix as Markdown
)

// near is the way from each of the two to the middle, so that they are 20 ms from
// each other and back. Two routers that say RST, or remember having heard a stranger,
// are only passed while the calls of both sides are on their way at the same time,
// which they never are where there is no way at all.
const near = 5 * time.Millisecond

// pair is the kinds of NAT of the sender and of the receiver.
type pair struct{ a, b natlab.NAT }

func (p pair) String() string { return string(p.a) + "," + string(p.b) }

func (p pair) has(kinds ...natlab.NAT) bool {
	return slices.Contains(kinds, p.a) || slices.Contains(kinds, p.b)
}

// both: each side is one of the kinds.
func (p pair) both(kinds ...natlab.NAT) bool {
	return slices.Contains(kinds, p.a) && slices.Contains(kinds, p.b)
}

// paths are the kinds of path on which the pair may meet.
//
// Who can be dialled where he is known to be needs no punching, though calls of both
// may meet half-way all the same. Two that keep
// their ports meet half-way. A symmetric NAT shows a port that nobody foresaw, so
// behind one only dialling out works: to somebody open to strangers, or to a relay.
func (p pair) paths() []string {
	switch {
	case p.both(natlab.PRC, natlab.PRCRST, natlab.PRCNoFW):
		return []string{"punched"}
	case p.has(natlab.UPnP) && p.has(natlab.Sym):
		return []string{"mapped"}
	case p.has(natlab.UPnP):
		return []string{"direct", "punched", "mapped"}
	case p.has(natlab.Open, natlab.FullCone):
		return []string{"direct", "punched"}
	}
	return []string{"relayed"}
}

// pairs are those that the environment asks for, or all, in both directions.
func pairs(t *testing.T) (all []pair) {
	t.Helper()
	if text := os.Getenv(pairEnv); text != "" {
		a, b, _ := strings.Cut(text, ",")
		first, err := natlab.ParseNAT(a)
		if err != nil {
			t.Fatal(err)
		}
		second, err := natlab.ParseNAT(b)
		if err != nil {
			t.Fatal(err)
		}
		return []pair{{first, second}}
	}
	for _, a := range natlab.NATs {
		for _, b := range natlab.NATs {
			all = append(all, pair{a, b})
		}
	}
	return all
}

// Everyone meets everyone, as directly as routers allow: people who know two STUN
// servers and a TURN server, each pair of the kinds of NAT.
func TestMatrix(t *testing.T) {
	var m matrix
	t.Run("pairs", func(t *testing.T) {
		for _, p := range pairs(t) {
			t.Run(p.String(), func(t *testing.T) {
				t.Parallel()
				m.add(p, crosses(t, p))
			})
		}
	})
	t.Logf("\n%s", m.markdown())
	if path := os.Getenv(tableEnv); path != "" {
		if err := os.WriteFile(path, []byte(m.markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// crosses sends a file between a pair and checks the path. On a machine that is busy
// with much else, the hole may not be there when the relay is: then both begin anew.
func crosses(t *testing.T, p pair) people.Result {
	t.Helper()
	link := wire.Config{Delay: near}
	cfg := natlab.Config{A: natlab.Side{NAT: p.a, Link: link}, B: natlab.Side{NAT: p.b, Link: link}}
	s := meet(t, cfg, everything)
	r := sends(t, s.alice, s.bob, 4<<20)
	for tries := 1; r.Sent.Path == "relayed" && !slices.Contains(p.paths(), "relayed") && tries < 3; tries++ {
		t.Logf("relayed: %v", r.Steps)
		s.alice.Restart()
		s.bob.Restart()
		r = sends(t, s.alice, s.bob, 4<<20)
	}
	for who, got := range map[string]string{"alice": r.Sent.Path, "bob": r.Received.Path} {
		if !slices.Contains(p.paths(), got) {
			t.Errorf("%s's path is %q, want one of %q: %+v", who, got, p.paths(), r.Sent.PathDetails)
		}
	}
	return r
}

// everything: two STUN servers and a TURN server, known to both.
func everything(n *natlab.Net) (alice, bob servers) {
	s := servers{n.STUN(), []people.Relay{relayOf(n.TURN(natlab.TURNConfig{}), false, false)}}
	return s, s
}

// matrix collects what was measured.
type matrix struct {
	mu    sync.Mutex
	cells map[pair]string
}

func (m *matrix) add(p pair, r people.Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cells == nil {
		m.cells = map[pair]string{}
	}
	m.cells[p] = fmt.Sprintf("%s %.1f s", r.Sent.Path, r.FirstByte.Seconds())
}

// markdown is a table of the pairs, with the path and the time to the first byte.
func (m *matrix) markdown() string {
	var out strings.Builder
	out.WriteString("| |")
	for _, b := range natlab.NATs {
		fmt.Fprintf(&out, " %s |", b)
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(natlab.NATs)) + "\n")
	for _, a := range natlab.NATs {
		fmt.Fprintf(&out, "| **%s** |", a)
		for _, b := range natlab.NATs {
			fmt.Fprintf(&out, " %s |", m.cells[pair{a, b}])
		}
		out.WriteString("\n")
	}
	return out.String()
}
