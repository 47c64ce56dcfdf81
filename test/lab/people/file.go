package people

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/test/lab"
)

// Befriend makes two people contacts of each other, who call each other by name.
func Befriend(t testing.TB, a, b *Person) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
	defer cancel()
	if _, err := a.AddContact(ctx, b.Who.Account, b.cfg.Name); err != nil {
		t.Fatalf("%s adds %s: %v", a.cfg.Name, b.cfg.Name, err)
	}
	b.awaitContact(ctx, a.Who.Account, node.Pending)
	if _, err := b.AcceptContact(ctx, a.Who.Account, a.cfg.Name); err != nil {
		t.Fatalf("%s accepts %s: %v", b.cfg.Name, a.cfg.Name, err)
	}
	a.awaitContact(ctx, b.Who.Account, node.Accepted)
}

func (p *Person) awaitContact(ctx context.Context, account string, state node.ContactState) {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		contacts, err := p.Contacts(ctx)
		for _, c := range contacts {
			if c.Account == account && c.State == state {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.t.Fatalf("%s waits in vain for a contact to be %s: %v, %v", p.cfg.Name, state, contacts, err)
		}
	}
}

// File makes a file of size random bytes in a folder of the test's.
func File(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), fmt.Sprintf("file-%d", size))
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{byte(size)}), size); err != nil {
		t.Fatal(err)
	}
	return path
}

// tree is the root in hex of a file's tree of sums.
func tree(t testing.TB, path string) string {
	t.Helper()
	file, err := filexfer.FileFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := filexfer.SumTree(t.Context(), file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sums.Root.String()
}

// sum is the SHA3-512 in hex of a file.
func sum(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha3.New512()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Sending is a file on its way.
type Sending struct {
	From, To *Person
	// ID is the transfer's at the sender.
	ID string

	t       testing.TB
	file    string
	began   time.Time
	arrives *api.Events // at the receiver
	leaves  *api.Events // at the sender
	cancel  context.CancelFunc
}

// Result of a file that was sent.
type Result struct {
	// Sent and Received are the transfer as its two sides know it at its end;
	// Received is zero if the receiver never heard of it.
	Sent, Received api.Transfer
	// FirstByte and Took are the times from the command to the first byte at the
	// receiver and to the end at the sender.
	FirstByte, Took time.Duration
	// Steps tell how the sender's node got there.
	Steps []Step
}

// Step is a phase that was reached, and when after the command.
type Step struct {
	Phase  node.Phase
	At     time.Duration
	Detail string
}

func (s Step) String() string {
	return fmt.Sprintf("%s %.3f s", s.Phase, s.At.Seconds())
}

// Send begins to send a file to a contact.
func (p *Person) Send(to *Person, file string) *Sending {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	p.t.Cleanup(cancel)
	s := &Sending{From: p, To: to, t: p.t, file: file, cancel: cancel}
	var err error
	if s.arrives, err = to.Events(ctx, ""); err != nil {
		p.t.Fatalf("%s watches: %v", to.cfg.Name, err)
	}
	if s.leaves, err = p.Events(ctx, ""); err != nil {
		p.t.Fatalf("%s watches: %v", p.cfg.Name, err)
	}
	s.began = time.Now()
	transfer, err := p.Client.Send(ctx, file, to.cfg.Name)
	if err != nil {
		p.t.Fatalf("%s sends to %s: %v", p.cfg.Name, to.cfg.Name, err)
	}
	s.ID = transfer.ID
	return s
}

// Flows waits until some bytes have arrived, or the transfer has ended.
func (s *Sending) Flows() time.Duration {
	for {
		e, err := s.arrives.Next()
		if err != nil {
			return 0 // the transfer's end tells more
		}
		if x := e.Transfer; x != nil && x.Direction == node.Incoming && (x.Bytes > 0 || x.State.Final()) {
			return e.Time.Sub(s.began)
		}
	}
}

// End waits until the transfer has ended, well or badly.
func (s *Sending) End(patience time.Duration) (r Result) {
	s.t.Helper()
	defer s.cancel()
	flows := make(chan time.Duration, 1)
	go func() { flows <- s.Flows() }()
	steps := make(chan []Step, 1)
	go func() { steps <- s.steps() }()
	r.Sent = s.From.await(s.ID, patience)
	r.Took = time.Since(s.began)
	r.Steps = <-steps
	if r.Sent.State == filexfer.Finished {
		r.FirstByte = <-flows
		r.Received = s.To.incoming(r.Sent)
		s.check(r)
	}
	return r
}

// steps collects the phases until the transfer has ended.
func (s *Sending) steps() (all []Step) {
	for {
		e, err := s.leaves.Next()
		if err != nil || e.Transfer != nil && e.Transfer.ID == s.ID && e.Transfer.State.Final() {
			return all
		}
		if e.Phase != "" && e.Transfer != nil && e.Transfer.ID == s.ID {
			all = append(all, Step{e.Phase, e.Time.Sub(s.began), e.Detail})
		}
	}
}

// await gives a transfer as it has ended.
func (p *Person) await(id string, patience time.Duration) api.Transfer {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), lab.Patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		x, err := p.Transfer(ctx, id)
		if err == nil && x.State.Final() {
			return x
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.t.Fatalf("%s's transfer has not ended within %v: %+v, %v", p.cfg.Name, patience, x, err)
		}
	}
}

// incoming finds what the receiver knows of a transfer that the sender finished.
func (p *Person) incoming(sent api.Transfer) (last api.Transfer) {
	p.t.Helper()
	all, err := p.Transfers(p.t.Context())
	if err != nil {
		p.t.Fatalf("%s looks at transfers: %v", p.cfg.Name, err)
	}
	for _, x := range all { // newest last
		if x.Direction == node.Incoming && x.Name == sent.Name {
			last = x
		}
	}
	return last
}

// check compares a finished file with what arrived.
func (s *Sending) check(r Result) {
	s.t.Helper()
	want := sum(s.t, s.file)
	if r.Received.State != filexfer.Finished || r.Received.File == "" {
		s.t.Fatalf("the sender has finished, the receiver not: %+v", r.Received)
	}
	if got := sum(s.t, r.Received.File); got != want {
		s.t.Errorf("the file's sum is %s, received %s", want, got)
	}
	root := tree(s.t, s.file)
	for _, x := range []api.Transfer{r.Sent, r.Received} {
		if x.SHA3Tree != root || x.SHA3Sum != want && x.SHA3Sum != "" { // that of a large file follows
			s.t.Errorf("the file has the tree %s and the sum %s; told %+v", root, want, x)
		}
	}
}

// HasNo wants nothing of a file's name in the person's downloads, or, if it arrived,
// the file and nothing else of that name.
func (p *Person) HasNo(t testing.TB, name string, arrived bool) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.Home, "received", "*"+name+"*"))
	if err != nil {
		t.Fatal(err)
	}
	if want := map[bool]int{true: 1}[arrived]; len(found) != want {
		t.Errorf("%s's downloads hold %q", p.cfg.Name, found)
	}
}
