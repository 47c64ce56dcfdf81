package turnrelay_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
)

const (
	ipv4Only = "IPv4 only"
	user     = "user"
	password = "pass word"
)

var (
	certFile, keyFile string
	roots             *x509.CertPool
)

// coturn is a running TURN server, Debian's coturn.
type coturn struct {
	cmd *exec.Cmd
	log *buffer
}

// buffer is a bytes.Buffer for a process to write and a test to read.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// startCoturn starts a server at server4 and server6, TCP 3478 and TLS 5349 unless
// the options say otherwise, and returns when it listens at addr. The option
// ipv4Only, which is not coturn's, leaves server6 out.
func startCoturn(t testing.TB, addr string, options ...string) *coturn {
	t.Helper()
	dir := t.TempDir()
	args := []string{
		"-n", "-v", "-a", "-u", user + ":" + password, "-r", "passeur.test", "--no-cli", "--no-dtls",
		"--log-file=stdout", "--simple-log",
		"-L", server4.String(), "-E", server4.String(),
		"--cert", certFile, "--pkey", keyFile,
		"--pidfile", filepath.Join(dir, "pid"), "--userdb", filepath.Join(dir, "db.sqlite"),
	}
	if i := slices.Index(options, ipv4Only); i >= 0 {
		options = slices.Delete(options, i, i+1)
	} else {
		args = append(args, "-L", server6.String(), "-E", server6.String())
	}
	c := &coturn{cmd: exec.Command("turnserver", append(args, options...)...), log: new(buffer)}
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		t.Fatal("start coturn (Debian package coturn): ", err)
	}
	t.Cleanup(c.kill)
	lab.Eventually(t, "coturn listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		// it listens before all of its threads run
		return err == nil && c.count(`admin thread`) > 0
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.log)
		}
	})
	return c
}

// kill ends the server at once, as a crash does.
func (c *coturn) kill() {
	c.cmd.Process.Signal(syscall.SIGCONT)
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// pause makes the server hang, as if its machine did: when it returns, no thread runs.
func (c *coturn) pause(t testing.TB) {
	t.Helper()
	c.cmd.Process.Signal(syscall.SIGSTOP)
	lab.Eventually(t, "all threads stopped", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", c.cmd.Process.Pid))
		return err == nil && len(threads) > 0 && !slices.ContainsFunc(threads, runs)
	})
}

// runs tells whether a thread is not stopped: its state comes after its name.
func runs(stat string) bool {
	b, err := os.ReadFile(stat)
	return err != nil || !bytes.Contains(b, []byte(") T "))
}

func (c *coturn) resume() { c.cmd.Process.Signal(syscall.SIGCONT) }

// count tells how often a line of the server's log matches.
func (c *coturn) count(pattern string) int {
	return len(regexp.MustCompile(pattern).FindAllString(c.log.String(), -1))
}

func (c *coturn) allocated() int { return c.count(`incoming packet ALLOCATE processed, success`) }

// standing counts the server's allocations.
func (c *coturn) standing() int { return c.allocated() - c.count(`session \d+: delete: realm`) }

// connections lists the established TCP connections to and from the server's addresses.
func connections(t testing.TB) string {
	t.Helper()
	var out []byte
	for _, ip := range []netip.Addr{server4, server6} {
		some, err := exec.Command("ss", "-Htn", "state", "established", "src", "["+ip.String()+"]").CombinedOutput()
		if err != nil {
			t.Fatalf("ss: %v %s", err, some)
		}
		out = append(out, some...)
	}
	return string(out)
}

// makeCertificate writes a certificate for turn.test, and the key.
func makeCertificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	tmpl := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "turn.test"},
		DNSNames:              []string{"turn.test"},
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return err
	}
	pk, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	roots = x509.NewCertPool()
	if !roots.AppendCertsFromPEM(cert) {
		return errors.New("the certificate does not parse")
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	return errors.Join(
		os.WriteFile(certFile, cert, 0o644),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pk}), 0o600))
}

func asError[T any](err error, target *T) bool { return errors.As(err, target) }
