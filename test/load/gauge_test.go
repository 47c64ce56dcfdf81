package load

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// reading is what the node holds at a moment.
type reading struct {
	people.Usage
	heap int64 // bytes in use after a collection, 0 where none was made
	home int64 // bytes of the home but for received files
}

// most takes the larger of each.
func (r reading) most(o reading) reading {
	return reading{
		people.Usage{
			Descriptors: max(r.Descriptors, o.Descriptors), Goroutines: max(r.Goroutines, o.Goroutines),
			Resident: max(r.Resident, o.Resident),
		},
		max(r.heap, o.heap), max(r.home, o.home),
	}
}

func (r reading) String() string {
	return fmt.Sprintf("%d MiB RSS, %d MiB heap, %d descriptors, %d goroutines, %d KiB in the home",
		r.Resident>>20, r.heap>>20, r.Descriptors, r.Goroutines, r.home>>10)
}

// metric gives the sum of a metric's values.
func (x *target) metric(name string, labels ...string) (sum float64) {
	x.t.Helper()
	for line := range strings.Lines(string(x.ask("/metrics"))) {
		head, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		fits := head == name || strings.HasPrefix(head, name+"{")
		for _, l := range labels {
			fits = fits && strings.Contains(head, l)
		}
		if v, err := strconv.ParseFloat(value, 64); fits && err == nil {
			sum += v
		}
	}
	return sum
}

// read looks at the node and its home.
func (x *target) read() reading {
	ctx, cancel := context.WithTimeout(x.t.Context(), lab.Patience)
	defer cancel()
	return reading{Usage: x.Usage(ctx), home: x.disk()}
}

// ask gives what the node answers to a GET of a path. A machine that lets the node wait
// for ten seconds has it end the connection: then it is asked again.
func (x *target) ask(path string) (answer []byte) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), lab.Patience)
	defer cancel()
	var err error
	if !await(func() bool { answer, err = x.Ask(ctx, path); return err == nil }) {
		x.t.Errorf("%s: %v", path, err)
	}
	return answer
}

// disk is what the home takes, but for received files.
func (x *target) disk() (bytes int64) {
	filepath.WalkDir(x.Home, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "received" {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() {
			return nil // gone meanwhile
		}
		if info, err := d.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// calm reads after a collection of garbage.
func (x *target) calm() reading {
	heap := string(x.ask("/debug/pprof/heap?debug=1&gc=1"))
	r := x.read()
	for line := range strings.Lines(heap) {
		fmt.Sscanf(line, "# HeapAlloc = %d", &r.heap)
	}
	return r
}

// watch reads again and again; the function that it gives ends that, and gives the most
// that was seen.
func (x *target) watch() (stop func() reading) {
	ctx, cancel := context.WithCancel(x.t.Context())
	var peak reading
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			peak = peak.most(x.read())
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() reading {
		cancel()
		wg.Wait()
		return peak
	}
}

// What the node may hold at most, whatever is thrown at it.
const (
	mostRSS         = 1 << 30
	mostDescriptors = 2500
	mostGoroutines  = 20_000
	mostHome        = 64 << 20
)

// check fails where an attack took more than it may, or the node does not answer.
func (x *target) check(during string, r reading) {
	x.t.Helper()
	if r.Resident > mostRSS || r.Descriptors > mostDescriptors || r.Goroutines > mostGoroutines || r.home > mostHome {
		x.t.Errorf("%s: the node held %v", during, r)
	}
	if r.Goroutines == 0 {
		x.t.Errorf("%s: the node told nothing of itself", during)
	}
	ctx, cancel := context.WithTimeout(x.t.Context(), lab.Patience)
	defer cancel()
	if _, err := x.Node(ctx); err != nil {
		x.t.Errorf("%s: afterwards the node does not answer: %v", during, err)
	}
}

// settled waits until the node holds no more than it did, but for a little: what ended
// is remembered, and others may be connecting again.
func (x *target) settled(before reading) (after reading) {
	x.t.Helper()
	end := time.Now().Add(4 * lab.Patience)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		after = x.calm()
		if after.Goroutines <= before.Goroutines*11/10+50 && after.Descriptors <= before.Descriptors*11/10+10 && after.heap <= before.heap*3/2+(24<<20) {
			return after
		}
		if time.Now().After(end) {
			x.t.Errorf("the node does not come to rest: before %v, now %v", before, after)
			x.t.Logf("%.20000s", x.Goroutines(x.t.Context()))
			return after
		}
		<-tick.C
	}
}

// table is what docs/operations.md shows.
type table struct {
	most   amounts
	before reading
	rows   []string
	after  reading
}

func newTable(most amounts, before reading) *table { return &table{most: most, before: before} }

func (b *table) add(name, thrown, outcome string, peak reading, took time.Duration) {
	row := fmt.Sprintf("| %s | %s | %s | %d MiB, %d, %d, %d KiB | %.0f s |", name, thrown, outcome,
		peak.Resident>>20, peak.Descriptors, peak.Goroutines, peak.home>>10, took.Seconds())
	b.rows = append(b.rows, row)
	fmt.Println(row)
}

func (b *table) end(after reading) { b.after = after }

func (b *table) String() string {
	return fmt.Sprintf("\n%d processors, %d contacts' devices connected\nbefore: %v\n\n| attack | thrown | what happened | RSS, descriptors, goroutines, home at most | took |\n|---|---|---|---|---|\n%s\n\nafter:  %v\n",
		runtime.NumCPU(), b.most.contacts, b.before, strings.Join(b.rows, "\n"), b.after)
}
