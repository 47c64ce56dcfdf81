package faults

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
)

// round is a file on its way while everybody talks, and a fault.
type round struct {
	w    *world
	t    *testing.T
	seed uint64
	rand *rand.Rand
	kind kind
	from *member
	to   []*member
	// victim is whom the fault hits, where the kind does not say that itself.
	victim *member
	file   string // at the sender
	size   int64
	sum    [32]byte // SHA-256
	// when is how much of the file has gone when the fault comes; below zero: it comes
	// so long after the command to send as hurry says.
	when  float64
	hurry time.Duration
	hold  time.Duration // how long the fault lasts
	talk  *talk
	// sending has the sender's transfer, or why there is none.
	sending chan sent
	sent    sent
	// promised: the sender's node had told that the file is in the conversation.
	promised bool
	outcome  outcome
}

type sent struct {
	transfer api.Transfer
	err      error
}

// newRound draws everything from the seed, always in the same order.
func newRound(w *world, seed uint64) *round {
	r := &round{w: w, t: w.t, seed: seed, rand: rand.New(rand.NewPCG(seed, 8)), kind: kindOf(seed)}
	order := r.rand.Perm(len(w.members))
	r.from = w.members[order[0]]
	for _, i := range order[1:] {
		r.to = append(r.to, w.members[i])
	}
	r.victim = w.members[r.rand.IntN(len(w.members))]
	r.size = 1<<20 + r.rand.Int64N(2<<20)
	r.when = r.rand.Float64()*1.2 - 0.2
	r.hurry = time.Duration(r.rand.Int64N(int64(300 * time.Millisecond)))
	r.hold = 300*time.Millisecond + time.Duration(r.rand.Int64N(int64(3*time.Second)))
	r.file = filepath.Join(r.from.disk.dir, fmt.Sprintf("round-%d", seed))
	return r
}

func (r *round) String() string {
	when := fmt.Sprintf("when %.0f %% of it have gone", 100*r.when)
	if r.when < 0 {
		when = fmt.Sprintf("%v after the command", r.hurry.Round(time.Millisecond))
	}
	return fmt.Sprintf("seed %d: %s sends %d bytes to %d; %s at %s, %s, for %v",
		r.seed, r.from.name, r.size, len(r.to), r.kind.name, r.victim.name, when, r.hold.Round(time.Millisecond))
}

// round has one round, and notes it in the book, however it ends.
func (w *world) round(seed uint64, b *book) {
	r := newRound(w, seed)
	w.t.Log(r)
	began := time.Now()
	var recovered time.Duration
	defer func() {
		b.note(entry{seed, r.kind.name, r.outcome, recovered, w.t.Failed()})
	}()
	r.begin()
	heal := r.kind.strike(r)
	r.wait(r.hold)
	heal()
	for _, m := range r.to {
		r.unfinished(m)
	}
	healed := time.Now()
	r.sent = <-r.sending
	r.w.told = append(r.w.told, r.talk.end()...)
	r.recover()
	recovered = time.Since(healed)
	r.promises()
	w.rounds++
	w.t.Logf("seed %d: %s, %.1f s after the fault, %.1f s in all", seed, r.outcome, recovered.Seconds(), time.Since(began).Seconds())
}

// wait is the time that seeds choose; nothing is expected to happen in it.
func (r *round) wait(d time.Duration) { <-time.After(d) }

// begin sends the file, has everybody talk, and returns at the fault's moment.
func (r *round) begin() {
	r.t.Helper()
	r.write()
	r.talk = chat(r.t, r.w.members)
	r.sending = make(chan sent, 1)
	go func() {
		ctx, cancel := context.WithTimeout(r.t.Context(), lab.Patience)
		defer cancel()
		x, err := r.from.Send(ctx, r.file, r.from.ref)
		r.sending <- sent{x, err}
	}()
	if r.when < 0 {
		r.wait(r.hurry)
	} else {
		lab.Eventually(r.t, "the file is on its way", func() bool {
			x, found := r.outgoing()
			return found && (x.Ended || float64(x.Bytes) >= r.when*float64(r.size))
		})
	}
	x, _ := r.outgoing()
	r.promised = x.Entry != ""
}

// Send offers a file; it hides people.Person's, which waits.
func (m *member) Send(ctx context.Context, file, ref string) (api.Transfer, error) {
	return m.Client.Send(ctx, file, ref)
}

// write makes the file to send, of bytes that the seed chooses.
func (r *round) write() {
	r.t.Helper()
	f, err := os.Create(r.file)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{byte(r.seed), byte(r.seed >> 8)}), r.size); err != nil {
		r.t.Fatal(err)
	}
	if err := f.Sync(); err != nil { // a power cut is to hurt the node, not this
		r.t.Fatal(err)
	}
	r.sum = sumOf(r.t, r.file)
}

// outgoing is the sender's newest transfer of the round's file.
func (r *round) outgoing() (x api.Transfer, found bool) { return r.transfer(r.from, node.Outgoing) }

// transfer is a member's newest one of the round's file.
func (r *round) transfer(m *member, d node.Direction) (x api.Transfer, found bool) {
	ctx, cancel := context.WithTimeout(r.t.Context(), lab.Patience)
	defer cancel()
	all, err := m.Transfers(ctx)
	if err != nil {
		return x, false
	}
	for _, t := range all {
		if t.Direction == d && t.Name == filepath.Base(r.file) && (!found || t.State == filexfer.Finished || x.State != filexfer.Finished) {
			x, found = t, true
		}
	}
	return x, found
}

