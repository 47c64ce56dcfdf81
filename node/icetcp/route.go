package icetcp

import (
	"container/list"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/pion/stun"
)

// acceptPause is how long to wait after an Accept that failed, out of descriptors say.
const acceptPause = 100 * time.Millisecond

// accept runs for the life of a listener.
func (m *mux) accept(l *net.TCPListener) {
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			m.wg.Go(func() { m.admit(c) })
		case m.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default:
			m.log.Warn("icetcp: accept failed", "addr", l.Addr(), "err", err)
			if !sleep(m.ctx, acceptPause) {
				return
			}
		}
	}
}

// admit finds the session of an accepted connection by its first frame and then
// carries that session's checks until the socket is closed or handed off.
func (m *mux) admit(c net.Conn) {
	if s := m.open(c, false, nil, ""); s != nil {
		m.route(s)
	}
}

// admitRelayed does so for a connection that came through the TURN server relay. It
// runs on the relay's goroutine; Close waits for it all the same.
func (m *mux) admitRelayed(c net.Conn, relay string) {
	if !m.enter() {
		c.Close()
		return
	}
	defer m.wg.Done()
	if s := m.open(c, false, nil, relay); s != nil {
		m.route(s)
	}
}

// enter adds one to wg; false after Close.
func (m *mux) enter() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.wg.Add(1)
	return true
}

func (m *mux) route(s *socket) {
	waiting := m.await(s)
	buf := make([]byte, maxFrame)
	ses, frame, err := m.firstFrame(s, buf)
	m.settle(waiting)
	if err != nil {
		m.log.Debug("icetcp: closed a stranger", "remote", s.remote, "err", err)
		s.Close()
		return
	}
	if b := ses.adopt(s); b != nil {
		ses.hold(s)
		b.deliver(frame, s)
		ses.serve(b, s, buf)
	}
}

// await enters s among the unknown, and closes the oldest of them if there are too many.
func (m *mux) await(s *socket) *list.Element {
	m.mu.Lock()
	var oldest *socket
	if m.unknown.Len() >= maxUnknown {
		oldest = m.unknown.Remove(m.unknown.Front()).(*socket)
	}
	e := m.unknown.PushBack(s)
	m.mu.Unlock()
	if oldest != nil {
		oldest.Close()
	}
	return e
}

// settle takes a socket off the unknown; one that was pushed out is off already.
func (m *mux) settle(e *list.Element) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unknown.Remove(e)
}

// firstFrame reads the frame that must be a check of one of our sessions.
func (m *mux) firstFrame(s *socket, buf []byte) (*session, []byte, error) {
	if err := s.SetReadDeadline(time.Now().Add(m.patience)); err != nil {
		return nil, nil, err
	}
	frame, err := s.readFrame(buf)
	if err != nil {
		return nil, nil, fmt.Errorf("first frame: %w", err)
	}
	ses, _, err := m.authenticate(frame)
	if err != nil {
		return nil, nil, err
	}
	return ses, frame, s.SetReadDeadline(time.Time{})
}

// authenticate finds the session that a check is for: a Binding request whose
// USERNAME is "<our ufrag>:<their ufrag>" and whose MESSAGE-INTEGRITY is made with
// our password (RFC 8445 §7.1.2). It also gives their ufrag. frame is not kept.
func (m *mux) authenticate(frame []byte) (ses *session, theirs string, err error) {
	msg := &stun.Message{Raw: append([]byte(nil), frame...)}
	if err := msg.Decode(); err != nil {
		return nil, "", err
	}
	if msg.Type != stun.BindingRequest {
		return nil, "", fmt.Errorf("%s instead of a Binding request", msg.Type)
	}
	var username stun.Username
	if err := username.GetFrom(msg); err != nil {
		return nil, "", err
	}
	ours, theirs, ok := strings.Cut(username.String(), ":")
	if ses = m.session(ours); !ok || ses == nil {
		return nil, "", errors.New("no such session")
	}
	return ses, theirs, stun.MessageIntegrity(ses.local.pwd).Check(msg)
}
