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
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/natlab"
)

// patience bounds each step of which nobody asks how long it takes.
const patience = 90 * time.Second

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
	// Server makes it a server of the DHT; else it only asks.
	Server bool
	// Bootstrap are multiaddrs of nodes by which to join the DHT.
	Bootstrap []string
	// Args are further arguments of passeur run.
	Args []string
}

// Relay is a TURN server as a node is told of it.
type Relay struct {
	URL, User, Password string
	// CA is the file with the certificate that vouches for the server.
	CA string
}

// RelayOf gives the relay for those who know the password, by plain TCP or TLS
// and by IPv4 or IPv6.
func RelayOf(s *natlab.TURN, tls, ipv6 bool) Relay {
	return Relay{s.URL(tls, ipv6), s.User, s.Password, s.CA}
}

// Person is a node and its owner.
type Person struct {
	*api.Client
	// Who is what the node calls itself, once [Person.Ready] has returned.
	Who  api.Node
	Home string
	Host *natlab.Host

	t     testing.TB
	cfg   Config
	cmd   *exec.Cmd
	ready chan error // one value, when the node is ready or has ended
	ended chan error // one value, when it has ended
	log   bytes.Buffer
}

// Start starts a node that takes every file from its contacts, and does not wait
// for it. When the test ends it is stopped, and must then end well.
func Start(t testing.TB, host *natlab.Host, cfg Config) *Person {
	t.Helper()
	home, err := os.MkdirTemp("", "p-") // t.TempDir may be too long for a socket's path
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
	args := []string{"run", "--name", p.cfg.Name, "--accept", "contacts", "--mdns", onOff(p.cfg.MDNS), "--portmap", onOff(p.cfg.PortMap), "--dht", "client", "--verbose"}
	if p.cfg.Server {
		args[len(args)-2] = "server"
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
	p.cmd = p.command(context.Background(), p.arguments()...)
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
	late := time.AfterFunc(patience, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	if err := <-p.ready; err != nil || p.Who.Account == "" { // --json prints an error, too
		p.t.Fatalf("%s's node did not become ready: %v, %v\n%s", p.cfg.Name, err, <-p.ended, &p.log)
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
	late := time.AfterFunc(patience, func() { p.cmd.Process.Kill() })
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

// command is passeur on the person's host.
func (p *Person) command(ctx context.Context, args ...string) *exec.Cmd {
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
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	cmd := p.command(ctx, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("%s: passeur %s: %v\n%s%s", p.cfg.Name, strings.Join(args, " "), err, out, &stderr)
	}
	return out
}

// Restart ends the node and starts it again, so that nothing is connected to it.
func (p *Person) Restart() {
	p.t.Helper()
	p.Stop()
	p.Start()
	p.Ready()
}
