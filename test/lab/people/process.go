package people

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

// Usage is what a node's process has at a moment.
type Usage struct {
	Descriptors int
	Goroutines  int
	Resident    int64 // bytes
}

// Usage looks at the node's process from outside, and asks it for its goroutines. What
// cannot be told is 0: of a node that does not run, all.
func (p *Person) Usage(ctx context.Context) (u Usage) {
	proc := fmt.Sprintf("/proc/%d/", p.PID())
	if open, err := os.ReadDir(proc + "fd"); err == nil {
		u.Descriptors = len(open)
	}
	if text, err := os.ReadFile(proc + "statm"); err == nil {
		var pages int64
		fmt.Sscan(string(text), new(int64), &pages)
		u.Resident = pages * int64(os.Getpagesize())
	}
	fmt.Sscanf(p.Goroutines(ctx), "goroutine profile: total %d", &u.Goroutines)
	return u
}

// Goroutines is where the node's goroutines are, as /debug/pprof tells it, or why it
// does not.
func (p *Person) Goroutines(ctx context.Context) string {
	text, err := p.Ask(ctx, "/debug/pprof/goroutine?debug=1")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Ask gives what the node answers on its socket to a GET of a path that is not one of the
// API's operations: /metrics, /debug/pprof/….
func (p *Person) Ask(ctx context.Context, path string) ([]byte, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", api.SocketPath(p.Home))
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://passeur"+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}
