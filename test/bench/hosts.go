package main

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/node/upgrade"
)

const protocolID protocol.ID = "/passeur/bench/1.0.0"

// defaults makes a host as go-libp2p does when asked for nothing.
func defaults(opts ...libp2p.Option) (host.Host, error) { return libp2p.New(opts...) }

// ours makes a host that secures and muxes as a node of ours.
func ours(opts ...libp2p.Option) (host.Host, error) {
	return libp2p.New(append([]libp2p.Option{
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(libp2ptls.ID, upgrade.NewTLS),
		libp2p.Muxer(upgrade.MuxerID, upgrade.Muxer()),
	}, opts...)...)
}

type newHost func(...libp2p.Option) (host.Host, error)

// hostStream is a stream and the host it lives on.
type hostStream struct {
	network.Stream
	host host.Host
}

func (s hostStream) Close() error {
	s.Stream.Close()
	return s.host.Close()
}

func listenHost(make newHost) func(context.Context, string) (string, accept, error) {
	return func(_ context.Context, ip string) (string, accept, error) {
		h, err := make(libp2p.ListenAddrStrings("/ip4/" + ip + "/tcp/0"))
		if err != nil {
			return "", nil, err
		}
		addrs, err := peer.AddrInfoToP2pAddrs(host.InfoFromHost(h))
		if err != nil {
			return "", nil, err
		}
		return addrs[0].String(), acceptOn(h), nil
	}
}

// acceptOn waits for the first stream that somebody opens to h.
func acceptOn(h host.Host) accept {
	streams := make(chan network.Stream, 1)
	h.SetStreamHandler(protocolID, func(s network.Stream) { streams <- s })
	return func() (stream, error) { return hostStream{<-streams, h}, nil }
}

func dialHost(make newHost) func(context.Context, string) (stream, error) {
	return func(ctx context.Context, addr string) (stream, error) {
		a, err := multiaddr.NewMultiaddr(addr)
		if err != nil {
			return nil, err
		}
		to, err := peer.AddrInfoFromP2pAddr(a)
		if err != nil {
			return nil, err
		}
		h, err := make(libp2p.NoListenAddrs)
		if err != nil {
			return nil, err
		}
		return openStream(ctx, h, *to)
	}
}

func openStream(ctx context.Context, h host.Host, to peer.AddrInfo) (stream, error) {
	if err := h.Connect(ctx, to); err != nil {
		return nil, err
	}
	s, err := h.NewStream(ctx, to.ID, protocolID)
	if err != nil {
		return nil, err
	}
	if sec := s.Conn().ConnState().Security; sec != libp2ptls.ID {
		return nil, fmt.Errorf("the connection is secured by %s, not TLS", sec)
	}
	return hostStream{s, h}, nil
}
