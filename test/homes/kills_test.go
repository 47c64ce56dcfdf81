package homes

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// killsEnv says how many files TestKills sends, each with another seed.
const killsEnv = "PASSEUR_KILLS"

// TestKills kills nodes at random points of an offer, of its acceptance, of the
// transfer and of a request for the file. What a command has told of stays; nothing
// unfinished has a name; what is wanted comes; nothing is left over.
func TestKills(t *testing.T) {
	t.Parallel()
	kills := 12
	if text := os.Getenv(killsEnv); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s=%s: %v", killsEnv, text, err)
		}
	}
	s := newStreet(t)
	two := s.cautious("ann", "ben")
	ann, ben := party{two[0], "ben"}, party{two[1], "ann"}
	ann.meet("ben", ben.device, "ann")
	acquainted(t, []party{ann, ben})
	for _, d := range two {
		d.host.Slow(10_000_000)
	}
	for seed := 0; seed < kills && !t.Failed(); seed++ {
		k := newKill(t, uint64(seed), ann, ben)
		k.run()
		k.settle()
	}
}

// kill is a file that is sent, and the moment at which nodes are killed.
type kill struct {
	t        *testing.T
	rand     *rand.Rand
	from, to party
	victims  []*device
	step     string
	file     string
	dir      string // where the receiver wants it
	// What commands had told of when the nodes were killed: that the file is in the
	// conversation, and as which transfer it is wanted.
	sent   bool
	wanted string
}

var killSteps = []string{"offer", "accept", "transfer", "get"}

func newKill(t *testing.T, seed uint64, ann, ben party) *kill {
	t.Helper()
	k := &kill{t: t, rand: rand.New(rand.NewPCG(seed, 0)), from: ann, to: ben, dir: t.TempDir()}
	k.step = killSteps[seed%uint64(len(killSteps))]
	if k.rand.IntN(2) == 0 {
		k.from, k.to = ben, ann
	}
	k.victims = [][]*device{{ann.device}, {ben.device}, {ann.device, ben.device}}[k.rand.IntN(3)]
	size := 1 + k.rand.Int64N(1<<20)
	k.file = filepath.Join(t.TempDir(), fmt.Sprintf("kill-%d", seed))
	move(t, people.File(t, size), k.file)
	var names []string
	for _, v := range k.victims {
		names = append(names, v.name)
	}
	t.Logf("seed %d: %s sends %d bytes; at step %s %q are killed", seed, k.from.name, size, k.step, names)
	return k
}

// run takes the file as far as the kill lets it.
func (k *kill) run() {
	k.t.Helper()
	k.inTouch()
	name := filepath.Base(k.file)
	sending := k.from.Begin(k.t, "send", k.file, k.from.ref)
	if k.step == "offer" {
		heard := listen(sending)
		k.strike(300*time.Millisecond, func() { k.sent = heard.announced() })
		return
	}
	offer := k.to.offered(name)
	k.sent = true
	switch k.step {
	case "accept":
		heard := listen(k.to.Begin(k.t, "accept", offer.ID, "-o", k.dir))
		k.strike(100*time.Millisecond, func() { k.wanted = heard.id() })
	case "transfer":
		accepting := k.to.Begin(k.t, "accept", offer.ID, "-o", k.dir)
		accepting.Until(func(l people.Line) bool { return l.Event == "progress" || l.Event == "done" })
		k.strike(time.Second, func() { k.wanted = offer.ID })
	case "get":
		k.to.Run("refuse", offer.ID)
		heard := listen(k.to.Begin(k.t, "get", k.to.ref, name, "-o", k.dir))
		k.strike(time.Second, func() { k.wanted = heard.id() })
	}
}

// inTouch waits until the two are connected again, after what was before.
func (k *kill) inTouch() {
	k.t.Helper()
	hello := k.from.writes(k.from.ref, "here I am")
	lab.Eventually(k.t, k.to.name+" hears of "+k.from.name, func() bool {
		return slices.ContainsFunc(k.to.shows(k.to.ref).Messages, func(m api.Message) bool { return m.ID == hello.ID })
	})
}

// strike kills within a time that the seed chooses, right after a last look.
func (k *kill) strike(within time.Duration, look func()) {
	<-time.After(time.Duration(k.rand.Int64N(int64(within))))
	look()
	for _, v := range k.victims {
		v.Kill()
	}
}

// heard is what a command has printed so far.
type heard struct {
	mu    sync.Mutex
	lines []people.Line
}

func listen(j *people.Job) *heard {
	h := new(heard)
	go func() {
		for line := (people.Line{}); j.Next(&line); line = (people.Line{}) {
			h.mu.Lock()
			h.lines = append(h.lines, line)
			h.mu.Unlock()
		}
	}()
	return h
}

// id of the transfer that the command told of; "" if it did not yet.
func (h *heard) id() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.lines) == 0 {
		return ""
	}
	return h.lines[0].ID
}

// announced tells whether send has said that a device has the offer, for which a file of
// this size is in the conversation. The look for devices begins before.
func (h *heard) announced() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.lines, func(l people.Line) bool { return l.Event == "part" && l.State == filexfer.AwaitingPeer })
}

// settle starts the victims again, and looks what is left and what comes of it.
func (k *kill) settle() {
	k.t.Helper()
	k.wholeFiles()
	for _, v := range k.victims {
		v.Start()
	}
	for _, v := range k.victims {
		v.Ready()
	}
	name := filepath.Base(k.file)
	if k.sent && k.from.entryOf(name) == "" {
		k.t.Fatalf("send had told of %s, and %s has no entry of it", name, k.from.name)
	}
	switch {
	case k.wanted != "":
		lab.Eventually(k.t, "the wanted file comes", func() bool {
			return k.to.transfer(k.wanted).State == filexfer.Finished
		})
	case k.sent:
		lab.Eventually(k.t, k.to.name+" has the entry", func() bool { return k.to.entryOf(name) != "" })
		arrived(k.t, k.to.Begin(k.t, "get", k.to.ref, name, "-o", k.dir).Done(0), k.file)
	}
	k.nothingLeft()
}

// wholeFiles wants every file with a name to be the whole one.
func (k *kill) wholeFiles() (files, hidden []string) {
	k.t.Helper()
	files, hidden = folder(k.t, k.dir)
	want := people.OpenSSLSum(k.t, k.file)
	for _, f := range files {
		if people.OpenSSLSum(k.t, f) != want {
			k.t.Errorf("%s is not the whole file", f)
		}
	}
	return files, hidden
}

// nothingLeft wants the folder to have the file, once, and nothing else.
func (k *kill) nothingLeft() {
	k.t.Helper()
	files, hidden := k.wholeFiles()
	if k.sent && len(files) != 1 || len(hidden) != 0 {
		k.t.Errorf("at the end the folder holds %q and %q", files, hidden)
	}
	received, err := filepath.Glob(filepath.Join(k.to.Home, "received", ".*"))
	if err != nil || len(received) != 0 {
		k.t.Errorf("the folder for downloads has %q, %v", received, err)
	}
}