// recover waits until what was told is everywhere, and the file is at all receivers. A
// file of which nobody was told may have to be sent again.
func (r *round) recover() {
	r.t.Helper()
	if !r.announced() {
		if r.promised {
			r.t.Errorf("%s had told of the file, and has no entry of it", r.from.name)
		}
		r.outcome = failed
		r.sendAgain()
	}
	for _, m := range r.to {
		r.arrives(m)
	}
	if r.outcome == unhurt && !r.wentThrough() {
		r.outcome = resumed
	}
	r.w.heard(r.talk.told)
}

// wentThrough tells whether the sender's first offer brought the file to all.
func (r *round) wentThrough() bool {
	ctx, cancel := context.WithTimeout(r.t.Context(), lab.Patience)
	defer cancel()
	x, err := r.from.Transfer(ctx, r.sent.transfer.ID)
	return err == nil && len(x.Parts) >= len(r.to) &&
		!slices.ContainsFunc(x.Parts, func(p api.Part) bool { return p.State != filexfer.Finished })
}

// announced waits until the sender's node has put the file into the conversation, or has
// given that up.
func (r *round) announced() (announced bool) {
	r.t.Helper()
	lab.Eventually(r.t, "the file is announced, or will not be", func() bool {
		ctx, cancel := context.WithTimeout(r.t.Context(), lab.Patience)
		defer cancel()
		page, err := r.from.Messages(ctx, r.from.ref, api.Page{Limit: api.MaxPage})
		if err != nil {
			return false
		}
		for _, m := range page {
			announced = announced || m.File != nil && m.File.Name == filepath.Base(r.file)
		}
		x, found := r.outgoing()
		return announced || !found || x.Ended
	})
	return announced
}

func (r *round) sendAgain() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), lab.Patience)
	defer cancel()
	if _, err := r.from.Send(ctx, r.file, r.from.ref); err != nil {
		r.t.Fatalf("%s sends once more: %v", r.from.name, err)
	}
}

// asksAfter is when somebody whose node shows nothing of a file, or that it failed, asks
// for it. A node that missed an offer asks by itself 20 to 80 s later.
const asksAfter = 15 * time.Second

// arrives waits for the file at a receiver, whose node is to get it by itself.
func (r *round) arrives(m *member) {
	r.t.Helper()
	defer func() {
		if r.t.Failed() {
			x, _ := r.transfer(m, node.Incoming)
			r.t.Logf("%s's transfer is %+v", m.name, x)
		}
	}()
	began, has := time.Now(), false
	lab.Eventually(r.t, "it is time to ask", func() bool {
		x, found := r.transfer(m, node.Incoming)
		has = found && x.State == filexfer.Finished
		waited := time.Since(began)
		return has || waited > asksAfter && (!found || x.Ended || x.State == filexfer.AwaitingHost) || waited > lab.Patience/2
	})
	if has {
		return
	}
	r.asks(m)
	lab.Eventually(r.t, m.name+" has the file", func() bool {
		x, found := r.transfer(m, node.Incoming)
		return found && x.State == filexfer.Finished
	})
}

// asks has the receiver's owner ask for the file, if his node does not already.
func (r *round) asks(m *member) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), lab.Patience)
	defer cancel()
	x, found := r.transfer(m, node.Incoming)
	if found && x.State == filexfer.AwaitingHost { // it came when there was no room
		_, err := m.Accept(ctx, x.ID, "")
		r.t.Logf("seed %d: %s accepts the file: %v", r.seed, m.name, err)
		r.outcome = max(r.outcome, missed)
		return
	}
	if found && !x.Ended {
		return
	}
	_, err := m.GetFile(ctx, api.NewGet{Conversation: m.ref, File: filepath.Base(r.file)})
	r.t.Logf("seed %d: %s asks for the file, of which the node shows %v %s %s: %v", r.seed, m.name, x.State, x.Code, x.Reason, err)
	if found {
		r.outcome = failed
	} else {
		r.outcome = max(r.outcome, missed)
	}
}

// talk is what members write to each other meanwhile.
type talk struct {
	stop context.CancelFunc
	done sync.WaitGroup
	mu   sync.Mutex
	said []said
	told []string // entries that nodes have acknowledged; known at the end
	// What doubted was writing at some moment in between does not count.
	doubted     *member // nil: nobody
	since, till time.Time
}

// said is an entry that a node has acknowledged.
type said struct {
	by             *member
	entry          string
	asked, granted time.Time
}

// chat has everybody write several times a second, as far as their nodes let them.
func chat(t *testing.T, members []*member) *talk {
	ctx, stop := context.WithCancel(t.Context())
	c := &talk{stop: stop}
	for _, m := range members {
		c.done.Go(func() { c.write(ctx, m) })
	}
	return c
}

func (c *talk) write(ctx context.Context, m *member) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked := time.Now()
		x, err := m.SendMessage(ctx, m.ref, fmt.Sprintf("%s, %d", m.name, n))
		if err == nil {
			c.mu.Lock()
			c.said = append(c.said, said{m, x.ID, asked, time.Now()})
			c.mu.Unlock()
		}
	}
}

// doubt has nothing count that a member was writing at some moment in between.
func (c *talk) doubt(m *member, since, till time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doubted, c.since, c.till = m, since, till
}

func (c *talk) doubts(s said) bool {
	return s.by == c.doubted && s.asked.Before(c.till) && s.granted.After(c.since)
}

// end has all fall silent, and gives what was acknowledged.
func (c *talk) end() []string {
	c.stop()
	c.done.Wait()
	for _, s := range c.said {
		if !c.doubts(s) {
			c.told = append(c.told, s.entry)
		}
	}
	return c.told
}
