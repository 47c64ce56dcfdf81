package rerequest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/multiformats/go-multistream"
	"go.uber.org/goleak"
	"golang.org/x/crypto/sha3"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
	"github.com/passeur-p2p/passeur/protocols/onconn"
	"github.com/passeur-p2p/passeur/test/dialogue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs a test on a clock of its own and on one processor: under -race,
// the runtime of Go 1.26 crashes when two processors fire timers of one bubble
// at once.
func bubble(t *testing.T, run func(*testing.T, *world)) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) { run(t, newWorld(t)) })
}

// settle lets d go by, and what is due by then come to rest.
func settle(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

const (
	talk = "a conversation"
	// unreachable is how long it takes to find out that a device is off.
	unreachable = 20 * time.Second
)

// world is devices on a network in memory (real yamux over pipes), the
// directory of their conversations, and the files announced there. It is the
// Directory of all of them.
type world struct {
	t       testing.TB
	folder  string
	devices []*testDevice

	hasTrees bool // files are announced with the roots of their trees; set first

	mu        sync.Mutex
	members   map[string]map[peer.ID]error // guarded by mu: nil is a member's device; by conversation
	announced map[string]announced         // guarded by mu: by interaction
}

type announced struct {
	size int64
	sum  string
	tree *filexfer.Tree // nil: it is announced without one
}

var _ Directory = (*world)(nil)

func newWorld(t testing.TB) *world {
	w := &world{
		t:         t,
		folder:    t.TempDir(),
		members:   map[string]map[peer.ID]error{talk: {}},
		announced: make(map[string]announced),
	}
	t.Cleanup(w.close)
	return w
}

// close ends everything in the order in which an app would.
func (w *world) close() {
	for _, d := range w.devices {
		if d.files != nil {
			d.files.Close()
			d.again.Close()
		}
	}
	for _, d := range w.devices {
		d.cutAll()
	}
	for _, d := range w.devices {
		d.serving.Wait()
	}
}

func (w *world) Check(_ context.Context, conversation string, device peer.ID) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	members, known := w.members[conversation]
	if !known {
		return ErrUnknownConversation
	}
	if err, known := members[device]; known {
		return err
	}
	return ErrNotMember
}

func (w *world) Devices(_ context.Context, conversation string) (all []peer.ID, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, err := range w.members[conversation] {
		if err == nil {
			all = append(all, id)
		}
	}
	return all, nil
}

// judge sets what the directory says of a device.
func (w *world) judge(d *testDevice, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.members[talk][d.id] = err
}

