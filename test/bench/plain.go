package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"time"
)

func listenRaw(context.Context) (string, accept, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	return ln.Addr().String(), func() (stream, error) {
		defer ln.Close()
		return ln.Accept()
	}, nil
}

func dialRaw(ctx context.Context, addr string) (stream, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

func listenTLS(ctx context.Context) (string, accept, error) {
	addr, raw, err := listenRaw(ctx)
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

func dialTLS(ctx context.Context, addr string) (stream, error) {
	// The certificate is made for this one run, on the same machine.
	d := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}}
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
