package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab/people"
)

// giB of a row that measures how fast much goes.
const giB = 1 << 30

// diskField is one host. All contenders read the same new file of each round from the
// page cache and write it to the same file system, and nobody waits for the disk, but
// for the one who is timed beside the others to show what that costs.
func diskField(s *stage, o options) []contender {
	h := oneHost(s)
	dht := newDHT(s, h)
	before := unsyncedBy(s)
	d := &disk{t: s, dir: s.TempDir(), size: o.bytes(giB)}
	relaxed, careful := homes(s, h, dht, before...), homes(s, h, dht)
	return []contender{
		{name: "passeur", title: "passeur", run: d.passeur(relaxed)},
		{name: "synced", title: "passeur, fsync counted", run: d.passeur(careful)},
		{name: wayDefault, title: "libp2p's defaults", run: d.copy(h, wayDefault, before)},
		{name: wayTLS, title: "plain TLS", run: d.copy(h, wayTLS, before)},
		d.scp(h, before),
		d.syncthing(h, before),
	}
}

// disk is a folder and the file of the round that goes on.
type disk struct {
	t     testing.TB
	dir   string
	size  int64
	path  string
	round int // of path; counted from 1
}

// file is the round's, which takes the place of the one before.
func (d *disk) file(round int) string {
	d.t.Helper()
	if d.round == round+1 {
		return d.path
	}
	if d.path != "" {
		os.Remove(d.path)
	}
	d.path, d.round = filepath.Join(d.dir, fmt.Sprintf("file-%d", round)), round+1
	newFile(d.t, d.path, d.size, round)
	return d.path
}

func (d *disk) passeur(p pair) func(int) figures {
	return func(round int) figures {
		x := p.carry(d.file(round))
		f := pace(d.size, x.wall)
		f[effort] = x.cpu.Seconds() / float64(d.size) * giB
		f[later] = x.later.Seconds() / float64(d.size) * giB
		return f
	}
}

// pace is how fast so many bytes were.
func pace(bytes int64, took time.Duration) figures {
	return figures{seconds: took.Seconds(), speed: float64(bytes) / took.Seconds() / 1e6}
}

// copy reads a file, sends its bytes and writes them, and does nothing else.
func (d *disk) copy(h people.Host, way string, before []string) func(int) figures {
	return func(round int) figures {
		to := filepath.Join(d.dir, "copy")
		l := load{way: way, size: d.size, from: d.file(round), to: to}
		x, err := where{h.Command, h.Command, hostIP, before}.transmit(d.t.Context(), l)
		if err != nil {
			d.t.Fatal(err)
		}
		d.arrived(to)
		return x.figures()
	}
}

// arrived compares a copy of the round's file and removes it.
func (d *disk) arrived(path string) {
	d.t.Helper()
	same(d.t, d.path, path)
	if err := os.Remove(path); err != nil {
		d.t.Fatal(err)
	}
}

func (d *disk) scp(h people.Host, before []string) contender {
	var server ssh
	return contender{name: "scp", title: "scp (aes128-gcm)", rival: true, missing: sshLacks(),
		prepare: func() { server = newSSH(d.t, h, hostIP, before) },
		run: func(round int) figures {
			from, to := d.file(round), filepath.Join(d.dir, "copied")
			took := timed(d.t, h, append(slices.Clone(before), "scp", "-q", "-F", server.config, from, "peer:"+to)...)
			d.arrived(to)
			return pace(d.size, took)
		}}
}

func (d *disk) syncthing(h people.Host, before []string) contender {
	var nodes syncthing
	return contender{name: "syncthing", title: "Syncthing", rival: true, missing: lacks("syncthing", "syncthing"),
		prepare: func() { nodes = newSyncthing(d.t, h, hostIP, before) },
		run: func(round int) figures {
			took := nodes.carry(d.file(round))
			nodes.drop(d.path)
			return pace(d.size, took)
		}}
}

// streamField is loopback.
func streamField(s *stage, o options) (all []contender) {
	for _, w := range ways("") {
		all = append(all, contender{name: w.name, title: w.title, run: func(int) figures {
			x, err := here().transmit(s.Context(), load{way: w.name, size: o.bytes(giB)})
			if err != nil {
				s.Fatal(err)
			}
			return x.figures()
		}})
	}
	return all
}

// limit runs once more over /ice, under the profiler, and says what limits it.
func limit(ctx context.Context, o options) (string, error) {
	dir, err := os.MkdirTemp(o.dir, "bench-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	prefix := filepath.Join(dir, "cpu")
	x, err := here().transmit(ctx, load{way: wayICE, size: o.bytes(giB), profile: prefix})
	if err != nil {
		return "", err
	}
	shares, err := spent(ctx, prefix+".send", prefix+".receive")
	if err != nil {
		return "", err
	}
	return limitOf(x, shares), nil
}