// announce says what the file of an entry is.
func (w *world) announce(interaction string, content []byte) {
	a := announced{size: int64(len(content))}
	if !w.hasTrees {
		a.sum = fmt.Sprintf("%x", sha3.Sum512(content))
	} else {
		list, err := sha3tree.Read(w.t.Context(), bytes.NewReader(content), a.size, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		a.tree = &filexfer.Tree{Root: list.Root(), List: list}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.announced[interaction] = a
}

// testDevice is a device of a member, its folder, and what is mounted on it. It
// is the Host of its services and the Book of its files.
type testDevice struct {
	world  *world
	name   string
	id     peer.ID
	folder string // where wanted files go
	files  *filexfer.Service
	again  *Service
	events *log[Event]
	views  *log[filexfer.View]
	handle map[protocol.ID]func(network.Stream) // set before the first stream comes
	adopts func(filexfer.Offer) Want            // what it takes that it has not asked for; nil: nothing

	records map[protocol.ID]*dialogue.Recorder // write down the streams of its services; set before mount

	serving sync.WaitGroup

	mu    sync.Mutex
	isOff bool                              // guarded by mu
	links map[*testDevice][]*link           // guarded by mu
	held  map[key]filexfer.File             // guarded by mu
	looks int                               // guarded by mu: into the book
	dials []string                          // guarded by mu: devices that were dialled, in their order
	gate  func(io.ReadCloser) io.ReadCloser // guarded by mu: put on each file that is opened
}

var (
	_ Host = (*testDevice)(nil)
	_ Book = (*testDevice)(nil)
)

// bare makes a member's device without services, for a test that speaks by
// hand.
func (w *world) bare(name string) *testDevice {
	w.t.Helper()
	seed := sha3.Sum256([]byte(name))
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	d := &testDevice{
		world:  w,
		name:   name,
		id:     id,
		folder: filepath.Join(w.folder, name),
		events: newLog[Event](),
		views:  newLog[filexfer.View](),
		handle: make(map[protocol.ID]func(network.Stream)),
		links:  make(map[*testDevice][]*link),
		held:   makeHeld(),
	}
	if err := os.Mkdir(d.folder, 0o700); err != nil {
		w.t.Fatal(err)
	}
	w.devices = append(w.devices, d)
	w.judge(d, nil)
	return d
}

func makeHeld() map[key]filexfer.File { return make(map[key]filexfer.File) }

// device makes a member's device with both services.
func (w *world) device(name string) *testDevice { return w.deviceWith(name, Config{}) }

func (w *world) deviceWith(name string, cfg Config) *testDevice {
	w.t.Helper()
	d := w.bare(name)
	d.mount(cfg)
	return d
}

// mount starts the services of a device, as its process does when it begins.
func (d *testDevice) mount(cfg Config) {
	d.world.t.Helper()
	files, err := filexfer.New(d, filexfer.Config{Ranges: true, Accept: d.accept, Observe: d.views.add, Wrap: func(s network.Stream, _ string) network.Stream { return d.recorder(filexfer.ID)(s) }})
	if err != nil {
		d.world.t.Fatal(err)
	}
	cfg.Self, cfg.Directory, cfg.Observe = d.id, d.world, d.events.add
	if cfg.Book == nil {
		cfg.Book = d
	}
	if cfg.Files == nil {
		cfg.Files = files
	}
	d.files = files
	if d.again, err = New(d, cfg); err != nil {
		d.world.t.Fatal(err)
	}
	d.handle[filexfer.ID] = files.HandleStream
	record := d.recorder(ID)
	d.handle[ID] = func(s network.Stream) { d.again.HandleStream(record(s)) }
}

// recorder gives what each stream of a protocol is given to.
func (d *testDevice) recorder(id protocol.ID) func(network.Stream) network.Stream {
	if r := d.records[id]; r != nil {
		return r.Wrap
	}
	return func(s network.Stream) network.Stream { return s }
}

// errUnasked is how a device refuses what it does not want.
var errUnasked = &filexfer.Refusal{Reason: "nobody asked"}

func (d *testDevice) accept(ctx context.Context, o filexfer.Offer) (filexfer.Sink, error) {
	if sink, wanted, err := d.again.Accept(ctx, o); wanted {
		return sink, err
	}
	if d.adopts != nil {
		return d.again.Adopt(ctx, d.adopts(o), o)
	}
	return nil, errUnasked
}

// holds puts a file where the device can serve it from. If content is not what
// was announced first, the device lies.
func (d *testDevice) holds(interaction string, content []byte) (path string) {
	d.world.t.Helper()
	d.world.mu.Lock()
	_, isAnnounced := d.world.announced[interaction]
	d.world.mu.Unlock()
	if !isAnnounced {
		d.world.announce(interaction, content)
	}
	path = filepath.Join(d.world.folder, d.name+" "+interaction)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		d.world.t.Fatal(err)
	}
	file, err := filexfer.FileFromPath(path)
	if err != nil {
		d.world.t.Fatal(err)
	}
	a := d.world.announced[interaction]
	file.Sum = a.sum
	if a.tree != nil {
		file.Root = a.tree.Root.String()
		file.Tree = func(context.Context) (filexfer.Tree, error) { return *a.tree, nil }
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held[key{talk, interaction}] = file
	return path
}

// Held is what a book of files does, as far as it matters: what is not what it
// was any more is not given.
func (d *testDevice) Held(_ context.Context, conversation, interaction string) (filexfer.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looks++
	file, isHeld := d.held[key{conversation, interaction}]
	if !isHeld {
		return filexfer.File{}, ErrNotHeld
	}
	same, err := file.Open()
	if err != nil {
		return filexfer.File{}, fmt.Errorf("%w: %w", ErrChanged, err)
	}
	same.Close()
	if gate := d.gate; gate != nil {
		open := file.Open
		file.Open = func() (io.ReadCloser, error) {
			reader, err := open()
			if err != nil {
				return nil, err
			}
			return gate(reader), nil
		}
	}
	return file, nil
}

// target says where the device wants the file of an entry.
func (d *testDevice) target(interaction string) filexfer.Target {
	d.world.mu.Lock()
	defer d.world.mu.Unlock()
	a := d.world.announced[interaction]
	id := sha3.Sum256([]byte(interaction))
	target := filexfer.Target{Dir: d.folder, Name: interaction, Size: a.size, Sum: a.sum, ID: fmt.Sprintf("%x", id[:8])}
	if a.tree != nil {
		target.Root = a.tree.Root.String()
	}
	return target
}

func (d *testDevice) wants(interaction string) {
	d.world.t.Helper()
	if err := d.again.Want(Want{talk, interaction, d.target(interaction)}); err != nil {
		d.world.t.Fatal(err)
	}
}

// got fails unless the file lies in the device's folder, with nothing beside it.
func (d *testDevice) got(interaction string, content []byte) {
	d.world.t.Helper()
	d.wantFolder(interaction)
	if here, err := os.ReadFile(filepath.Join(d.folder, interaction)); err != nil || !bytes.Equal(here, content) {
		d.world.t.Errorf("%s: %d bytes of %q (%v), not the %d announced", d.name, len(here), interaction, err, len(content))
	}
}

// wantFolder fails unless the device's folder holds just these files.
func (d *testDevice) wantFolder(names ...string) {
	d.world.t.Helper()
	entries, err := os.ReadDir(d.folder)
	if err != nil {
		d.world.t.Fatal(err)
	}
	var here []string
	for _, e := range entries {
		here = append(here, e.Name())
	}
	if !slices.Equal(here, names) {
		d.world.t.Errorf("%s: the folder has %q, want %q", d.name, here, names)
	}
}

// part puts the beginning of a wanted file into the folder, as an earlier
// process left it.
func (d *testDevice) part(interaction string, content []byte) {
	d.world.t.Helper()
	name := ".passeur-" + d.target(interaction).ID + ".part"
	if err := os.WriteFile(filepath.Join(d.folder, name), content, 0o600); err != nil {
		d.world.t.Fatal(err)
	}
}

// link is one end of a connection.
type link struct {
	network.Conn // nil: nothing else is asked
	other        peer.ID
	pipe         net.Conn
	mux          network.MuxedConn
}

func (l *link) RemotePeer() peer.ID { return l.other }

// NewStream opens a stream on which nothing has been agreed.
func (l *link) NewStream(ctx context.Context) (network.Stream, error) {
	muxed, err := l.mux.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	return &testStream{MuxedStream: muxed, link: l}, nil
}

func (l *link) close() {
	l.pipe.Close()
	l.mux.Close()
}

// connect makes a connection, and tells nobody.
func (d *testDevice) connect(other *testDevice) {
	one, two := net.Pipe()
	d.attach(other, one, false)
	other.attach(d, two, true)
}

func (d *testDevice) attach(other *testDevice, pipe net.Conn, isServer bool) {
	mux, err := yamux.DefaultTransport.NewConn(pipe, isServer, &network.NullScope{})
	if err != nil {
		panic(err) // cannot be
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &link{other: other.id, pipe: pipe, mux: mux}
	d.links[other] = append(d.links[other], l)
	d.serving.Go(func() { d.serve(l) })
}

// meets connects two devices, and both hear of it.
func (d *testDevice) meets(others ...*testDevice) {
	for _, other := range others {
		d.connect(other)
		d.appeared(other)
		other.appeared(d)
	}
}

func (d *testDevice) appeared(other *testDevice) {
	if d.again != nil {
		d.again.Appeared(other.id)
	}
}

// cut breaks a connection without a word.
func (d *testDevice) cut(other *testDevice) {
	for _, pair := range [][2]*testDevice{{d, other}, {other, d}} {
		pair[0].mu.Lock()
		links := pair[0].links[pair[1]]
		delete(pair[0].links, pair[1])
		pair[0].mu.Unlock()
		for _, l := range links {
			l.close()
		}
	}
}

func (d *testDevice) cutAll() {
	d.mu.Lock()
	var others []*testDevice
	for other := range d.links {
		others = append(others, other)
	}
	d.mu.Unlock()
	for _, other := range others {
		d.cut(other)
	}
}

// goesOff makes a device unreachable.
func (d *testDevice) goesOff() { d.setOff(true); d.cutAll() }

func (d *testDevice) setOff(isOff bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.isOff = isOff
}

func (d *testDevice) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	other := d.world.find(p)
	d.mu.Lock()
	links := d.links[other]
	d.mu.Unlock()
	if len(links) == 0 {
		if noDial, _ := network.GetNoDial(ctx); noDial {
			return nil, network.ErrNoConn
		}
		if err := d.dial(ctx, other); err != nil {
			return nil, err
		}
		return d.NewStream(ctx, p, ids...)
	}
	stream, err := onconn.NewStream(ctx, links[0], ids[0])
	if err == nil && ids[0] == ID {
		stream = d.recorder(ID)(stream)
	}
	return stream, err
}

func (d *testDevice) dial(ctx context.Context, other *testDevice) error {
	d.mu.Lock()
	d.dials = append(d.dials, other.name)
	d.mu.Unlock()
	other.mu.Lock()
	isOff := other.isOff
	other.mu.Unlock()
	if !isOff {
		d.connect(other)
		return nil
	}
	select {
	case <-time.After(unreachable):
		return errors.New("nobody answers")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *world) find(id peer.ID) *testDevice {
	for _, d := range w.devices {
		if d.id == id {
			return d
		}
	}
	panic("no such device")
}

// serve takes the streams that the other side opens.
func (d *testDevice) serve(l *link) {
	for {
		muxed, err := l.mux.AcceptStream()
		if err != nil {
			return
		}
		d.serving.Go(func() {
			agree := multistream.NewMultistreamMuxer[protocol.ID]()
			for id := range d.handle {
				agree.AddHandler(id, nil)
			}
			id, _, err := agree.Negotiate(muxed)
			if err != nil {
				muxed.Reset()
				return
			}
			d.handle[id](&testStream{MuxedStream: muxed, link: l})
		})
	}
}

// testStream adds to a muxed stream what a swarm would.
type testStream struct {
	network.MuxedStream
	link *link
}

func (s *testStream) ID() string                    { return "" }
func (s *testStream) Protocol() protocol.ID         { return ID }
func (s *testStream) SetProtocol(protocol.ID) error { return nil }
func (s *testStream) Stat() network.Stats           { return network.Stats{} }
func (s *testStream) Conn() network.Conn            { return s.link }
func (s *testStream) Scope() network.StreamScope    { return &network.NullScope{} }

// log keeps what was told, in its order, and lets a test wait for more.
type log[E any] struct {
	mu   sync.Mutex
	all  []E
	more chan struct{} // closed and replaced with each
}

func newLog[E any]() *log[E] { return &log[E]{more: make(chan struct{})} }

func (l *log[E]) add(e E) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e)
	close(l.more)
	l.more = make(chan struct{})
}

// those gives what suits, so far.
func (l *log[E]) those(suits func(E) bool) []E {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.all), func(e E) bool { return !suits(e) })
}

