package people

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/test/lab"
)

// Host is where a node runs, such as a *lab.Host or a *natlab.Host.
type Host interface {
	Command(ctx context.Context, name string, args ...string) *exec.Cmd
}

// Config says how a node is run.
type Config struct {
	// Name of the person.
	Name string
	// STUN servers, HOST:PORT.
	STUN []string
	// TURN servers, by URL and with what the node is to say to them.
	TURN []Relay
	// PortMap lets the node ask its router for mappings.
	PortMap bool
	// MDNS lets it look for others on its LAN.
	MDNS bool
	// Ask has files wait for their owner's word; else all from contacts are taken.
	Ask bool
	// Server makes it a server of the DHT; else it only asks.
	Server bool
	// Bootstrap are multiaddrs of nodes by which to join the DHT.
	Bootstrap []string
	// Args are further arguments of passeur run.
	Args []string
	// Dir is where the node's home is made; "": where temporary files are.
	Dir string
}

// Relay is a TURN server as a node is told of it.
type Relay struct {
	URL, User, Password string
	// CA is the file with the certificate that vouches for the server.
	CA string
}

// Person is a node and its owner.
type Person struct {
	*api.Client
	// Who is what the node calls itself, once [Person.Ready] has returned.
	Who  api.Node
	Home string
	Host Host

	t     testing.TB
	cfg   Config
	cmd   *exec.Cmd
	ready chan error // one value, when the node is ready or has ended
	ended chan error // one value, when it has ended
	log   bytes.Buffer
}

// Start starts a node and does not wait for it. When the test ends it is stopped,
// and must then end well.
func Start(t testing.TB, host Host, cfg Config) *Person {
	t.Helper()
	home, err := os.MkdirTemp(cfg.Dir, "p-") // t.TempDir may be too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	p := &Person{Client: api.NewClient(home), Home: home, Host: host, t: t, cfg: cfg}
	p.configure()
	p.Start()
	t.Cleanup(func() {
		p.Close()
		p.Stop()
		if t.Failed() {
			t.Logf("%s's node said:\n%s", cfg.Name, &p.log)
		}
	})
	return p
}

// configure writes the home's config file.
func (p *Person) configure() {
	p.t.Helper()
	var text strings.Builder
	for _, r := range p.cfg.TURN {
		fmt.Fprintf(&text, "[[turn]]\nurl = %q\nusername = %q\npassword = %q\n\n", r.URL, r.User, r.Password)
	}
	if text.Len() == 0 {
		return
	}
	if err := os.WriteFile(filepath.Join(p.Home, "config.toml"), []byte(text.String()), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// arguments of passeur run.
func (p *Person) arguments() []string {
	args := []string{"run", "--name", p.cfg.Name, "--mdns", onOff(p.cfg.MDNS), "--portmap", onOff(p.cfg.PortMap), "--verbose"}
	if p.cfg.Server {
		args = append(args, "--dht", "server")
	} else {
		args = append(args, "--dht", "client")
	}
	if !p.cfg.Ask {
		args = append(args, "--accept", "contacts")
	}
	for _, addr := range p.cfg.Bootstrap {
		args = append(args, "--bootstrap", addr)
	}
	for _, server := range p.cfg.STUN {
		args = append(args, "--stun", server)
	}
	return append(args, p.cfg.Args...)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// Start starts the node again after [Person.Stop] or [Person.Kill].
func (p *Person) Start() {
	p.t.Helper()
	p.cmd = p.Command(context.Background(), p.arguments()...)
	p.cmd.Stderr = &p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.ready, p.ended = make(chan error, 1), make(chan error, 1)
	go func() {
		p.ready <- json.NewDecoder(bufio.NewReader(out)).Decode(&p.Who)
		p.ended <- p.cmd.Wait()
	}()
}

// Ready waits until the node is.
func (p *Person) Ready() *Person {
	p.t.Helper()
	late := time.AfterFunc(lab.Patience, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	if err := <-p.ready; err != nil || p.Who.Account == "" { // --json prints an error, too
		end := <-p.ended
		p.ended <- end // Stop waits for it, too
		p.t.Fatalf("%s's node did not become ready: %v, %v\n%s", p.cfg.Name, err, end, &p.log)
	}
	return p
}

// Stop asks the node to end and waits until it has; it must end well.
func (p *Person) Stop() {
	p.t.Helper()
	if p.cmd == nil {
		return
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(lab.Patience, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	if err := <-p.ended; err != nil {
		p.t.Errorf("%s's node did not end well: %v", p.cfg.Name, err)
	}
	p.cmd = nil
}

// Kill ends the node as a power cut would.
func (p *Person) Kill() {
	if p.cmd != nil {
		p.cmd.Process.Kill()
		<-p.ended
		p.cmd = nil
	}
}

// PID is the id of the node's process, 0 after [Person.Stop] or [Person.Kill].
func (p *Person) PID() int {
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid // ip became passeur
}

// Command is passeur on the person's host, with --json and the node's home.
func (p *Person) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := p.Host.Command(ctx, lab.Passeur(), append([]string{"--json", "--home", p.Home}, args...)...)
	for _, r := range p.cfg.TURN {
		if r.CA != "" {
			cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+r.CA)
		}
	}
	return cmd
}

// Run runs a command of passeur, which must succeed, and gives what it prints.
func (p *Person) Run(args ...string) []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), lab.Patience)
	defer cancel()
	cmd := p.Command(ctx, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("%s: passeur %s: %v\n%s%s", p.cfg.Name, strings.Join(args, " "), err, out, &stderr)
	}
	return out
}

// Get runs a command as [Person.Run] does and decodes what it prints.
func (p *Person) Get(into any, args ...string) {
	p.t.Helper()
	if out := p.Run(args...); json.Unmarshal(out, into) != nil {
		p.t.Fatalf("%s: passeur %s prints %q", p.cfg.Name, strings.Join(args, " "), out)
	}
}

// AddrsAt gives those of the node's addresses that are at an IP address of its host.
func (p *Person) AddrsAt(ips ...string) (addrs []string) {
	p.t.Helper()
	for _, addr := range p.Who.Addrs {
		if slices.ContainsFunc(ips, func(ip string) bool { return strings.Contains(addr, "/"+ip+"/tcp/") }) {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) == 0 {
		p.t.Fatalf("%s's node has the addresses %v, none at %v", p.cfg.Name, p.Who.Addrs, ips)
	}
	return addrs
}

// Restart ends the node and starts it again, so that nothing is connected to it.
func (p *Person) Restart() {
	p.t.Helper()
	p.Stop()
	p.Start()
	p.Ready()
}
