package portmap

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/natlab"
)

// The test binary is also what runs on a host behind a router: a Mapper that obeys
// orders. deviceEnv has its Config then.
const deviceEnv = "PORTMAP_DEVICE"

func TestMain(m *testing.M) {
	if cfg, ok := os.LookupEnv(deviceEnv); ok {
		os.Exit(serveOrders(cfg))
	}
	if lab.Fuzzing() {
		os.Exit(m.Run())
	}
	flag.Parse()
	flag.Set("test.parallel", "12") // they wait more than they compute
	os.Exit(lab.Main(lab.NoLeaks(m.Run)))
}

// order is a call of a method, report its outcome.
type order struct {
	Call string
	Port uint16
	Wait time.Duration
}

type report struct {
	Addrs []netip.AddrPort
	// Late: Mapped did not return by itself, but because the order's Wait was over; or
	// Close gave up waiting for routers.
	Late bool
	// Settled: Mapped would not wait now.
	Settled bool
	Status  []status
	Err     string
}

// status is a Router that JSON can carry.
type status struct {
	Router
	Err     string
	Refused bool
}

// serveOrders is the process on a host.
func serveOrders(text string) int {
	var cfg Config
	err := json.Unmarshal([]byte(text), &cfg)
	before := sockets()
	m, newErr := New(cfg)
	if err != nil || newErr != nil {
		fmt.Fprintln(os.Stderr, err, newErr)
		return 1
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for o := (order{}); in.Decode(&o) == nil; o = (order{}) {
		r := m.obey(o)
		if o.Call == "Close" {
			r.Err = leaks(before)
		}
		if err := out.Encode(r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return 0
}

func (m *Mapper) obey(o order) (r report) {
	switch o.Call {
	case "Mapped":
		ctx, cancel := context.WithTimeout(context.Background(), o.Wait)
		defer cancel()
		r.Addrs = m.Mapped(ctx, o.Port)
		r.Late = ctx.Err() != nil
	case "Settled":
		_, r.Settled, _ = m.look(o.Port)
	case "Status":
		for _, s := range m.Status() {
			v := status{Router: s}
			if v.Router.Err = nil; s.Err != nil {
				v.Err, v.Refused = s.Err.Error(), code(s.Err) != 0
			}
			r.Status = append(r.Status, v)
		}
	case "Renew":
		m.Renew()
	case "Storm":
		m.storm(o.Port)
	case "Close":
		began := time.Now()
		m.Close()
		r.Late = time.Since(began) >= closeTime
	}
	return r
}

// storm calls all methods at once, and Close among them.
func (m *Mapper) storm(port uint16) {
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*20*time.Millisecond)
			defer cancel()
			m.Mapped(ctx, port+uint16(i)%20)
			m.Status()
			if m.Renew(); i == 20 {
				m.Close()
			}
		})
	}
	wg.Wait()
}

// leaks tells what a closed Mapper has left.
func leaks(before int) string {
	if now := sockets(); now != before {
		return fmt.Sprintf("%d sockets are left", now-before)
	}
	if err := goleak.Find(); err != nil {
		return err.Error()
	}
	return ""
}

// sockets counts this process's.
func sockets() (n int) {
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		if to, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// device is a Mapper on a host.
type device struct {
	t   testing.TB
	in  *json.Encoder
	out *json.Decoder
}

// startDevice starts a Mapper on a host, which ends with the test.
func startDevice(t testing.TB, h *natlab.Host, cfg Config) *device {
	t.Helper()
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := h.Command(ctx, self)
	cmd.Env = append(os.Environ(), deviceEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // its end
		defer time.AfterFunc(lab.Patience, cancel).Stop()
		defer cancel()
		if err := cmd.Wait(); err != nil {
			t.Error("the device's process:", err)
		}
	})
	return &device{t, json.NewEncoder(in), json.NewDecoder(out)}
}

func (d *device) call(o order) (r report) {
	d.t.Helper()
	if err := d.in.Encode(o); err != nil {
		d.t.Fatal(err)
	}
	if err := d.out.Decode(&r); err != nil {
		d.t.Fatalf("%s: %v", o.Call, err)
	}
	return r
}

// mapped calls Mapped with much time, which it must not need.
func (d *device) mapped(port uint16) []netip.AddrPort {
	d.t.Helper()
	r := d.call(order{Call: "Mapped", Port: port, Wait: lab.Patience})
	if r.Late {
		d.t.Error("Mapped waited until its context ended")
	}
	return r.Addrs
}

// wants wants the port to be mapped at these addresses.
func (d *device) wants(port uint16, want ...netip.AddrPort) {
	d.t.Helper()
	if got := d.mapped(port); !slices.Equal(got, want) {
		d.t.Fatalf("port %d is mapped at %v, want %v; status %+v", port, got, want, d.status())
	}
}

func (d *device) status() []status {
	d.t.Helper()
	return d.call(order{Call: "Status"}).Status
}

// close closes the Mapper, which has to leave nothing. Late: routers had no time to
// take their mappings away.
func (d *device) close() (late bool) {
	d.t.Helper()
	r := d.call(order{Call: "Close"})
	if r.Err != "" {
		d.t.Errorf("after Close: %s", r.Err)
	}
	return r.Late
}

// leaves closes the Mapper, which takes the mappings of a router away. If this machine
// was too busy for that, they end with their lease, which must be short.
func (d *device) leaves(router *natlab.Host) {
	d.t.Helper()
	late := d.close()
	if !late && forwards(d.t, router) {
		d.t.Error("the router forwards after Close")
	}
	forgotten(d.t, router)
}
