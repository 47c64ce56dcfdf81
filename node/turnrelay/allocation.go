package turnrelay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun"
	"github.com/pion/turn/v2"
)

const (
	// retransmit is when the client repeats a request. TCP loses none, so it is long;
	// after six more, 1.6 s apart, the server is taken for dead.
	retransmit = 3 * time.Second
	// writeTimeout bounds one message on a control connection.
	writeTimeout = 10 * time.Second
	// farewell bounds the wait for the answer to the last Refresh.
	farewell = 2 * time.Second
	// tries is how often a request is sent whose nonce went stale (438).
	tries = 3
)

// allocation is a relayed address and the control connection that it lives and dies
// with. pion's client writes the requests and repeats the Refresh; what it reads we
// read first (see inspect), because it neither survives every malformed message nor
// tells of a failed Refresh or of the end of the connection.
type allocation struct {
	slot    *slot
	conn    net.Conn // the control connection
	client  *turn.Client
	tcp     tcpAllocation
	accept  func(net.Conn) (net.Conn, error)       // pion's AcceptTCPWithConn
	welcome func(*allocation, netip.AddrPort) bool // a peer connects; true: join will be called
	relayed netip.AddrPort
	latency time.Duration // from the first request to its answer, 0: never answered

	ctx    context.Context // ends with the allocation; the cause says why
	cancel context.CancelCauseFunc
	expiry *time.Timer    // ends an allocation that is not refreshed
	wg     sync.WaitGroup // the reader and the connections being joined

	once      sync.Once // release
	releasing atomic.Bool
	released  chan struct{} // closed by the reader when the last Refresh is answered

	permitting sync.Mutex // held during a CreatePermission

	// guarded by Relay.mu
	conns   int       // relayed connections, those being joined too
	pending int       // those being joined
	idle    time.Time // since when nobody uses it, zero: somebody does

	mu      sync.Mutex
	asked   time.Time                     // when the first request was sent
	key     stun.MessageIntegrity         // signs requests and answers, nil before the challenge
	refused map[stun.Method]*stun.Message // the last answer to a request was this error
}

// tcpAllocation is what we use of pion's type, which has no name outside.
type tcpAllocation interface {
	SetDeadline(time.Time) error
	Close() error
}

// control is the connection that pion's client writes to. It reads nothing itself.
type control struct {
	net.Conn
	a *allocation
}

// allocate connects to a slot's server and asks for an address. latency is not 0
// if the server answered at all.
func allocate(ctx context.Context, s *slot, welcome func(*allocation, netip.AddrPort) bool) (a *allocation, latency time.Duration, err error) {
	conn, err := s.dial(ctx, s.url.Addr())
	if err != nil {
		return nil, 0, err
	}
	if a, err = newAllocation(conn, s, welcome); err != nil {
		conn.Close()
		return nil, 0, s.trouble(s.family.step(), err)
	}
	stop := context.AfterFunc(ctx, func() { a.die(context.Cause(ctx)) })
	a.wg.Go(a.read)
	err = a.ask()
	if !stop() && err == nil {
		err = a.explain(context.Cause(ctx))
	}
	if err != nil {
		a.die(err)
		a.release()
		return nil, a.latency, err
	}
	return a, a.latency, nil
}

func newAllocation(conn net.Conn, s *slot, welcome func(*allocation, netip.AddrPort) bool) (*allocation, error) {
	a := &allocation{
		slot:     s,
		conn:     conn,
		welcome:  welcome,
		released: make(chan struct{}),
		refused:  make(map[stun.Method]*stun.Message),
	}
	a.ctx, a.cancel = context.WithCancelCause(context.Background())
	var err error
	a.client, err = turn.NewClient(&turn.ClientConfig{
		// Required and resolved as IPv4, but used for nothing: control knows where to
		// write. So a server can have any address.
		TURNServerAddr: "127.0.0.1:9",
		Username:       s.user,
		Password:       s.pass,
		RTO:            retransmit,
		Conn:           control{conn, a},
		LoggerFactory:  mute{},
	})
	return a, err
}

