package portmap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// maxHTTPAnswer bounds an answer with its header. Descriptions have a few KiB.
const maxHTTPAnswer = 256 << 10

// errTooLong is why reading an answer ends.
var errTooLong = errors.New("the router's answer is too long")

// newHTTPClient makes a client for one router. It follows no redirection.
func newHTTPClient(router, local netip.Addr) *http.Client {
	return &http.Client{
		Timeout:       requestTime,
		Transport:     &transport{router, local},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("the router sends us elsewhere") },
	}
}

// transport connects to one router only, whatever URL it is given, from the local
// address, anew for each request, and reads bounded answers. Unlike http.Transport
// it has no goroutines: when the body is closed, nothing is left.
type transport struct{ router, local netip.Addr }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	c, err := t.dial(req.Context(), req.URL.Host)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(req.Context(), func() { c.SetDeadline(time.Unix(1, 0)) })
	done := func() error {
		stop()
		return c.Close()
	}
	resp, err := ask(c, req)
	if err != nil {
		done()
		return nil, err
	}
	resp.Body = &body{resp.Body, done}
	return resp, nil
}

func (t *transport) dial(ctx context.Context, host string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(host)
	if err != nil { // no port
		var addr netip.Addr
		addr, err = netip.ParseAddr(host)
		to = netip.AddrPortFrom(addr, httpPort)
	}
	if err != nil || to.Addr().Unmap() != t.router {
		return nil, fmt.Errorf("%q is not at the router %s", host, t.router)
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: t.local.AsSlice()}}
	return d.DialContext(ctx, "tcp4", netip.AddrPortFrom(t.router, to.Port()).String())
}

const httpPort = 80

// ask writes the request and reads the answer up to its body.
func ask(c net.Conn, req *http.Request) (*http.Response, error) {
	closing := req.Clone(req.Context())
	closing.Close = true
	if err := closing.Write(c); err != nil {
		return nil, err
	}
	r := bufio.NewReader(&bounded{c, maxHTTPAnswer})
	for {
		resp, err := http.ReadResponse(r, req)
		if err != nil || resp.StatusCode >= http.StatusOK {
			return resp, err
		}
	}
}

// bounded reads no more than left bytes, and then fails.
type bounded struct {
	io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errTooLong
	}
	n, err := b.Reader.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// body closes the connection with the body. What of it was not read is not waited
// for.
type body struct {
	io.Reader
	close func() error
}

func (b *body) Close() error { return b.close() }
