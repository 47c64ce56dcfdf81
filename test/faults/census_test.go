package faults

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/test/lab"
)

// census is what a process has, and what lies in its home.
type census struct {
	descriptors, goroutines int
	resident, database      int64    // bytes
	temporary               []string // files that should be gone once transfers have ended
}

func (c census) String() string {
	return fmt.Sprintf("%d descriptors, %d goroutines, %.1f MiB resident, %d temporary files, database %.1f MiB",
		c.descriptors, c.goroutines, float64(c.resident)/(1<<20), len(c.temporary), float64(c.database)/(1<<20))
}

// Spare room: a node keeps some connections more or less, each with its goroutines. What
// leaks shows after some rounds.
const (
	spareDescriptors = 16
	spareGoroutines  = 80
)

// fits tells whether nothing has come to stay since the first census.
func (c census) fits(first census) bool {
	return c.descriptors <= first.descriptors+spareDescriptors &&
		c.goroutines <= first.goroutines+spareGoroutines && len(c.temporary) == 0
}

// quiet waits until the member is idle, and gives the census of that.
func (m *member) quiet(t testing.TB) (c census) {
	t.Helper()
	lab.Eventually(t, m.name+" is idle", func() bool { return m.idle(t) })
	return m.census(t)
}

// idle: no transfer of the member's is under way.
func (m *member) idle(t testing.TB) bool {
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
	defer cancel()
	all, err := m.Transfers(ctx)
	for _, x := range all {
		if !x.Ended {
			return false
		}
	}
	return err == nil
}

// settles waits until the member has no more than at first.
func (m *member) settles(t testing.TB) {
	t.Helper()
	var now census
	defer func() {
		if t.Failed() && !now.fits(m.first) {
			t.Logf("%s had %v, has %v %q\n%s", m.name, m.first, now, now.temporary, m.profile(t, 1))
		}
	}()
	lab.Eventually(t, m.name+" has let go of all that was for the round", func() bool {
		now = m.census(t)
		return now.fits(m.first)
	})
}

func (m *member) census(t testing.TB) (c census) {
	t.Helper()
	m.Close() // this test's own idle connections
	proc := fmt.Sprintf("/proc/%d/", m.PID())
	if open, err := os.ReadDir(proc + "fd"); err == nil {
		c.descriptors = len(open)
	}
	if text, err := os.ReadFile(proc + "statm"); err == nil {
		var pages int64
		fmt.Sscan(string(text), new(int64), &pages)
		c.resident = pages * int64(os.Getpagesize())
	}
	fmt.Sscanf(m.profile(t, 1), "goroutine profile: total %d", &c.goroutines)
	c.temporary, c.database = m.stored(t)
	return c
}

// profile is the node's goroutines, as /debug/pprof tells them.
func (m *member) profile(t testing.TB, debug int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lab.Patience)
	defer cancel()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", api.SocketPath(m.Home))
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://passeur/debug/pprof/goroutine?debug=%d", debug), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// stored looks through the home: hidden files and those with a temporary name, and the
// size of databases.
func (m *member) stored(t testing.TB) (temporary []string, database int64) {
	t.Helper()
	filepath.WalkDir(m.Home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		name := e.Name()
		if strings.HasPrefix(name, ".") || strings.Contains(name, "tmp") || strings.Contains(name, ".part") {
			temporary = append(temporary, path)
		}
		if strings.Contains(name, ".db") || strings.Contains(name, "sqlite") {
			if info, err := e.Info(); err == nil {
				database += info.Size()
			}
		}
		return nil
	})
	return temporary, database
}