// ask makes the allocation. The reader must run already.
func (a *allocation) ask() error {
	var err error
	for range tries {
		t, e := a.client.AllocateTCP()
		if e == nil {
			a.tcp = t
			a.accept = func(c net.Conn) (net.Conn, error) { return t.AcceptTCPWithConn(c) }
			return nil
		}
		if err = a.explain(e); !errors.Is(err, errStale) {
			break
		}
	}
	return err
}

// explain makes the error of an allocation that did not come about.
func (a *allocation) explain(err error) error {
	step := a.slot.family.step()
	if m := a.refusal(stun.MethodAllocate); m != nil {
		return a.slot.refusal(step, m)
	}
	return a.slot.silent(step, why(a.ctx, err))
}

// WriteTo sends a request of pion's client. Allocate gets the family, which this
// version of the client cannot ask for.
func (c control) WriteTo(p []byte, _ net.Addr) (int, error) {
	m := &stun.Message{Raw: append([]byte(nil), p...)}
	err := m.Decode()
	if err == nil && m.Type.Method == stun.MethodAllocate {
		want := stun.RawAttribute{Type: stun.AttrRequestedAddressFamily, Value: []byte{byte(c.a.slot.family), 0, 0, 0}}
		m, err = c.a.slot.amend(m, m.TransactionID, want)
	}
	if err == nil {
		err = c.a.sending(m)
	}
	if err == nil {
		err = c.SetWriteDeadline(time.Now().Add(writeTimeout))
	}
	if err == nil {
		_, err = c.Write(m.Raw)
	}
	return len(p), err
}

// ReadFrom is never called: the client gets what read has inspected.
func (c control) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, net.ErrClosed }

// sending notes what the answer to m will be judged by.
func (a *allocation) sending(m *stun.Message) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.refused, m.Type.Method)
	if a.asked.IsZero() {
		a.asked = time.Now()
	}
	if a.key == nil && m.Contains(stun.AttrMessageIntegrity) {
		var realm stun.Realm
		if err := realm.GetFrom(m); err != nil {
			return err
		}
		a.key = a.slot.key(realm.String())
	}
	return nil
}

// read feeds the client until the connection ends or the server breaks the rules.
func (a *allocation) read() {
	from := a.conn.RemoteAddr()
	br := bufio.NewReaderSize(a.conn, maxMessage)
	for {
		m, err := readMessage(br)
		pass := false
		if err == nil {
			pass, err = a.inspect(m)
		}
		if err == nil && pass {
			_, err = a.client.HandleInbound(m.Raw, from)
		}
		if err != nil {
			a.die(err)
			return
		}
	}
}

// inspect looks at a message before the client does: true if it may have it. An
// error ends the allocation.
func (a *allocation) inspect(m *stun.Message) (pass bool, err error) {
	switch m.Type.Class {
	case stun.ClassSuccessResponse:
		return true, a.succeeded(m)
	case stun.ClassErrorResponse:
		return true, a.failed(m)
	case stun.ClassIndication:
		if m.Type.Method == stun.MethodConnectionAttempt {
			return a.attempted(m)
		}
		return false, nil // a later RFC's
	default:
		return false, fmt.Errorf("%w: a request", errBad)
	}
}

// attempted handles a peer's connection attempt (RFC 6062 §4.4). A refused one the
// server forgets after 30 s.
func (a *allocation) attempted(m *stun.Message) (pass bool, err error) {
	peer, err := address(m, stun.AttrXORPeerAddress)
	if err != nil {
		return false, err
	}
	if _, err := number(m, stun.AttrConnectionID); err != nil {
		return false, err
	}
	return a.welcome(a, peer), nil
}

func (a *allocation) succeeded(m *stun.Message) error {
	key := a.answered()
	if key == nil {
		return errors.New("the server asks for no credentials, which this client cannot use")
	}
	if key.Check(m) != nil {
		return errors.New("an answer is not signed with the user's password; something on the way forges answers")
	}
	switch m.Type.Method {
	case stun.MethodAllocate:
		return a.granted(m)
	case stun.MethodRefresh:
		return a.refreshed(m)
	}
	return nil
}

