package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/show"
)

// Config says what to run and where to tell of it.
type Config struct {
	// Binary is the passeur executable, required.
	Binary string
	// File is what Alice sends; empty: 64 MiB of random bytes, made for it.
	File string
	// Tell is called at each step, one at a time.
	Tell func(Step)
}

// Step is one thing that happened.
type Step struct {
	// At is the time since the demo began.
	At time.Duration
	// Who did or saw it: "demo", "dht", "alice" or "bob".
	Who string
	// What happened, harmless text.
	What string
}

const (
	// defaultSize is how much Alice sends if no file is given, in bytes.
	defaultSize = 64 << 20
	// refusedSize is the size of the file that Bob refuses, in bytes.
	refusedSize = 4 << 10
	// patience is how long one step may take that waits for the other side.
	patience = time.Minute
)

// Run runs the demo. It returns an error that says what was not as it should be
// and leaves neither process nor file behind, also when ctx ends in the middle.
func Run(ctx context.Context, cfg Config) (err error) {
	// On Linux a child is told when the thread that started it ends, so that
	// nothing stays even when this process is killed: keep to one thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	d := &demo{Config: cfg, begun: time.Now()}
	if d.folder, err = os.MkdirTemp("", "passeur-demo-"); err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	d.say("demo", "three nodes of this machine, their homes in %s", d.folder)
	err = d.play(ctx)
	interrupted := ctx.Err()
	left := d.cleanUp()
	switch {
	case interrupted != nil:
		err = interrupted // all else follows from it
	case err != nil:
		d.tellLogs() // now that the nodes have ended, the logs are whole
	}
	return errors.Join(err, left)
}

// demo is one run.
type demo struct {
	Config
	begun  time.Time
	folder string
	mu     sync.Mutex // one Tell at a time
	// started are all nodes, nodes those that run, in the order of their start.
	started, nodes []*daemon
}

func (d *demo) say(who, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Tell(Step{time.Since(d.begun), who, show.Text(fmt.Sprintf(format, args...))})
}

func (d *demo) play(ctx context.Context) error {
	file, err := d.makeFiles()
	if err != nil {
		return err
	}
	alice, bob, err := d.startNodes(ctx)
	if err != nil {
		return err
	}
	if err := d.meet(ctx, alice, bob); err != nil {
		return fmt.Errorf("become contacts: %w", err)
	}
	if err := d.sendAccepted(ctx, alice, bob, file); err != nil {
		return fmt.Errorf("send a file that is accepted: %w", err)
	}
	if err := d.sendRefused(ctx, alice, bob); err != nil {
		return fmt.Errorf("send a file that is refused: %w", err)
	}
	return d.stopNodes()
}

// makeFiles makes what will be sent and gives the first file's path.
func (d *demo) makeFiles() (string, error) {
	if err := randomFile(d.refusedFile(), refusedSize); err != nil {
		return "", err
	}
	if d.File != "" {
		return d.File, nil
	}
	file := filepath.Join(d.folder, "demo.bin")
	if err := randomFile(file, defaultSize); err != nil {
		return "", err
	}
	d.say("demo", "made %s of %s of random bytes", filepath.Base(file), show.Size(defaultSize))
	return file, nil
}

func (d *demo) refusedFile() string { return filepath.Join(d.folder, "unwanted.bin") }

func (d *demo) startNodes(ctx context.Context) (alice, bob *daemon, err error) {
	dht, err := d.startNode(ctx, "dht", "--dht", "server")
	if err != nil {
		return nil, nil, err
	}
	if len(dht.id.Addrs) == 0 {
		return nil, nil, errors.New("the DHT node is ready but has no address")
	}
	join := []string{"--dht", "client", "--bootstrap", dht.id.Addrs[0]}
	if alice, err = d.startNode(ctx, "alice", join...); err != nil {
		return nil, nil, err
	}
	bob, err = d.startNode(ctx, "bob", join...)
	return alice, bob, err
}

// cleanUp ends what still runs and removes the folder, and checks both.
func (d *demo) cleanUp() error {
	err := d.stopNodes()
	err = errors.Join(err, os.RemoveAll(d.folder))
	if _, missing := os.Lstat(d.folder); !errors.Is(missing, os.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("the folder %s is still there", d.folder))
	}
	if err == nil {
		d.say("demo", "nothing left behind: no process, no file")
	}
	return err
}

// stopNodes ends the nodes, the last one first; each must exit with code 0.
func (d *demo) stopNodes() error {
	if len(d.nodes) == 0 {
		return nil
	}
	var failed error
	for len(d.nodes) > 0 {
		last := len(d.nodes) - 1
		failed = errors.Join(failed, d.nodes[last].stop())
		d.nodes = d.nodes[:last]
	}
	if failed == nil {
		d.say("demo", "the three nodes have ended")
	}
	return failed
}

// tellLogs shows the last lines that each node wrote, for who looks for the
// cause of a failure.
func (d *demo) tellLogs() {
	for _, n := range d.started {
		for _, line := range n.log.lines() {
			d.say(n.name, "log: %s", line)
		}
	}
}
