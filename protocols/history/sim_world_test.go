package history

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/conversation/logstore"
)

// sim is six accounts with one to three devices each, the last of them hostile,
// on a clock of their own. What happens is drawn from a seed.
type sim struct {
	*world
	r       *rand.Rand
	honest  []*simDevice
	evil    *person
	devils  []*device // of evil: a new one for each act
	convs   []conversation.ID
	entries map[conversation.ID][]*conversation.Entry // all that were ever made, for hostile acts
	bonds   map[[2]*simDevice]context.CancelFunc      // who is connected
	keepers sync.WaitGroup

	mu      sync.Mutex
	owners  map[peer.ID]*person // guarded by mu
	cutOffs []string            // guarded by mu: honest devices that one of them cut off
}

// simDevice is a device whose store can crash.
type simDevice struct {
	*device
	sim     *sim
	store   *logstore.Store
	path    string
	crashes int
	acks    map[conversation.ID][]conversation.ID // entries that Append has acknowledged
	revoked bool
	// troubles are events that are not as usual; guarded by sim.mu.
	troubles []Event
}

const simAccounts = 6

func newSim(t *testing.T, seed uint64) *sim {
	s := &sim{
		world:   newWorld(t),
		r:       rand.New(rand.NewPCG(seed, 4)),
		owners:  make(map[peer.ID]*person),
		entries: make(map[conversation.ID][]*conversation.Entry),
		bonds:   make(map[[2]*simDevice]context.CancelFunc),
	}
	for a := range simAccounts - 1 {
		p := newPerson(t, fmt.Sprint("account ", a))
		for n := range 1 + s.r.IntN(3) {
			s.add(fmt.Sprintf("%d.%d", a, n), p)
		}
	}
	s.evil = newPerson(t, "evil")
	return s
}

func (s *sim) add(name string, p *person) {
	d := &simDevice{device: s.bare(name, p), sim: s, acks: make(map[conversation.ID][]conversation.ID)}
	d.path = filepath.Join(s.dir(), "log.db")
	s.owns(p, d.id)
	s.honest = append(s.honest, d)
	d.boot()
}

// dir makes a folder, in memory where that is easy: what a crash leaves is a
// copy that the simulation makes.
func (s *sim) dir() string {
	dir, err := os.MkdirTemp("/dev/shm", "sim")
	if err != nil {
		return s.t.TempDir()
	}
	s.t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (s *sim) owns(p *person, device peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owners[device] = p
}

func (s *sim) ownerOf(device peer.ID) *person {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owners[device]
}

// boot opens the store and starts the service.
func (d *simDevice) boot() {
	d.store = openStore(d.sim.t, d.path, logstore.Config{
		Self: d.person.account.Account(),
		Observe: func(conv conversation.ID, added []conversation.ID, _ bool) {
			d.service.Changed(conv, added)
		},
	})
	d.cfg = Config{
		Log:      storeLog{d.store},
		SourceOf: d.sourceOf,
		Shared:   d.shared,
		Reads:    d.reads,
		Accepts:  func(peer.ID, conversation.ID) bool { return true },
		Observe:  d.observe,
		Limits:   Limits{Retry: 10 * time.Second, Entries: 64},
	}
	service, err := New(d.device, d.cfg)
	if err != nil {
		d.sim.t.Fatal(err)
	}
	d.service = service
}

func (d *simDevice) sourceOf(other peer.ID) (Source, bool) {
	p := d.sim.ownerOf(other)
	if p == nil {
		return Source{}, false
	}
	return Source{p.account.Account(), p == d.person}, true
}

func (d *simDevice) reads(other peer.ID, conv conversation.ID) bool {
	may, err := d.store.MayRead(conv, d.sim.ownerOf(other).account.Account(), other)
	return err == nil && may
}

func (d *simDevice) shared(other peer.ID) []conversation.ID {
	all, _ := d.store.Conversations()
	var shared []conversation.ID
	for _, c := range all {
		if d.reads(other, c.ID) {
			shared = append(shared, c.ID)
		}
	}
	return shared
}

// observe notes what must not happen: that an honest device is cut off.
func (d *simDevice) observe(e Event) {
	if d.sim.ownerOf(e.Device) != d.sim.evil && !slices.Contains([]Kind{Connected, Disconnected, Received}, e.Kind) {
		d.sim.mu.Lock()
		d.troubles = append(d.troubles, e)
		d.sim.mu.Unlock()
	}
	if e.Kind == CutOff && d.sim.ownerOf(e.Device) != d.sim.evil {
		d.sim.mu.Lock()
		defer d.sim.mu.Unlock()
		d.sim.cutOffs = append(d.sim.cutOffs, fmt.Sprintf("%s: %v", d.name, e.Err))
	}
}

// halt parts a device from all and stops its service.
func (d *simDevice) halt() {
	for bond := range d.sim.bonds {
		if slices.Contains(bond[:], d) {
			d.sim.unbind(bond)
		}
	}
	d.service.Close()
	for _, l := range d.ends() {
		d.sim.part(d.device, l.there)
	}
	d.serving.Wait()
}

// crash goes on from a copy of the files as they are now.
func (d *simDevice) crash() {
	d.crashes++
	again := filepath.Join(filepath.Dir(d.path), fmt.Sprintf("log.%d.db", d.crashes))
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(again+suffix, d.path+suffix); err != nil {
			d.sim.t.Fatal(err)
		}
	}
	d.halt()
	d.store.Close()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		os.Remove(d.path + suffix)
	}
	d.path = again
	d.boot()
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}