// answered notes that the server answers, and gives the key if it is known.
func (a *allocation) answered() stun.MessageIntegrity {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.latency == 0 {
		a.latency = max(1, time.Since(a.asked))
	}
	return a.key
}

func (a *allocation) granted(m *stun.Message) error {
	if a.relayed.IsValid() {
		return fmt.Errorf("%w: a second allocation", errBad)
	}
	relayed, err := address(m, stun.AttrXORRelayedAddress)
	if err != nil {
		return err
	}
	d, err := lifetime(m)
	switch ip := relayed.Addr(); {
	case err != nil:
		return err
	case d < minLifetime:
		return fmt.Errorf("the server lends for %s only", d)
	case familyOf(ip) != a.slot.family:
		return fmt.Errorf("%w: it lent %s", ErrFamily, relayed)
	case relayed.Port() == 0, ip.IsUnspecified(), ip.IsMulticast(), ip.IsLinkLocalUnicast():
		return fmt.Errorf("the server lent %s, to which nobody can connect (coturn: set external-ip)", relayed)
	}
	a.relayed = relayed
	a.expiry = time.AfterFunc(d, func() { a.die(errLost) })
	return nil
}

func (a *allocation) refreshed(m *stun.Message) error {
	d, err := lifetime(m)
	switch {
	case err != nil:
		return err
	case a.releasing.Load():
		a.bye()
	case d > 0 && a.expiry != nil:
		a.expiry.Reset(d)
	}
	return nil
}

// bye tells release that the server has heard of it. Only the reader calls it.
func (a *allocation) bye() {
	select {
	case <-a.released:
	default:
		close(a.released)
	}
}

// failed notes an error response for those who wait for it. One to a Refresh ends
// the allocation, unless the client can repeat it.
func (a *allocation) failed(m *stun.Message) error {
	challenged := a.answered() != nil
	method, code := m.Type.Method, errorCode(m)
	if challenged || code != int(stun.CodeUnauthorized) { // the first 401 is the challenge
		a.mu.Lock()
		a.refused[method] = m
		a.mu.Unlock()
	}
	switch {
	case method != stun.MethodRefresh:
		return nil
	case a.releasing.Load():
		a.bye()
		return nil
	case code == int(stun.CodeStaleNonce):
		return nil
	}
	return a.slot.refusal("keep the relayed address", m)
}

// refusal gives the error response to the last request of a method, nil if there
// was none.
func (a *allocation) refusal(method stun.Method) *stun.Message {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refused[method]
}

// lives tells whether the allocation stands; a nil one does not.
func (a *allocation) lives() bool { return a != nil && a.ctx.Err() == nil }

// lost makes the error of an allocation that has died.
func (a *allocation) lost() error {
	return a.slot.trouble("keep the relayed address", context.Cause(a.ctx))
}

// die ends the allocation for a reason; later ones do not count. The server ends
// its relayed connections when it sees the control connection closed.
func (a *allocation) die(reason error) {
	a.cancel(reason)
	a.conn.Close()
	a.client.Close() // ends transactions under way
}

// release gives the address back, if it still stands, and returns when nothing is
// left of the allocation.
func (a *allocation) release() {
	a.once.Do(func() {
		a.releasing.Store(true)
		if a.tcp != nil {
			a.tcp.Close() // ends the client's timers, and sends Refresh with lifetime 0
			a.await(a.released)
		}
		a.die(ErrClosed)
		if a.tcp != nil {
			a.tcp.SetDeadline(time.Now()) // ends accept, which Close does not
		}
		a.wg.Wait()
		if a.expiry != nil {
			a.expiry.Stop()
		}
	})
}

func (a *allocation) await(answered <-chan struct{}) {
	t := time.NewTimer(farewell)
	defer t.Stop()
	select {
	case <-answered:
	case <-a.ctx.Done():
	case <-t.C:
	}
}
