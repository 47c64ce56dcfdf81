package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/cmd/node/dashboard"
	"github.com/passeur-p2p/passeur/cmd/node/metrics"
	"github.com/passeur-p2p/passeur/cmd/node/show"
	"github.com/passeur-p2p/passeur/node"
)

// answerTime is how long commands that are being answered may take when the node stops.
const answerTime = 2 * time.Second

// running is what a service needs of a node.
type running interface {
	api.Backend
	// Reload takes over what can change live, and names the fields that need a restart.
	Reload(context.Context, node.Config) ([]string, error)
	Close() error
}

var _ running = (*node.Node)(nil)

// starter starts a node on the same home each time.
type starter func(context.Context) (running, error)

// service is a node and all that is round it: the API, the log, the service manager.
type service struct {
	*app
	given  *pflag.FlagSet // what the command line and the environment set
	logger *slog.Logger
	levels *logLevels
	audit  *auditFile
	server *api.Server

	started *effective // the settings with which the process began

	reloading sync.Mutex // one at a time

	mu      sync.Mutex
	now     *effective // the settings in force
	node    running    // the one that runs, or ran last; nil: none yet
	trouble string     // what the last reload left to do
	// stopping: nothing new begins any more.
	stopping bool
}

// newService reads the settings and makes the log.
func (a *app) newService(given *pflag.FlagSet) (*service, error) {
	now, err := loadConfig(a.home, given)
	if err != nil {
		return nil, err
	}
	s := &service{app: a, given: given, levels: newLogLevels(), audit: new(auditFile), started: now, now: now}
	if err := s.levels.Set(now.levels); err != nil {
		return nil, err
	}
	s.logger = newLogger(a.stderr, now.logFormat, s.levels)
	s.audit.failed = func(err error) { s.log().Error("the audit log lacks a record", "error", err) }
	return s, nil
}

// nodeConfig is what the node is to be.
func (s *service) nodeConfig() node.Config {
	c := s.settings().nodeConfig(s.home)
	c.Logger, c.Audit = s.logger, s.audit.Logger()
	return c
}

func (s *service) settings() *effective {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// log is the log of the service itself.
func (s *service) log() *slog.Logger { return s.logger.With(loggerKey, "service") }

// serve answers commands until ctx ends. When the node has joined an account it is
// closed and another one started, while commands wait. A node is closed before the
// server, so that who watches a transfer still hears how it ended; what is asked
// meanwhile is answered that the node is stopping.
func (s *service) serve(ctx context.Context, start starter) error {
	hangups := make(chan os.Signal, 1)
	if !term.IsTerminal(int(os.Stdin.Fd())) { // on one it says that the window was closed, and ends the node
		signal.Notify(hangups, syscall.SIGHUP)
		defer signal.Stop(hangups)
	}
	n, err := s.begin(ctx, start)
	if err != nil {
		return startError(ctx, err)
	}
	l, err := api.Listen(s.home)
	if err != nil {
		return errors.Join(err, n.Close())
	}
	s.server = api.NewServer(s.apiOptions())
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(l) }()
	if err := s.listenTCP(); err != nil {
		return errors.Join(err, n.Close(), s.stopServer())
	}
	for {
		again, err := s.use(ctx, n, hangups, served)
		if !again {
			s.log().Info("stopping")
			if err == nil {
				s.finish(n)
			}
			s.setStopping()
			s.server.Stop()
			return errors.Join(err, n.Close(), s.stopServer())
		}
		s.log().Info("this device has joined an account: starting anew")
		s.server.Use(nil)
		if err := n.Close(); err != nil {
			return errors.Join(err, s.stopServer())
		}
		if n, err = s.begin(ctx, start); err != nil {
			return errors.Join(startError(ctx, err), s.stopServer())
		}
	}
}

