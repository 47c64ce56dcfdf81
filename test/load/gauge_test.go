package load

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
)

// reading is what the node holds at a moment.
type reading struct {
	rss, heap   int64 // bytes; heap: in use after a collection, 0 where none was made
	descriptors int
	goroutines  int
	database    int64 // bytes of the home but for received files
}

// most takes the larger of each.
func (r reading) most(o reading) reading {
	return reading{
		max(r.rss, o.rss), max(r.heap, o.heap), max(r.descriptors, o.descriptors),
		max(r.goroutines, o.goroutines), max(r.database, o.database),
	}
}

func (r reading) String() string {
	return fmt.Sprintf("%d MiB RSS, %d MiB heap, %d descriptors, %d goroutines, %d KiB in the home",
		r.rss>>20, r.heap>>20, r.descriptors, r.goroutines, r.database>>10)
}

// socket asks the node on its unix socket.
func (x *target) socket(path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(x.t.Context(), lab.Patience)
	defer cancel()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(x.Home, "api.sock"))
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://passeur"+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// metric gives the sum of a metric's values.
func (x *target) metric(name string, labels ...string) (sum float64) {
	x.t.Helper()
	raw, err := x.socket("/metrics")
	if err != nil {
		x.t.Errorf("the node's metrics: %v", err)
	}
	for line := range strings.Lines(string(raw)) {
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

// pid is the node's process.
func (x *target) pid() int { return x.place.node.Process.Pid }

// read looks at the node from outside, and asks it for its goroutines.
func (x *target) read() (r reading) {
	proc := fmt.Sprintf("/proc/%d/", x.pid())
	status, _ := os.ReadFile(proc + "status")
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			r.rss = kib << 10
		}
	}
	open, _ := os.ReadDir(proc + "fd")
	r.descriptors = len(open)
	r.database = x.disk()
	if raw, err := x.socket("/debug/pprof/goroutine?debug=1"); err == nil {
		fmt.Sscanf(string(raw), "goroutine profile: total %d", &r.goroutines)
	}
	return r
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
	raw, err := x.socket("/debug/pprof/heap?debug=1&gc=1")
	if err != nil {
		x.t.Errorf("the node's heap: %v", err)
	}
	r := x.read()
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		fmt.Sscanf(lines.Text(), "# HeapAlloc = %d", &r.heap)
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
	mostDatabase    = 64 << 20
)

// check fails where an attack took more than it may, or the node does not answer.
func (x *target) check(during string, r reading) {
	x.t.Helper()
	if r.rss > mostRSS || r.descriptors > mostDescriptors || r.goroutines > mostGoroutines || r.database > mostDatabase {
		x.t.Errorf("%s: the node held %v", during, r)
	}
	if r.goroutines == 0 {
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
		if after.goroutines <= before.goroutines*11/10+50 && after.descriptors <= before.descriptors*11/10+10 && after.heap <= before.heap*3/2+(24<<20) {
			return after
		}
		if time.Now().After(end) {
			x.t.Errorf("the node does not come to rest: before %v, now %v", before, after)
			if raw, err := x.socket("/debug/pprof/goroutine?debug=1"); err == nil {
				x.t.Logf("%.20000s", raw)
			}
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
		peak.rss>>20, peak.descriptors, peak.goroutines, peak.database>>10, took.Seconds())
	b.rows = append(b.rows, row)
	fmt.Println(row)
}

func (b *table) end(after reading) { b.after = after }

func (b *table) String() string {
	return fmt.Sprintf("\n%d processors, %d contacts' devices connected\nbefore: %v\n\n| attack | thrown | what happened | RSS, descriptors, goroutines, home at most | took |\n|---|---|---|---|---|\n%s\n\nafter:  %v\n",
		runtime.NumCPU(), b.most.contacts, b.before, strings.Join(b.rows, "\n"), b.after)
}
