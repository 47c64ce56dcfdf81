package turnrelay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/stun"
)

const (
	// maxPeersAtOnce is how many addresses of a call of Permit count: a device has a
	// few, and its list comes from the peer.
	maxPeersAtOnce = 16
	// maxPeersInMessage bounds a CreatePermission.
	maxPeersInMessage = 16
)

// Permit lets the peers connect to the relayed addresses of their family: to those
// that stand and, until ctx ends, to those that come. Until then the permissions are
// kept fresh; established connections need none.
//
// peers are the addresses from which the TURN servers see the peer. IPv4-mapped ones
// count as IPv4. Those from which nobody can come are skipped (unspecified, loopback,
// link-local, multicast, reserved), and so is what exceeds 16.
//
// It returns when a server has taken the permissions and the rest had as long again.
// The error is ErrNoPeers if all were skipped, ErrNoAllocation, ErrTooManyPeers,
// ErrClosed, ctx's, or why each server refused.
func (r *Relay) Permit(ctx context.Context, peers []netip.Addr) error {
	if peers = screen(peers); len(peers) == 0 {
		return ErrNoPeers
	}
	results, n, err := r.hold(ctx, peers)
	if err != nil {
		return err
	}
	return r.collect(ctx, results, n)
}

// screen gives the addresses that a peer can come from.
func screen(peers []netip.Addr) (good []netip.Addr) {
	for _, ip := range peers {
		ip = ip.Unmap()
		if usable(ip) && !slices.Contains(good, ip) {
			good = append(good, ip)
		}
		if len(good) == maxPeersAtOnce {
			break
		}
	}
	return good
}

var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")   // RFC 1122 §3.2.1.3
	reserved    = netip.MustParsePrefix("240.0.0.0/4") // RFC 1112 §4, and broadcast
)

func usable(ip netip.Addr) bool {
	return ip.IsValid() && ip.Zone() == "" && !ip.IsUnspecified() && !ip.IsLoopback() &&
		!ip.IsMulticast() && !ip.IsLinkLocalUnicast() && !thisNetwork.Contains(ip) && !reserved.Contains(ip)
}

// hold notes the permissions until ctx ends and starts to install them; n results
// come.
func (r *Relay) hold(ctx context.Context, peers []netip.Addr) (results <-chan error, n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, 0, ErrClosed
	case ctx.Err() != nil:
		return nil, 0, context.Cause(ctx)
	case r.newLocked(peers)+len(r.permits) > r.cfg.MaxPeers:
		return nil, 0, ErrTooManyPeers
	}
	done := make(chan error, len(r.slots))
	for _, s := range r.slots {
		if ips := ofFamily(peers, s.family); s.alloc.lives() && len(ips) > 0 {
			a := s.alloc
			r.wg.Go(func() { done <- a.permit(ips) })
			n++
		}
	}
	if n == 0 {
		return nil, 0, ErrNoAllocation
	}
	for _, ip := range peers {
		r.permits[ip]++
	}
	context.AfterFunc(ctx, func() { r.drop(peers) })
	return done, n, nil
}

func (r *Relay) newLocked(peers []netip.Addr) (n int) {
	for _, ip := range peers {
		if r.permits[ip] == 0 {
			n++
		}
	}
	return n
}

func (r *Relay) drop(peers []netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ip := range peers {
		if r.permits[ip]--; r.permits[ip] == 0 {
			delete(r.permits, ip)
		}
	}
}

// collect waits for n results, and for the slow ones no longer than twice as long as
// the first good one took.
func (r *Relay) collect(ctx context.Context, results <-chan error, n int) error {
	var (
		begin = time.Now()
		errs  []error
		grace <-chan time.Time
	)
	for ; n > 0; n-- {
		select {
		case err := <-results:
			if err != nil {
				errs = append(errs, err)
			} else if grace == nil {
				t := time.NewTimer(max(minGrace, time.Since(begin)))
				defer t.Stop()
				grace = t.C
			}
		case <-grace:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("turnrelay: permit a peer: %w", context.Cause(ctx))
		case <-r.ctx.Done():
			return ErrClosed
		}
	}
	if grace != nil {
		return nil
	}
	return errors.Join(errs...)
}

// permitted gives the addresses of a family that are permitted now.
func (r *Relay) permitted(f family) (peers []netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for ip := range r.permits {
		if familyOf(ip) == f {
			peers = append(peers, ip)
		}
	}
	return peers
}

func ofFamily(peers []netip.Addr, f family) (of []netip.Addr) {
	for _, ip := range peers {
		if familyOf(ip) == f {
			of = append(of, ip)
		}
	}
	return of
}

// permit installs or renews permissions. A server refuses all of a message for one
// address, so then each is tried alone; the error says why none was taken.
func (a *allocation) permit(peers []netip.Addr) error {
	a.permitting.Lock()
	defer a.permitting.Unlock()
	var errs []error
	for some := range slices.Chunk(peers, maxPeersInMessage) {
		err := a.request(some)
		if err == nil {
			continue
		}
		if len(some) > 1 && a.lives() {
			err = a.oneByOne(some)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (a *allocation) oneByOne(peers []netip.Addr) error {
	var errs []error
	for _, ip := range peers {
		if err := a.request([]netip.Addr{ip}); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) < len(peers) {
		return nil
	}
	return errors.Join(errs...)
}

// request sends a CreatePermission (RFC 8656 §9.1), again while its nonce is stale.
// A server that does not answer is dead, and one that does not know the allocation
// has no more use for it.
func (a *allocation) request(peers []netip.Addr) error {
	step := fmt.Sprintf("permit %v", peers)
	addrs := make([]net.Addr, len(peers))
	for i, ip := range peers {
		addrs[i] = &net.TCPAddr{IP: ip.AsSlice()}
	}
	var err error
	for range tries {
		e := a.client.CreatePermission(addrs...)
		if e == nil {
			return nil
		}
		m := a.refusal(stun.MethodCreatePermission)
		if m == nil {
			err = a.slot.trouble(step, why(a.ctx, e))
			a.die(err)
			return err
		}
		if err = a.slot.refusal(step, m); !errors.Is(err, errStale) {
			break
		}
	}
	if errors.Is(err, errLost) {
		a.die(err)
	}
	return err
}
