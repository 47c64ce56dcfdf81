package upgrade_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
	"testing"
	"time"

	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"

	"github.com/passeur-p2p/passeur/test/loopback"
)

// certified makes a certificate as libp2p's specification has it, but for what change
// does to it. The extension is signed for the certificate's key unless it is given.
func certified(t *testing.T, change func(c *x509.Certificate, ext *pkix.Extension)) tls.Certificate {
	t.Helper()
	device, _ := newKey(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ext, err := libp2ptls.GenerateSignedExtension(device, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	change(c, &ext)
	if ext.Id != nil {
		c.ExtraExtensions = append(c.ExtraExtensions, ext)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// ofKey is the extension with a public key of RSA that has so many bits.
func ofKey(t *testing.T, bits uint) []byte {
	t.Helper()
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	pkixKey, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	message := binary.AppendUvarint([]byte{0x08, 0x00, 0x12}, uint64(len(pkixKey))) // protobuf: type RSA, data
	value, err := asn1.Marshal(struct{ Key, Signature []byte }{append(message, pkixKey...), make([]byte, bits/8)})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// TestOddCertificates: whoever shows one is no peer, whichever side begins, and the
// next one is served.
func TestOddCertificates(t *testing.T) {
	const year = 365 * 24 * time.Hour
	stolen := certified(t, func(*x509.Certificate, *pkix.Extension) {})
	parsed, err := x509.ParseCertificate(stolen.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	another := parsed.Extensions[len(parsed.Extensions)-1]
	two := certified(t, func(*x509.Certificate, *pkix.Extension) {})
	two.Certificate = append(two.Certificate, two.Certificate[0])
	for name, c := range map[string]tls.Certificate{
		"without a key": certified(t, func(_ *x509.Certificate, ext *pkix.Extension) { ext.Id = nil }),
		"expired":       certified(t, func(c *x509.Certificate, _ *pkix.Extension) { c.NotAfter = time.Now().Add(-time.Minute) }),
		"of ten years ago": certified(t, func(c *x509.Certificate, _ *pkix.Extension) {
			c.NotBefore, c.NotAfter = c.NotBefore.Add(-10*year), c.NotAfter.Add(-10*year)
		}),
		"in ten years": certified(t, func(c *x509.Certificate, _ *pkix.Extension) {
			c.NotBefore, c.NotAfter = c.NotBefore.Add(10*year), c.NotAfter.Add(10*year)
		}),
		"signed for another one": certified(t, func(_ *x509.Certificate, ext *pkix.Extension) { ext.Value = another.Value }),
		"RSA of 16384 bits":      certified(t, func(_ *x509.Certificate, ext *pkix.Extension) { ext.Value = ofKey(t, 16384) }),
		"RSA of 512 bits":        certified(t, func(_ *x509.Certificate, ext *pkix.Extension) { ext.Value = ofKey(t, 512) }),
		"no ASN.1":               certified(t, func(_ *x509.Certificate, ext *pkix.Extension) { ext.Value = []byte("\x30\x84\xff\xff\xff\xff") }),
		"an empty key":           certified(t, func(_ *x509.Certificate, ext *pkix.Extension) { ext.Value = []byte("\x30\x04\x04\x00\x04\x00") }),
		"a second critical one": certified(t, func(c *x509.Certificate, _ *pkix.Extension) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}),
		"a chain of itself twice": two,
		"none":                    {},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, c)
			securePair(t)
		})
	}
}

// refused fails where a certificate is taken for a peer's.
func refused(t *testing.T, c tls.Certificate) {
	t.Helper()
	_, expected := newKey(t)
	odd := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{"libp2p"}}
	if c.Certificate != nil {
		odd.Certificates = []tls.Certificate{c}
	}
	ours, _ := newTLS(t)
	a, b := loopback.TCP(t)
	go tls.Client(a, odd).HandshakeContext(t.Context())
	if conn, err := ours.SecureInbound(t.Context(), b, ""); err == nil {
		t.Errorf("the client is taken for %s", conn.RemotePeer())
	}
	if c.Certificate == nil { // a server has to have one
		return
	}
	a, b = loopback.TCP(t)
	go tls.Server(a, odd).HandshakeContext(t.Context())
	if conn, err := ours.SecureOutbound(context.Background(), b, expected); err == nil {
		t.Errorf("the server is taken for %s", conn.RemotePeer())
	}
}
