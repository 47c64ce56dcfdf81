package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// plain is TCP without libp2p.
type plain struct {
	// control is the kind of congestion control to use; "": the host's own.
	control string
}

// socket has a new socket use it.
func (p plain) socket(_, _ string, c syscall.RawConn) (err error) {
	if p.control == "" {
		return nil
	}
	if e := c.Control(func(fd uintptr) {
		err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, p.control)
	}); e != nil {
		return e
	}
	return err
}

func (p plain) listen(ctx context.Context, ip string) (net.Listener, error) {
	config := net.ListenConfig{Control: p.socket} // those that are accepted inherit it
	return config.Listen(ctx, "tcp", net.JoinHostPort(ip, "0"))
}

func (p plain) listenRaw(ctx context.Context, ip string) (string, accept, error) {
	ln, err := p.listen(ctx, ip)
	if err != nil {
		return "", nil, err
	}
	return ln.Addr().String(), func() (stream, error) {
		defer ln.Close()
		return ln.Accept()
	}, nil
}

func (p plain) dialRaw(ctx context.Context, addr string) (stream, error) {
	d := net.Dialer{Control: p.socket}
	return d.DialContext(ctx, "tcp", addr)
}

func (p plain) listenTLS(ctx context.Context, ip string) (string, accept, error) {
	addr, raw, err := p.listenRaw(ctx, ip)
	if err != nil {
		return "", nil, err
	}
	cert, err := certificate()
	if err != nil {
		return "", nil, err
	}
	return addr, func() (stream, error) {
		c, err := raw()
		if err != nil {
			return nil, err
		}
		s := tls.Server(c.(net.Conn), &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}})
		return s, s.HandshakeContext(ctx)
	}, nil
}

func (p plain) dialTLS(ctx context.Context, addr string) (stream, error) {
	// The certificate is made for this one run, on the same machine.
	d := tls.Dialer{NetDialer: &net.Dialer{Control: p.socket}, Config: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}}
	return d.DialContext(ctx, "tcp", addr)
}

func certificate() (tls.Certificate, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
