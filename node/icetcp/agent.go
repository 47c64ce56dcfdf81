package icetcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/ice/v2"

	"github.com/passeur-p2p/passeur/node/icetcp/sdp"
)

// maxFamily is how many addresses of one family are offered, so that a machine rich
// in one leaves room for the other.
const maxFamily = 5

// checkInterval is how often an agent repeats the checks of the pairs that have not answered.
const checkInterval = 50 * time.Millisecond

// patientDelays is how many times the relay delay is waited for a direct connection
// that is a matter of time.
const patientDelays = 3

// agent is an ICE agent (RFC 8445) on the sockets of a mux, for one session. pion
// gathers, checks and nominates; what it makes of the connection afterwards loses
// bytes over TCP, so the hand-off takes the socket away from it.
type agent struct {
	*ice.Agent
	ses *session
	// keepPorts: as far as is known, no NAT between us has a port for each destination.
	keepPorts bool
}

// newAgent makes an agent at a door that gives up after timeout. The caller must close it.
func newAgent(m *mux, through *door, at netip.AddrPort, timeout time.Duration, log *slog.Logger) (*agent, error) {
	ses, err := m.newSession(through)
	if err != nil {
		return nil, err
	}
	a, err := ice.NewAgent(agentConfig(m, ses, at, timeout, log))
	if err != nil {
		m.RemoveConnByUfrag(ses.local.ufrag)
		return nil, fmt.Errorf("icetcp: %w", err)
	}
	return &agent{Agent: a, ses: ses}, nil
}

func agentConfig(m *mux, ses *session, at netip.AddrPort, timeout time.Duration, log *slog.Logger) *ice.AgentConfig {
	var noWait time.Duration
	checks := uint16(min(timeout/checkInterval+1, 1<<15))
	interval := checkInterval
	return &ice.AgentConfig{
		LocalUfrag:       ses.local.ufrag,
		LocalPwd:         ses.local.pwd,
		CandidateTypes:   []ice.CandidateType{ice.CandidateTypeHost},
		NetworkTypes:     []ice.NetworkType{ice.NetworkTypeTCP4, ice.NetworkTypeTCP6},
		MulticastDNSMode: ice.MulticastDNSModeDisabled,
		IncludeLoopback:  at.Addr().IsLoopback(),
		IPFilter:         offerable(at.Addr()),
		TCPMux:           m,
		DisableActiveTCP: true, // pion would dial past the mux
		LoggerFactory:    agentLog{log},
		// A pair must live as long as the negotiation: a hole may need many tries.
		CheckInterval:       &interval,
		MaxBindingRequests:  &checks,
		DisconnectedTimeout: &timeout,
		FailedTimeout:       &timeout,
		// The first pair that works is taken at once.
		HostAcceptanceMinWait:  &noWait,
		SrflxAcceptanceMinWait: &noWait,
		PrflxAcceptanceMinWait: &noWait,
		RelayAcceptanceMinWait: &noWait,
	}
}

// offerable picks the addresses to offer among those that the agent finds on the
// interfaces: the one we listen on, or what another machine could dial.
func offerable(at netip.Addr) func(net.IP) bool {
	at = at.Unmap()
	any := !at.IsValid() || at.IsUnspecified()
	var total, v6 int
	return func(found net.IP) bool {
		ip, ok := netip.AddrFromSlice(found)
		ip = ip.Unmap()
		switch {
		case !ok || !any && ip != at:
			return false
		case any && (ip.IsLoopback() || ip.IsLinkLocalUnicast()):
			return false
		case total == sdp.MaxHost, ip.Is6() && v6 == maxFamily, ip.Is4() && total-v6 == maxFamily:
			return false
		}
		if total++; ip.Is6() {
			v6++
		}
		return true
	}
}

// gatherHost collects the host candidates and begins our side's text.
func (a *agent) gatherHost(ctx context.Context) (sdp.Description, error) {
	var found []netip.AddrPort
	done := make(chan struct{})
	err := a.OnCandidate(func(c ice.Candidate) { // calls come one after the other
		if c == nil {
			close(done)
		} else if ip, err := netip.ParseAddr(c.Address()); err == nil {
			found = append(found, netip.AddrPortFrom(ip, uint16(c.Port())))
		}
	})
	if err == nil {
		err = a.GatherCandidates()
	}
	if err != nil {
		return sdp.Description{}, fmt.Errorf("icetcp: gather: %w", err)
	}
	select {
	case <-done:
	case <-ctx.Done():
		return sdp.Description{}, fmt.Errorf("icetcp: gather: %w", context.Cause(ctx))
	}
	if len(found) == 0 {
		return sdp.Description{}, errors.New("icetcp: this machine has no address to offer")
	}
	return sdp.Description{
		Ufrag: a.ses.local.ufrag, Pwd: a.ses.local.pwd,
		Candidates: hostCandidates(found), HandOff: true,
	}, nil
}

