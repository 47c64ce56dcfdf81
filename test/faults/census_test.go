package faults

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// census is what a process has, and what lies in its home.
type census struct {
	people.Usage
	database  int64    // bytes
	temporary []string // files that should be gone once transfers have ended
}

func (c census) String() string {
	return fmt.Sprintf("%d descriptors, %d goroutines, %.1f MiB resident, %d temporary files, database %.1f MiB",
		c.Descriptors, c.Goroutines, float64(c.Resident)/(1<<20), len(c.temporary), float64(c.database)/(1<<20))
}

// Spare room: a node keeps some connections more or less, each with its goroutines. What
// leaks shows after some rounds.
const (
	spareDescriptors = 16
	spareGoroutines  = 80
)

// fits tells whether nothing has come to stay since the first census.
func (c census) fits(first census) bool {
	return c.Descriptors <= first.Descriptors+spareDescriptors &&
		c.Goroutines <= first.Goroutines+spareGoroutines && len(c.temporary) == 0
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
			t.Logf("%s had %v, has %v %q\n%s", m.name, m.first, now, now.temporary, m.Goroutines(context.Background()))
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
	ctx, cancel := context.WithTimeout(context.Background(), lab.Patience)
	defer cancel()
	c.Usage = m.Usage(ctx)
	c.temporary, c.database = m.stored(t)
	return c
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
