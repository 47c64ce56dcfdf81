package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/test/lab"
)

// patience is how long a test waits for what should happen soon.
const patience = 90 * time.Second

// person is somebody whose node runs here, and who looks at it in a browser.
type person struct {
	*api.Client
	t          *testing.T
	name, home string
	flags      []string
	who        api.Node

	cmd  *exec.Cmd
	says *bytes.Buffer
}

// street starts people who can find each other.
func street(t *testing.T, names ...string) []*person {
	t.Helper()
	var all []*person
	for _, name := range names {
		all = append(all, settle(t, name, "--dht", "client", "--bootstrap", dht.who.Addrs[0]))
	}
	return all
}

// settle starts a person's node in a home of its own.
func settle(t *testing.T, name string, flags ...string) *person {
	t.Helper()
	p, err := launch(name, flags...)
	if err != nil {
		t.Fatal(err)
	}
	p.t = t
	t.Cleanup(func() {
		p.stop()
		os.RemoveAll(p.home)
	})
	return p
}

// launch starts a node in a home of its own.
func launch(name string, flags ...string) (*person, error) {
	home, err := os.MkdirTemp("", "passeur-") // short: a socket's path has 103 bytes at most
	if err != nil {
		return nil, err
	}
	p := &person{Client: api.NewClient(home), name: name, home: home, flags: flags}
	if err := p.begin(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	return p, nil
}

// start runs the node again.
func (p *person) start() {
	p.t.Helper()
	if err := p.begin(); err != nil {
		p.t.Fatal(err)
	}
}

// begin runs the node and waits until it is ready.
func (p *person) begin() error {
	args := append([]string{"run", "--json", "--home", p.home, "--name", p.name, "--listen", "127.0.0.1:0", "--mdns", "off", "--portmap", "off"}, p.flags...)
	p.cmd, p.says = exec.Command(binary, args...), new(bytes.Buffer)
	p.cmd.Stderr = p.says
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "PASSEUR_") {
			p.cmd.Env = append(p.cmd.Env, e)
		}
	}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return err
	}
	late := time.AfterFunc(patience, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	if err := json.NewDecoder(out).Decode(&p.who); err != nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		p.cmd = nil
		return fmt.Errorf("%s's node is not ready: %w\n%s", p.name, err, p.says)
	}
	return nil
}

// address is where p's dashboard is, with the token. The node listens there again
// when it is started anew.
func (p *person) address() string {
	p.t.Helper()
	out, err := exec.Command(binary, "dashboard", "--home", p.home, "--json").Output()
	var dashboard struct{ URL string }
	if err == nil {
		err = json.Unmarshal(out, &dashboard)
	}
	at, wrong := url.Parse(dashboard.URL)
	if err := errors.Join(err, wrong); err != nil {
		p.t.Fatalf("%s's dashboard: %v %s", p.name, err, out)
	}
	if !slices.Contains(p.flags, "--http") {
		p.flags = append(p.flags, "--http", at.Host)
	}
	return dashboard.URL
}

// stop ends the node, which must end well.
func (p *person) stop() {
	if err := p.end(); err != nil {
		p.t.Error(err)
	}
}

// end ends the node as the system would.
func (p *person) end() error {
	if p.cmd == nil {
		return nil
	}
	p.Close()
	p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(patience, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	err := p.cmd.Wait()
	p.cmd = nil
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%s's node did not end well: %w\n%s", p.name, err, p.says)
	}
	return nil
}

// within is a context that is patient.
func (p *person) within() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p.t.Cleanup(cancel)
	return ctx
}

// befriend makes two people contacts, who call each other by name, and waits until both
// have the conversation that one of them begins then: who writes before begins another.
func befriend(t *testing.T, a, b *person) {
	t.Helper()
	if _, err := a.AddContact(a.within(), b.who.Account, b.name); err != nil {
		t.Fatal(err)
	}
	b.knows(a, node.Pending)
	if _, err := b.AcceptContact(b.within(), a.who.Account, a.name); err != nil {
		t.Fatal(err)
	}
	a.knows(b, node.Accepted)
	talking(t, a, b)
}

// talking waits until two people, who are contacts, have their conversation.
func talking(t *testing.T, a, b *person) {
	t.Helper()
	lab.Eventually(t, a.name+" and "+b.name+" have their conversation", func() bool {
		here, err := a.Conversation(a.within(), b.who.Account)
		if err != nil {
			return false
		}
		there, err := b.Conversation(b.within(), a.who.Account)
		return err == nil && here.ID == there.ID
	})
}

func (p *person) knows(other *person, state node.ContactState) {
	p.t.Helper()
	lab.Eventually(p.t, p.name+" knows "+other.name, func() bool {
		all, err := p.Contacts(p.within())
		for _, c := range all {
			if c.Account == other.who.Account && c.State == state {
				return err == nil
			}
		}
		return false
	})
}

// talk is the id of the one conversation that p has.
func (p *person) talk() (id string) {
	p.t.Helper()
	lab.Eventually(p.t, p.name+" has a conversation", func() bool {
		all, err := p.Conversations(p.within())
		if err == nil && len(all) == 1 {
			id = all[0].ID
		}
		return id != ""
	})
	return id
}

// link makes other one more device of p's account.
func (p *person) link(other *person) {
	p.t.Helper()
	shown, err := p.Pair(p.within(), api.NewPairing{Purpose: node.PairLink})
	if err != nil {
		p.t.Fatal(err)
	}
	other.join(shown.Code)
	if who, err := other.Node(other.within()); err != nil || who.Account != p.who.Account {
		p.t.Fatalf("%s is no device of %s: %v", other.name, p.name, err)
	}
}

// join makes p a device of the account whose link code this is.
func (p *person) join(code string) {
	p.t.Helper()
	if _, err := p.Pair(p.within(), api.NewPairing{Purpose: node.PairLink, Code: code}); err != nil {
		p.t.Fatal(err)
	}
	lab.Eventually(p.t, p.name+" has joined an account", func() bool {
		who, err := p.Node(p.within())
		return err == nil && who.Account != p.who.Account
	})
}

// file makes a file in a folder of the test's.
func file(t *testing.T, name string, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	body := bytes.Repeat([]byte("passeur "), size/8+1)[:size]
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// received waits until a file of this name has arrived in p's downloads, whole.
func (p *person) received(name string, size int) {
	p.t.Helper()
	lab.Eventually(p.t, p.name+" has received "+name, func() bool {
		body, err := os.ReadFile(filepath.Join(p.home, "received", name))
		return err == nil && len(body) == size
	})
}
