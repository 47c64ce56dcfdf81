package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// lacks names the Debian packages, given as package and command in turn, whose command
// this machine does not have; "": none.
func lacks(packages ...string) string {
	var missing []string
	for i := 0; i < len(packages); i += 2 {
		if _, err := exec.LookPath(packages[i+1]); err != nil {
			missing = append(missing, packages[i])
		}
	}
	return strings.Join(missing, ", ")
}

// timed runs a command that must succeed and gives how long it took, from its start
// to its end.
func timed(t testing.TB, h people.Host, words ...string) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := h.Command(ctx, words[0], words[1:]...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, last(said.String(), 2000))
	}
	return took
}

// last gives the end of a long text.
func last(text string, n int) string { return text[max(0, len(text)-n):] }

// background runs a program until the stage is over. It is killed then.
func background(t testing.TB, h people.Host, words ...string) {
	t.Helper()
	begin(t, h, io.Discard, words...)
}

// begin is background, whose standard output goes to out.
func begin(t testing.TB, h people.Host, out io.Writer, words ...string) {
	t.Helper()
	cmd := h.Command(context.Background(), words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if os.Getenv("BENCH_LOGS") == "" {
		cmd.Stderr = nil
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", words[0], err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// answers waits until a TCP server on the host does, as seen from another program of
// that host.
func answers(t testing.TB, h people.Host, ip, port string) {
	t.Helper()
	lab.Eventually(t, "the server at "+net.JoinHostPort(ip, port)+" answers", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return h.Command(ctx, "bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/%s/%s", ip, port)).Run() == nil
	})
}

// ssh is an OpenSSH server on a host, and a client that it lets in.
type ssh struct {
	config string // of the client, which calls the server "peer"
}

const sshPort = "2222"

// sshLacks is what is missing for [newSSH].
func sshLacks() string {
	return lacks("openssh-server", "sshd", "openssh-client", "scp", "openssh-client", "ssh-keygen")
}

// newSSH starts a server with keys and a configuration of its own, which takes and
// offers nothing but AES-128-GCM. before are words before its command.
func newSSH(t testing.TB, h people.Host, ip string, before []string) ssh {
	t.Helper()
	dir := t.TempDir()
	for _, key := range []string{"host", "user"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v %s", err, out)
		}
	}
	os.MkdirAll("/run/sshd", 0o755) // the lab's own /run
	server := filepath.Join(dir, "sshd_config")
	write(t, server, "Port "+sshPort, "ListenAddress "+ip, "HostKey "+filepath.Join(dir, "host"),
		"AuthorizedKeysFile "+filepath.Join(dir, "user.pub"), "StrictModes no", "UsePAM no", "PidFile none",
		"PasswordAuthentication no", "PermitRootLogin prohibit-password", "Ciphers aes128-gcm@openssh.com",
		"Subsystem sftp internal-sftp", "UseDNS no")
	s := ssh{filepath.Join(dir, "ssh_config")}
	write(t, s.config, "Host peer", "HostName "+ip, "Port "+sshPort, "User root", "IdentityFile "+filepath.Join(dir, "user"),
		"IdentitiesOnly yes", "StrictHostKeyChecking no", "UserKnownHostsFile /dev/null", "LogLevel ERROR",
		"Ciphers aes128-gcm@openssh.com", "Compression no")
	sshd, err := exec.LookPath("sshd") // wants its full path
	if err != nil {
		t.Fatal(err)
	}
	background(t, h, append(slices.Clone(before), sshd, "-D", "-e", "-f", server)...)
	answers(t, h, ip, sshPort)
	return s
}

// write makes a file of lines that only its owner reads.
func write(t testing.TB, path string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// serve is a web server for the files in a folder: it prints its address.
func serve(ctx context.Context, o options) error {
	ln, err := plain{o.control}.listen(ctx, o.addr)
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	server := &http.Server{Handler: http.FileServer(http.Dir(o.file))}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	return server.Serve(ln)
}

// newWeb starts a web server on a host and gives its address, IP:PORT.
func newWeb(t testing.TB, h people.Host, ip, folder, control string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	t.Cleanup(func() { out.Close() })
	begin(t, h, in, self, "-role", "serve", "-addr", ip, "-file", folder, "-control", control)
	addr, err := scan(out)
	if err != nil {
		t.Fatalf("the web server does not start: %v", err)
	}
	return strings.TrimSpace(addr)
}

// iperf3 sends n bytes from one host to a server on another, by one connection.
func iperf3(t testing.TB, from, to people.Host, ip, control string, n int64) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server := to.Command(ctx, "iperf3", "-s", "-1", "-B", ip)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer cancel()
	lab.Eventually(t, "iperf3 listens", func() bool {
		out, err := to.Command(ctx, "ss", "-Hltn", "sport", "=", "5201").Output()
		return err == nil && len(out) > 0
	})
	return timed(t, from, "iperf3", "-c", ip, "-n", fmt.Sprint(n), "-l", "128K", "-C", control)
}