// await waits for the n-th that suits.
func (l *log[E]) await(t testing.TB, n int, suits func(E) bool) E {
	t.Helper()
	deadline := time.After(2 * time.Hour) // of the bubble's clock; go test has its own
	for {
		l.mu.Lock()
		more := l.more
		l.mu.Unlock()
		if found := l.those(suits); len(found) >= n {
			return found[n-1]
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("never came; what came is %+v", l.all)
		}
	}
}

func is(kind Kind) func(Event) bool { return func(e Event) bool { return e.Kind == kind } }

func by(kind Kind, d *testDevice) func(Event) bool {
	return func(e Event) bool { return e.Kind == kind && e.Device == d.id }
}

// story is what happened, in short.
func (d *testDevice) story() []string {
	var lines []string
	for _, e := range d.events.those(func(e Event) bool { return e.Kind != Progress }) {
		lines = append(lines, string(e.Kind)+" "+d.world.nameOf(e.Device, d))
	}
	return lines
}

// nameOf is that of the device an event is about: its own where it is about none.
func (w *world) nameOf(id peer.ID, own *testDevice) string {
	if id == "" {
		return own.name
	}
	return w.find(id).name
}

// wantStory fails unless just this has happened.
func (d *testDevice) wantStory(want ...string) {
	d.world.t.Helper()
	if got := d.story(); !slices.Equal(got, want) {
		d.world.t.Errorf("%s saw\n\t%q, not\n\t%q", d.name, got, want)
	}
}

