package portmap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
)

const (
	// maxHeader and maxBody bound an answer by HTTP.
	maxHeader = 16 << 10
	maxBody   = 256 << 10
)

// errTooLong is why reading a body ends.
var errTooLong = errors.New("the router's answer is too long")

// newHTTPClient makes a client that connects to one router only, whatever URL it is
// given, from the local address, and reads bounded answers. It follows no
// redirection, and keeps no connection.
func newHTTPClient(router, local netip.Addr) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: local.AsSlice()}}
	return &http.Client{
		Timeout: requestTime,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("the router sends us elsewhere")
		},
		Transport: bounded{&http.Transport{
			DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
				to, err := netip.ParseAddrPort(addr)
				if err != nil || to.Addr().Unmap() != router {
					return nil, fmt.Errorf("%s is not the router %s", addr, router)
				}
				return dialer.DialContext(ctx, "tcp4", to.String())
			},
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeader,
		}},
	}
}

// bounded is a transport whose answers end with an error after maxBody bytes.
type bounded struct{ http.RoundTripper }

func (t bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	if err == nil {
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxBody}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
