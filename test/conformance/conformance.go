// Package conformance runs libp2p's conformance tests of a transport in a way that a
// machine can bear that is busy with much else. libp2p closes a connection that took
// 15 s to be secured, which fifty at once may take under the race detector.
package conformance

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/transport/testsuite"
	"github.com/multiformats/go-multiaddr"
)

// Run tests connections that dialler makes to listener, whose device is id, at addr.
func Run(t *testing.T, listener, dialler transport.Transport, addr string, id peer.ID) {
	t.Helper()
	ttransport.StressTestTimeout = 10 * time.Minute
	ttransport.SubtestTransportWithFs(t, listener, dialler, addr, id, []ttransport.TransportSubTestFn{
		ttransport.SubtestProtocols,
		ttransport.SubtestBasic,
		ttransport.SubtestCancel,
		ttransport.SubtestPingPong,
		ttransport.SubtestStress1Conn1Stream1Msg,
		ttransport.SubtestStress1Conn1Stream100Msg,
		ttransport.SubtestStress1Conn100Stream100Msg,
		severalConns,
		ttransport.SubtestStress1Conn1000Stream10Msg,
		ttransport.SubtestStress1Conn100Stream100Msg10MB,
		ttransport.SubtestStreamOpenStress,
		ttransport.SubtestStreamReset,
	})
}

// severalConns is libp2p's test of 50 connections with fewer of them.
func severalConns(t *testing.T, ta, tb transport.Transport, addr multiaddr.Multiaddr, id peer.ID) {
	ttransport.SubtestStress(t, ta, tb, addr, id, ttransport.Options{
		ConnNum: 8, StreamNum: 10, MsgNum: 50, MsgMin: 100, MsgMax: 100,
	})
}