// begin starts a node and sets the limits that the settings name.
func (s *service) begin(ctx context.Context, start starter) (running, error) {
	n, err := start(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.setLimits(ctx, n); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.node = n
	return n, nil
}

// apiOptions is what the API has besides the node.
func (s *service) apiOptions() api.Options {
	return api.Options{
		Logger: s.logger.With(loggerKey, "api"), Home: s.home,
		Levels: s.levels, Reload: s.reload, Ready: s.ready,
		Metrics: metrics.New(s).Handler(), Page: dashboard.Handler(),
	}
}

// Counts are those of the node of the moment, for the metrics.
func (s *service) Counts() node.Counts {
	s.mu.Lock()
	n := s.node
	s.mu.Unlock()
	if source, counts := n.(metrics.Source); counts {
		return source.Counts()
	}
	return node.Counts{}
}

// ready gives nil while the node does its work.
func (s *service) ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.node == nil:
		return errors.New("the node is starting")
	case s.stopping:
		return errors.New("the node is stopping")
	}
	return nil
}

func (s *service) setStopping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

// listenTCP has the API answer on TCP too, where that is asked for.
func (s *service) listenTCP() error {
	if s.started.http == "" {
		return nil
	}
	at, err := s.server.ListenTCP(s.started.http, api.Certificate{Cert: s.started.httpCert, Key: s.started.httpKey})
	if err != nil {
		return configError("http: %w", err)
	}
	s.log().Info("the API answers on TCP", "addr", at)
	return nil
}

func (s *service) setLimits(ctx context.Context, n running) error {
	up, down := s.settings().limitUp.value(), s.settings().limitDown.value()
	if up == nil && down == nil {
		return nil
	}
	_, err := n.SetLimits(ctx, "", up, down)
	return err
}

// use has n answer until it is to be closed; again: another one follows.
func (s *service) use(ctx context.Context, n running, hangups <-chan os.Signal, served <-chan error) (again bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := n.Watch(ctx) // before anybody can ask for what it is to tell
	s.server.Use(n)
	if err := s.sayReady(n.Identity()); err != nil {
		return false, err
	}
	defer s.attend(ctx, daemon.SdNotifyReady)()
	for {
		select {
		case e, open := <-events:
			if !open {
				events = nil // the node closes, or this was too slow
			} else if e.Pairing != nil && hasJoined(*e.Pairing) {
				return true, nil
			}
		case <-hangups:
			_, _ = s.reload(ctx) // which has said how it went
		case <-ctx.Done():
			return false, nil
		case err := <-served:
			return false, fmt.Errorf("serve commands: %w", err)
		}
	}
}

// hasJoined tells whether this device has become one of another account: it is the
// side of the link that entered the code.
func hasJoined(p node.Pairing) bool {
	return p.Purpose == node.PairLink && p.State == node.PairDone && p.Code+p.QR == ""
}

// startError gives nil where the user stopped the node while it started.
func startError(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("the node cannot start: %w", err)
}

func (s *service) stopServer() error {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		return s.server.Close() // the time is up: whoever still waits is cut off
	}
	return nil
}

func (s *service) sayReady(i node.Identity) error {
	who := api.NodeOf(i)
	if s.json {
		return show.JSON(s.stdout, readyEvent{"ready", who})
	}
	fmt.Fprintf(s.stdout, "the node is ready\n  home     %s\n", show.Text(s.home))
	err := printNode(s.stdout, who)
	if node.Role(s.settings().role) == node.RoleDHT && err == nil {
		err = s.sayHowToJoin(i.Addrs)
	}
	return err
}

// sayHowToJoin tells what to give to those who are to join the DHT by this node.
func (s *service) sayHowToJoin(addrs []multiaddr.Multiaddr) error {
	reachable := slices.DeleteFunc(slices.Clone(addrs), manet.IsIPLoopback)
	if len(reachable) == 0 {
		reachable = addrs
	}
	_, err := fmt.Fprintln(s.stdout, "others join by it with one of")
	for _, addr := range reachable {
		if err == nil {
			_, err = fmt.Fprintf(s.stdout, "  passeur run --bootstrap %s\n", addr)
		}
	}
	return err
}

// readyEvent is the line that run --json prints when the node is ready.
type readyEvent struct {
	Event string `json:"event"` // "ready"
	api.Node
}