// bind connects two devices; as long as they are, one sees to it that a stream
// stands.
func (s *sim) bind(a, b *simDevice) {
	bond := [2]*simDevice{a, b}
	if _, bound := s.bonds[bond]; bound || s.bonds[[2]*simDevice{b, a}] != nil || a == b {
		return
	}
	one, two := s.slowPipe()
	s.join(a.device, b.device, one, two)
	ctx, cancel := context.WithCancel(context.Background())
	s.bonds[bond] = cancel
	keep := func(d, other *simDevice, service *Service) {
		for pause := 5 * time.Second; ctx.Err() == nil; pause = min(2*pause, time.Minute) {
			if !slices.Contains(service.Connected(), other.id) {
				service.Sync(ctx, other.id)
				pause = 5 * time.Second
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	}
	as, bs := a.service, b.service
	s.keepers.Go(func() { keep(a, b, as) })
	if s.r.IntN(2) == 0 { // sometimes both see to it at once
		s.keepers.Go(func() { keep(b, a, bs) })
	}
}

func (s *sim) unbind(bond [2]*simDevice) {
	s.bonds[bond]()
	delete(s.bonds, bond)
	s.part(bond[0].device, bond[1].device)
}

// slowPipe is a pipe on which each write takes its time, in order.
func (s *sim) slowPipe() (net.Conn, net.Conn) {
	delay := time.Duration(s.r.IntN(300)) * time.Millisecond
	one, two := net.Pipe()
	return s.slow(one, delay), s.slow(two, delay)
}

// slowConn delays what is written.
type slowConn struct {
	net.Conn
	delay time.Duration
	queue chan parcel
	over  chan struct{}
	once  sync.Once
}

type parcel struct {
	due  time.Time
	data []byte
}

func (s *sim) slow(inner net.Conn, delay time.Duration) *slowConn {
	c := &slowConn{Conn: inner, delay: delay, queue: make(chan parcel, 256), over: make(chan struct{})}
	s.keepers.Go(c.carry)
	return c
}

func (c *slowConn) carry() {
	for {
		select {
		case p := <-c.queue:
			select {
			case <-time.After(time.Until(p.due)):
			case <-c.over:
				return
			}
			if _, err := c.Conn.Write(p.data); err != nil {
				return
			}
		case <-c.over:
			return
		}
	}
}

func (c *slowConn) Write(p []byte) (int, error) {
	select {
	case c.queue <- parcel{time.Now().Add(c.delay), slices.Clone(p)}:
		return len(p), nil
	case <-c.over:
		return 0, net.ErrClosed
	}
}

func (c *slowConn) Close() error {
	c.once.Do(func() { close(c.over) })
	return c.Conn.Close()
}

// end stops everything.
func (s *sim) end() {
	for bond := range s.bonds {
		s.unbind(bond)
	}
	for _, d := range s.honest {
		d.halt()
		d.store.Close()
		d.service = nil
	}
	for _, d := range s.devils {
		for _, l := range d.ends() {
			l.close()
		}
		d.serving.Wait()
	}
	s.keepers.Wait()
}
