package portmap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

const (
	// udpPort is where routers answer to NAT-PMP and PCP (RFC 6887 §19.1).
	udpPort = 5351
	// maxAnswer is the longest message of PCP (RFC 6887 §7). NAT-PMP's are shorter.
	maxAnswer = 1100
	// firstWait is how long an answer is waited for before the request is sent again;
	// it doubles each time (RFC 6886 §3.1).
	firstWait = 250 * time.Millisecond
	// maxStray bounds the datagrams that are read for one request.
	maxStray = 64
)

// errStray is a parser's word for a datagram that does not answer the request.
var errStray = errors.New("not an answer to the request")

// exchange sends a request to the gateway and has its answer parsed. The request is
// made when the local address, from which it leaves, is known. It is repeated until
// parse accepts an answer or finds an error in it, or ctx ends.
func exchange(ctx context.Context, gateway netip.Addr, request func(local netip.Addr) []byte, parse func(answer []byte) error) error {
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(gateway, udpPort)))
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	b := request(c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap())
	strays := 0
	for wait := firstWait; ; wait *= 2 {
		if _, err := c.Write(b); err != nil {
			return answerError(ctx, gateway, err)
		}
		c.SetReadDeadline(time.Now().Add(wait))
		if ctx.Err() != nil { // perhaps before the deadline was set
			return answerError(ctx, gateway, ctx.Err())
		}
		err := receive(c, parse, &strays)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return answerError(ctx, gateway, err)
		}
	}
}

// receive reads datagrams until one answers.
func receive(c *net.UDPConn, parse func([]byte) error, strays *int) error {
	b := make([]byte, maxAnswer+1)
	for ; *strays < maxStray; *strays++ {
		n, err := c.Read(b) // of the gateway only: c is connected
		if err != nil {
			return err
		}
		if err := parse(b[:n]); err != errStray {
			return err
		}
	}
	return errors.New("too many datagrams that answer nothing")
}

func answerError(ctx context.Context, gateway netip.Addr, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("no answer of %s: %w", gateway, context.Cause(ctx))
	}
	return fmt.Errorf("ask %s: %w", gateway, err)
}

// seconds is a lease on the wire.
func seconds(lease time.Duration) uint32 { return uint32(lease / time.Second) }
