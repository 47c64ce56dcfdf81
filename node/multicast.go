package node

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/zeroconf/v2"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// mdnsService is the DNS-SD service name that nodes on a LAN look for.
const mdnsService = "_passeur._udp"

const (
	mdnsDomain = "local"
	mdnsPort   = 4001 // the record must have one; addresses are in the text
	// addrKey begins each line of text.
	addrKey = "dnsaddr="
	// maxHeard is how many answers are listened to in one go. zeroconf remembers each
	// for as long as it says itself, so anyone on the LAN could fill the memory: some
	// 64 KiB by a datagram, for a century.
	maxHeard = 256
	// deaf is how long nothing is listened to then.
	deaf = 10 * time.Second
)

// multicast tells the LAN of this node and hears of others there, in the words that
// libp2p has for it (its specification discovery/mdns). libp2p's own service is not
// used, because it listens without end.
type multicast struct {
	server *zeroconf.Server
	cancel context.CancelFunc
	done   chan struct{}
}

// startMulticast calls found for each node that answers, from one goroutine, also for
// the same one again. It fails where the machine is on no network.
func startMulticast(h host.Host, log *slog.Logger, found func(peer.AddrInfo)) (*multicast, error) {
	text, ips, err := announced(h)
	if err != nil {
		return nil, err
	}
	name := strings.ToLower(rand.Text())
	server, err := zeroconf.RegisterProxy(name, mdnsService, mdnsDomain, mdnsPort, name, ips, text, nil)
	if err != nil {
		return nil, fmt.Errorf("announce the node by multicast: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &multicast{server, cancel, make(chan struct{})}
	go func() {
		defer close(m.done)
		listen(ctx, log, found)
	}()
	return m, nil
}

// Close says goodbye, and waits until nothing is called any more.
func (m *multicast) Close() {
	m.cancel()
	m.server.Shutdown()
	<-m.done
}

// announced are the lines of text that tell of the node's addresses, and one address of
// each family, as routers want to see them.
func announced(h host.Host) (text, ips []string, err error) {
	// not InterfaceListenAddresses: libp2p's own answer may be a minute old, and this
	// one is asked for once, when the machine's addresses have changed
	addrs, err := manet.ResolveUnspecifiedAddresses(h.Network().ListenAddresses(), nil)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range addrs {
		ip := ipOf(a)
		if !ip.IsValid() {
			continue
		}
		text = append(text, addrKey+a.String()+"/p2p/"+h.ID().String())
		if !slices.ContainsFunc(ips, func(s string) bool { return strings.Contains(s, ":") == ip.Is6() }) {
			ips = append(ips, ip.String())
		}
	}
	return text, ips, nil
}

// listen hears of others until ctx ends; after many answers it forgets them all and
// begins anew a little later.
func listen(ctx context.Context, log *slog.Logger, found func(peer.AddrInfo)) {
	for {
		if err := browse(ctx, found); err != nil {
			log.Debug("nodes on the LAN cannot be heard", "error", err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(deaf):
			log.Warn("very many answers on the LAN; listening anew", "answers", maxHeard)
		}
	}
}

// browse ends without an error after maxHeard answers, or with ctx.
func browse(ctx context.Context, found func(peer.AddrInfo)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers, ended := make(chan *zeroconf.ServiceEntry), make(chan error, 1)
	go func() { ended <- zeroconf.Browse(ctx, mdnsService, mdnsDomain, answers) }()
	heard := 0
	for {
		select {
		case err := <-ended:
			return err
		case a, open := <-answers: // until Browse closes it, which waits for nobody else
			switch {
			case !open:
				answers = nil
			case heard >= maxHeard:
				cancel()
			default:
				heard++
				for _, p := range toldBy(a) {
					found(p)
				}
			}
		}
	}
}

// toldBy are the nodes that an answer tells of. What cannot be read is left out.
func toldBy(a *zeroconf.ServiceEntry) []peer.AddrInfo {
	var addrs []multiaddr.Multiaddr
	for _, line := range a.Text {
		text, is := strings.CutPrefix(line, addrKey)
		addr, err := multiaddr.NewMultiaddr(text)
		if is && err == nil {
			addrs = append(addrs, addr)
		}
	}
	nodes, err := peer.AddrInfosFromP2pAddrs(addrs...)
	if err != nil {
		return nil
	}
	return nodes
}
