package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab/people"
)

const (
	manyFiles = 10_000
	fileSize  = 4 << 10
)

// folderField is one host. The folder lies in memory (tmpfs) and goes there: how fast
// a disk's file system makes files depends most on what was deleted there before.
func folderField(s *stage, o options) []contender {
	h := oneHost(s)
	f := &folder{t: s, dir: memoryDir(s), n: max(manyFiles/int(o.part), 100)}
	f.path = filepath.Join(f.dir, "folder")
	newFolder(s, f.path, f.n, fileSize, 1)
	dht := newDHT(s, h)
	from := settler{s, nil, dht}
	downloads := filepath.Join(f.dir, "received")
	two := befriend(s, from.settle(h, "from", hostIP, people.Config{}),
		from.settle(h, "to", hostIP, people.Config{Args: []string{"--downloads", downloads}}))
	var server ssh
	login := func() {
		if server.config == "" {
			server = newSSH(s, h, hostIP, nil)
		}
	}
	return []contender{
		{name: "passeur", title: "passeur", run: f.passeur(two)},
		{name: "rsync", title: "rsync over ssh (aes128-gcm)", rival: true, missing: lacks("rsync", "rsync", "openssh-server", "sshd"),
			prepare: login, run: func(int) figures { return f.rsync(h, server) }},
		{name: "tar", title: "tar over ssh (aes128-gcm)", rival: true, missing: sshLacks(),
			prepare: login, run: func(int) figures { return f.tar(h, server) }},
	}
}

// memoryDir is a folder in memory. /run is the lab's own.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/run", "bench-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// folder is one of many small files, and how it is carried.
type folder struct {
	t    testing.TB
	dir  string
	path string
	n    int
}

func (f *folder) passeur(two pair) func(int) figures {
	return func(round int) figures {
		path := filepath.Join(f.dir, fmt.Sprintf("folder-%d", round)) // a name for each round
		must(f.t, os.Rename(f.path, path))
		defer os.Rename(path, f.path)
		x := two.cross(path)
		f.arrived(path, x.received.File)
		return f.figures(x.wall)
	}
}

func (f *folder) rsync(h people.Host, server ssh) figures {
	to := filepath.Join(f.dir, "synced")
	took := timed(f.t, h, "rsync", "-a", "-e", "ssh -F "+server.config, f.path+"/", "peer:"+to)
	f.arrived(f.path, to)
	return f.figures(took)
}

func (f *folder) tar(h people.Host, server ssh) figures {
	to := filepath.Join(f.dir, "untarred")
	must(f.t, os.Mkdir(to, 0o755))
	took := timed(f.t, h, "bash", "-c", fmt.Sprintf("set -o pipefail; tar -C %s -cf - . | ssh -F %s peer tar -C %s -xf -", f.path, server.config, to))
	f.arrived(f.path, to)
	return f.figures(took)
}

// arrived compares a copy of the folder and removes it.
func (f *folder) arrived(from, to string) {
	f.t.Helper()
	sameFolder(f.t, from, to)
	must(f.t, os.RemoveAll(to))
}

func (f *folder) figures(took time.Duration) figures {
	return figures{seconds: took.Seconds(), files: float64(f.n) / took.Seconds()}
}
