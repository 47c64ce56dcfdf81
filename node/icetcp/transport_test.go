package icetcp

import (
	"context"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

func TestConnect(t *testing.T) {
	x := newExchange()
	a, b := newDevice(t, x, nil), newDevice(t, x, nil)
	start := time.Now()
	out, in := a.dial(t, b, b.listen(t))
	t.Log("connected in", time.Since(start))
	p, ok := PathOf(out.(network.ConnStat))
	t.Log(p, ok, out.LocalMultiaddr(), out.RemoteMultiaddr(), p.RTT, tlsDetail(p.TLS))
	p, ok = PathOf(in.(network.ConnStat))
	t.Log(p, ok, in.LocalMultiaddr(), in.RemoteMultiaddr(), p.RTT)
	_ = context.Background
}
