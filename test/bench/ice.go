package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/node/icetcp"
)

// The offer travels by a TCP connection on loopback, one JSON text each way: what
// carries it is not what is measured.
type offer struct {
	From  peer.ID
	Offer []byte
}

type answer struct {
	Answer []byte
	Err    string
}

// desk takes offers in the process of the receiver.
type desk struct {
	ln    net.Listener
	ready chan func(context.Context, peer.ID, []byte) ([]byte, error)
}

func (d *desk) Offer(context.Context, peer.ID, []byte) ([]byte, error) {
	return nil, errors.New("the receiver makes no offers")
}

func (d *desk) HandleOffers(answer func(context.Context, peer.ID, []byte) ([]byte, error)) {
	if answer != nil {
		d.ready <- answer
	}
}

// serve answers one offer.
func (d *desk) serve(ctx context.Context) error {
	handle := <-d.ready
	c, err := d.ln.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	var o offer
	if err := json.NewDecoder(c).Decode(&o); err != nil {
		return err
	}
	var a answer
	if a.Answer, err = handle(ctx, o.From, o.Offer); err != nil {
		a.Err = err.Error()
	}
	return json.NewEncoder(c).Encode(a)
}

// letter brings an offer to the desk, from the process of the sender.
type letter struct {
	from peer.ID
	desk string
}

func (l letter) HandleOffers(func(context.Context, peer.ID, []byte) ([]byte, error)) {}

func (l letter) Offer(ctx context.Context, _ peer.ID, text []byte) ([]byte, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.desk)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := json.NewEncoder(c).Encode(offer{l.from, text}); err != nil {
		return nil, err
	}
	var a answer
	if err := json.NewDecoder(c).Decode(&a); err != nil {
		return nil, err
	}
	if a.Err != "" {
		return nil, errors.New(a.Err)
	}
	return a.Answer, nil
}

// iceHost is a host with no transport but /ice, at an IP address.
func iceHost(ip string, signaller func(peer.ID) icetcp.Signaller) (host.Host, error) {
	h, err := ours(libp2p.NoListenAddrs)
	if err != nil {
		return nil, err
	}
	at, err := netip.ParseAddr(ip)
	if err != nil {
		return nil, err
	}
	_, err = icetcp.AddTo(h, icetcp.Config{Listen: netip.AddrPortFrom(at, 0), Signaller: signaller(h.ID())})
	return h, err
}

func listenICE(ctx context.Context, ip string) (string, accept, error) {
	ln, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		return "", nil, err
	}
	d := &desk{ln, make(chan func(context.Context, peer.ID, []byte) ([]byte, error), 1)}
	h, err := iceHost(ip, func(peer.ID) icetcp.Signaller { return d })
	if err != nil {
		return "", nil, err
	}
	wait := acceptOn(h)
	return fmt.Sprintf("%s/%s", h.ID(), ln.Addr()), func() (stream, error) {
		if err := d.serve(ctx); err != nil {
			return nil, err
		}
		return wait()
	}, nil
}

func dialICE(ctx context.Context, addr string) (stream, error) {
	id, desk, _ := strings.Cut(addr, "/")
	to, err := peer.Decode(id)
	if err != nil {
		return nil, err
	}
	ip, _, err := net.SplitHostPort(desk) // both ends are on one host
	if err != nil {
		return nil, err
	}
	h, err := iceHost(ip, func(own peer.ID) icetcp.Signaller { return letter{own, desk} })
	if err != nil {
		return nil, err
	}
	s, err := openStream(ctx, h, peer.AddrInfo{ID: to, Addrs: []multiaddr.Multiaddr{icetcp.Addr}})
	if err != nil {
		return nil, err
	}
	if _, ok := icetcp.PathOf(s.(hostStream).Conn()); !ok {
		return nil, errors.New("the connection does not go over /ice")
	}
	return s, nil
}
