package natlab

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"
)

// Ports of STUN and TURN (RFC 8489 §18.6, RFC 8656 §20).
const (
	stunPort  = 3478
	stunsPort = 5349
)

// STUN starts two STUN servers (coturn) on the server and gives their addresses,
// HOST:PORT: two of IPv4 and two of IPv6. They answer over UDP and TCP.
func (n *Net) STUN() []string {
	n.t.Helper()
	var servers []string
	args := []string{"--stun-only", "--no-tls", "--no-dtls", "--listening-port", strconv.Itoa(stunPort)}
	for version := range 2 {
		for _, both := range stunAddrs {
			servers = append(servers, net.JoinHostPort(both[version], strconv.Itoa(stunPort)))
			args = append(args, "-L", both[version])
		}
	}
	d := n.startCoturn(n.t.TempDir(), args)
	d.ready(func() bool { return n.Server.serves(servers...) })
	return servers
}

// TURNConfig says how a TURN server is set up. The zero value serves plain TCP at
// port 3478 and TLS at 5349.
type TURNConfig struct {
	// User and Password are "user" and "password" if empty.
	User, Password string
	// TLSPort is 5349 if 0. OnlyTLS: nothing else is served.
	TLSPort uint16
	OnlyTLS bool
	// Permissions last that long; 0: 5 minutes (RFC 8656 §9).
	Permissions time.Duration
	// Quota is how many allocations a user may have; 0: any number.
	Quota int
	// Args are further arguments of turnserver.
	Args []string
}

// TURN is a TURN server on the server host (coturn).
type TURN struct {
	User, Password string
	// Addrs are where it listens and lends addresses: IPv4 and IPv6.
	Addrs []netip.Addr
	// CA is a file with the certificate (PEM) that vouches for the server's. It is
	// in the name of turn.test and of Addrs.
	CA string

	net  *Net
	cfg  TURNConfig
	args []string
	dir  string
	d    *daemon
}

// TURN starts a TURN server. There may be two.
func (n *Net) TURN(cfg TURNConfig) *TURN {
	n.t.Helper()
	if n.turns == len(turnAddrs) {
		n.t.Fatalf("natlab: there is room for %d TURN servers", len(turnAddrs))
	}
	s := &TURN{net: n, User: "user", Password: "password", cfg: cfg, dir: n.t.TempDir()}
	for _, a := range turnAddrs[n.turns] {
		s.Addrs = append(s.Addrs, netip.MustParseAddr(a))
	}
	n.turns++
	if cfg.User != "" {
		s.User = cfg.User
	}
	if cfg.Password != "" {
		s.Password = cfg.Password
	}
	if s.cfg.TLSPort == 0 {
		s.cfg.TLSPort = stunsPort
	}
	s.certify()
	s.args = s.arguments()
	s.Start()
	return s
}

// Start starts the server again after [TURN.Kill].
func (s *TURN) Start() {
	s.net.t.Helper()
	s.d = s.net.startCoturn(s.dir, s.args)
	s.d.ready(func() bool { return s.net.Server.serves(s.listeners()...) })
}

// listeners are the addresses where the server listens.
func (s *TURN) listeners() (all []string) {
	for _, a := range s.Addrs {
		all = append(all, netip.AddrPortFrom(a, s.cfg.TLSPort).String())
		if !s.cfg.OnlyTLS {
			all = append(all, netip.AddrPortFrom(a, stunPort).String())
		}
	}
	return all
}

// serves says whether all addresses take connections.
func (h *Host) serves(addrs ...string) bool {
	for _, addr := range addrs {
		c, err := h.Dial(context.Background(), nil, addr)
		if err != nil {
			return false
		}
		c.Close()
	}
	return true
}

// Kill ends the server as a crash would (SIGKILL).
func (s *TURN) Kill() { s.d.kill() }

// Log is what the server has printed since it started.
func (s *TURN) Log() string { return s.d.log.String() }

// URL is how clients are told the server (RFC 7065): by IPv4, or by IPv6.
func (s *TURN) URL(tls, ipv6 bool) string {
	addr := s.Addrs[0]
	if ipv6 {
		addr = s.Addrs[1]
	}
	if tls || s.cfg.OnlyTLS {
		return "turns:" + netip.AddrPortFrom(addr, s.cfg.TLSPort).String() + "?transport=tcp"
	}
	return "turn:" + netip.AddrPortFrom(addr, stunPort).String() + "?transport=tcp"
}

func (s *TURN) arguments() []string {
	args := []string{
		"-a", "-u", s.User + ":" + s.Password, "-r", "passeur.test",
		"--listening-port", strconv.Itoa(stunPort), "--tls-listening-port", fmt.Sprint(s.cfg.TLSPort),
		"--cert", filepath.Join(s.dir, "cert.pem"), "--pkey", filepath.Join(s.dir, "key.pem"), "--no-dtls",
	}
	for _, a := range s.Addrs {
		args = append(args, "-L", a.String(), "-E", a.String())
	}
	if s.cfg.OnlyTLS {
		args = append(args, "--no-udp", "--no-tcp")
	}
	if s.cfg.Permissions > 0 {
		args = append(args, "--permission-lifetime", fmt.Sprint(int(s.cfg.Permissions.Seconds())))
	}
	if s.cfg.Quota > 0 {
		args = append(args, "--user-quota", strconv.Itoa(s.cfg.Quota))
	}
	return append(args, s.cfg.Args...)
}

// startCoturn starts coturn's turnserver, which must not read the machine's own
// configuration nor write to its folders.
func (n *Net) startCoturn(dir string, args []string) *daemon {
	n.t.Helper()
	return n.Server.start("turnserver", append([]string{
		"-n", "-v", "--log-file=stdout", "--simple-log", "--no-cli", "--relay-threads", "1",
		"--pidfile", filepath.Join(dir, "pid"), "--userdb", filepath.Join(dir, "db.sqlite"),
	}, args...)...)
}

// certify makes the server's certificate, which vouches for itself.
func (s *TURN) certify() {
	s.net.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.net.t.Fatalf("natlab: make a key: %v", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "turn.test"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		DNSNames: []string{"turn.test"}, BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	for _, a := range s.Addrs {
		template.IPAddresses = append(template.IPAddresses, a.AsSlice())
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		s.net.t.Fatalf("natlab: make a certificate: %v", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.net.t.Fatalf("natlab: write a key: %v", err)
	}
	s.CA = filepath.Join(s.dir, "cert.pem")
	s.net.Server.write(s.CA, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	s.net.Server.write(filepath.Join(s.dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}