// stopper is a gate that stops the reading of a file at a byte, until it is
// opened.
type stopper struct {
	at     int64
	opened chan struct{}
	once   sync.Once
}

func newStopper(at int64) *stopper { return &stopper{at: at, opened: make(chan struct{})} }

func (s *stopper) open() { s.once.Do(func() { close(s.opened) }) }

func (s *stopper) gate(r io.ReadCloser) io.ReadCloser {
	return &stoppedReader{ReadCloser: r, stopper: s, closed: make(chan struct{})}
}

type stoppedReader struct {
	io.ReadCloser
	stopper *stopper
	pos     int64
	closed  chan struct{}
}

func (r *stoppedReader) Seek(offset int64, whence int) (int64, error) {
	pos, err := r.ReadCloser.(io.Seeker).Seek(offset, whence)
	r.pos = pos
	return pos, err
}

func (r *stoppedReader) Read(p []byte) (int, error) {
	if left := r.stopper.at - r.pos; left > 0 {
		p = p[:min(int64(len(p)), left)]
	} else {
		select {
		case <-r.stopper.opened:
		case <-r.closed:
			return 0, io.ErrClosedPipe
		}
	}
	n, err := r.ReadCloser.Read(p)
	r.pos += int64(n)
	return n, err
}

func (r *stoppedReader) Close() error {
	close(r.closed)
	return r.ReadCloser.Close()
}

// stops makes the device serve up to a byte of each file only.
func (d *testDevice) stops(at int64) *stopper {
	s := newStopper(at)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate = s.gate
	return s
}

// bytesOf makes content that no two names share.
func bytesOf(name string, size int) []byte {
	content := make([]byte, size)
	rand.NewChaCha8(sha3.Sum256([]byte(name))).Read(content)
	return content
}