// hostCandidates makes the lines for those addresses, IPv6 first: each as passive
// with the port that we listen on, and as active.
func hostCandidates(addrs []netip.AddrPort) (cs []sdp.Candidate) {
	slices.SortStableFunc(addrs, func(a, b netip.AddrPort) int {
		return cmp.Compare(b.Addr().BitLen(), a.Addr().BitLen())
	})
	for i, a := range addrs {
		c := sdp.Candidate{
			Foundation: sdp.Foundation(sdp.Host, a.Addr()),
			Priority:   sdp.Priority(sdp.Host, i),
			Addr:       a, Type: sdp.Host, TCPType: sdp.Passive,
		}
		cs = append(cs, c)
		c.Addr, c.TCPType = netip.AddrPortFrom(a.Addr(), sdp.ActivePort), sdp.Active
		cs = append(cs, c)
	}
	return cs
}

// connect runs the checks against the other side's text and gives the socket of the
// nominated pair, handed off. dial holds the candidates of remote that may be
// dialled, the relayed ones among them only after relayDelay.
func (a *agent) connect(ctx context.Context, remote *sdp.Description, dial []sdp.Candidate, relayDelay time.Duration, controlling bool) (*socket, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(a.ses.ctx, func() { cancel(errors.New("the agent gave up")) })()

	a.ses.start(credentials{remote.Ufrag, remote.Pwd}, controlling, dial)
	if err := a.addRemotes(ctx, dial, relayDelay); err != nil {
		return nil, err
	}
	if controlling {
		return a.nominate(ctx, remote)
	}
	a.ses.wg.Go(func() { a.Accept(ctx, remote.Ufrag, remote.Pwd) })
	return a.ses.handOffControlled(ctx)
}

// promising: a router refuses us, and it is a matter of chance that two SYNs meet,
// and so of a little time.
func (a *agent) promising() bool {
	a.ses.mu.Lock()
	defer a.ses.mu.Unlock()
	for pair, at := range a.ses.attempts {
		if a.keepPorts && !at.Open && at.Failure == refused && a.ses.dialable[pair.remote] == sdp.Srflx {
			return true
		}
	}
	return false
}

// addRemotes gives the candidates to pion, the relayed ones only after the delay, as
// with what came through our own relays (see hold): to pion all are host
// candidates, so a priority would not hold them back.
func (a *agent) addRemotes(ctx context.Context, dial []sdp.Candidate, relayDelay time.Duration) error {
	var late []sdp.Candidate
	for _, c := range dial {
		if c.Type == sdp.Relay {
			late = append(late, c)
		} else if err := a.addRemote(c); err != nil {
			return fmt.Errorf("icetcp: candidate %s: %w", c.Addr, err)
		}
	}
	a.ses.wg.Go(func() {
		for n := 0; n == 0 || n < patientDelays && a.promising(); n++ {
			if !sleep(ctx, relayDelay) {
				return
			}
		}
		close(a.ses.relays)
		for _, c := range late {
			if err := a.addRemote(c); err != nil {
				a.ses.mux.log.Debug("icetcp: relayed candidate", "addr", c.Addr, "err", err)
			}
		}
	})
	return nil
}

// addRemote gives a candidate to pion as a host candidate with tcptype so: the one
// kind that it pairs with our listening address, so that its checks come to the mux.
func (a *agent) addRemote(c sdp.Candidate) error {
	remote, err := ice.NewCandidateHost(&ice.CandidateHostConfig{
		Network:    "tcp",
		Address:    c.Addr.Addr().String(),
		Port:       int(c.Addr.Port()),
		Component:  ice.ComponentRTP,
		Priority:   c.Priority,
		Foundation: c.Foundation,
		TCPType:    ice.TCPTypeSimultaneousOpen,
	})
	if err != nil {
		return err
	}
	return a.AddRemoteCandidate(remote)
}

// nominate checks as the controlling agent and hands off the first pair on which
// the other side answers. The marker nominates it (RFC 8445 §8.1.1: when to stop
// is ours to say); a check with USE-CANDIDATE would cost one more round trip, and
// say nothing that the marker does not.
func (a *agent) nominate(ctx context.Context, remote *sdp.Description) (*socket, error) {
	failed := make(chan error, 1)
	a.ses.wg.Go(func() {
		if _, err := a.Dial(ctx, remote.Ufrag, remote.Pwd); err != nil {
			failed <- err
		}
	})
	for {
		select {
		case s := <-a.ses.proven:
			err := a.ses.handOffControlling(ctx, s)
			if err == nil || ctx.Err() != nil {
				return s, err
			}
			a.ses.mux.log.Debug("icetcp: a pair that answered was lost", "remote", s.remote, "err", err)
		case err := <-failed:
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return nil, fmt.Errorf("icetcp: connectivity checks: %w", err)
		}
	}
}

// close frees everything of the session but a socket handed off, and returns when
// its goroutines are gone.
func (a *agent) close() {
	a.GracefulClose()
	a.ses.close()
	a.ses.wg.Wait()
}
