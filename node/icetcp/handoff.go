package icetcp

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
)

// The hand-off. When the checks have found a pair, its socket is switched from
// frames to the bare byte stream:
//
//	controlling                       controlled
//	    marker(controlling)  ─────▶
//	                         ◀─────   marker(controlled)
//	    bytes                ◀────▶   bytes
//
// A marker is one frame, the last of its direction; TCP keeps the order, so the
// first byte after it is the first of the stream. Frames that cross on the way
// are still STUN and are read as such. A marker is authentic: it is keyed with
// both passwords of the session, which only the two agents know.
//
//	0xff "handoff/1"    10 bytes; no STUN message begins with two bits set (RFC 8489 §5)
//	HMAC-SHA256         32 bytes, key:  <controlling's pwd> ":" <controlled's pwd>
//	                              text: "handoff/1" 0 <role> 0 <controlling's ufrag> 0 <controlled's ufrag>
//
// role is "controlling" or "controlled", the sender's, followed by "/dialled" if
// the sender dialled the socket. When both did, their SYNs met: TCP simultaneous
// open, by which NATs and firewalls are passed (RFC 5128 §3.4).

const (
	handOffVersion = "handoff/1"
	markerMagic    = "\xff" + handOffVersion
	markerLen      = len(markerMagic) + sha256.Size
)

// errMarker is what the peer's marker on the wrong socket makes.
var errMarker = errors.New("hand-off: marker on a socket that was not nominated")

// marker gives the bytes of a role's marker.
func marker(role string, controlling, controlled credentials) []byte {
	mac := hmac.New(sha256.New, []byte(controlling.pwd+":"+controlled.pwd))
	fmt.Fprintf(mac, "%s\x00%s\x00%s\x00%s", handOffVersion, role, controlling.ufrag, controlled.ufrag)
	return mac.Sum([]byte(markerMagic))
}

// dialledRole is appended to the role of a sender that dialled the socket.
const dialledRole = "/dialled"

// roles gives our role and the other side's.
func roles(controlling bool) (ours, theirs string) {
	if controlling {
		return "controlling", "controlled"
	}
	return "controlled", "controlling"
}

// marker gives the marker that we send on s.
func (ses *session) marker(s *socket) []byte {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	role, _ := roles(ses.controlling)
	if s.dialled {
		role += dialledRole
	}
	return ses.markLocked(role)
}

// isMarker tells whether frame is the other side's marker, and notes on s whether
// it dialled too.
func (ses *session) isMarker(s *socket, frame []byte) bool {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.remote.pwd == "" { // not started
		return false
	}
	_, role := roles(ses.controlling)
	if hmac.Equal(frame, ses.markLocked(role+dialledRole)) {
		s.peerDialled = true
		return true
	}
	return hmac.Equal(frame, ses.markLocked(role))
}

func (ses *session) markLocked(role string) []byte {
	if ses.controlling {
		return marker(role, ses.local, ses.remote)
	}
	return marker(role, ses.remote, ses.local)
}

// mark tells handOff that the peer's marker came on s. Nobody reads s from here on.
func (ses *session) mark(s *socket) {
	s.answered()
	select {
	case ses.marked <- s:
	default: // a second one
		ses.release(s)
		s.Close()
	}
}

// handOffControlling switches s, the socket of the nominated pair.
func (ses *session) handOffControlling(ctx context.Context, s *socket) error {
	if err := s.writeMarker(ses.marker(s)); err != nil {
		return fmt.Errorf("hand-off: send marker: %w", err)
	}
	select {
	case got := <-ses.marked:
		if got != s {
			return errMarker
		}
		return ses.take(s)
	case <-s.gone:
		return errors.New("hand-off: the peer closed the nominated socket")
	case <-ctx.Done():
		return fmt.Errorf("hand-off: await marker: %w", context.Cause(ctx))
	}
}

// handOffControlled switches the socket on which the peer's marker comes.
func (ses *session) handOffControlled(ctx context.Context) (*socket, error) {
	select {
	case s := <-ses.marked:
		if err := s.writeMarker(ses.marker(s)); err != nil {
			return nil, fmt.Errorf("hand-off: send marker: %w", err)
		}
		return s, ses.take(s)
	case <-ctx.Done():
		return nil, fmt.Errorf("hand-off: await marker: %w", context.Cause(ctx))
	}
}

// take makes s the caller's, who must close it.
func (ses *session) take(s *socket) error {
	ses.mu.Lock()
	ses.handed = true
	ses.mu.Unlock()
	if !ses.release(s) {
		return errors.New("hand-off: the session ended meanwhile")
	}
	if err := s.bare(); err != nil {
		s.Close()
		return fmt.Errorf("hand-off: %w", err)
	}
	return nil
}
