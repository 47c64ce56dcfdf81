package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/passeur-p2p/passeur/test/lab"
)

// patience is how long a command may take on a machine that has much else to do; dpkg
// reads and writes a lot.
const patience = 5 * time.Minute

// machine is a system that has booted with systemd.
type machine struct {
	t *testing.T
	// root is its root directory, as the test sees it.
	root string
	// first is its first process, as the test sees it.
	first string
}

// boot starts a system that sees the network of a host of the lab, and waits until it
// is up. When the test ends, it is gone.
func boot(t *testing.T, host *lab.Host) *machine {
	t.Helper()
	m := &machine{t: t, root: overlay(t)}
	m.quieten()
	container := m.start(host, makeGroups(t))
	lab.Eventually(t, "the system is up", func() bool {
		m.first = child(child(container)) // another one while systemd-nspawn prepares
		if m.first == "" {
			return false
		}
		out, _ := m.command("systemctl", "is-system-running").Output()
		// something of the machine's may not start in there
		return slices.Contains([]string{"running", "degraded"}, strings.TrimSpace(string(out)))
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the service has logged:\n%s", m.journal())
		}
	})
	return m
}

// overlay gives a folder that has what the machine's root has; what is changed in it
// stays in memory, and goes when the test ends.
func overlay(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	mount(t, "tmpfs", dir, "mode=755")
	upper, work, root := filepath.Join(dir, "upper"), filepath.Join(dir, "work"), filepath.Join(dir, "root")
	for _, d := range []string{upper, work, root} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount(t, "overlay", root, fmt.Sprintf("lowerdir=/,upperdir=%s,workdir=%s", upper, work))
	return root
}

func mount(t *testing.T, kind, at, options string) {
	t.Helper()
	if err := unix.Mount("passeur-test", at, kind, 0, options); err != nil {
		t.Fatalf("mount %s at %s: %v", kind, at, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", at, err)
		}
	})
}

// quieten leaves out what the machine does beside: timers, setting up the network that
// the lab has set up, an index of man pages; and what keeps packages from starting services.
func (m *machine) quieten() {
	m.t.Helper()
	for _, name := range []string{"usr/sbin/policy-rc.d", "var/lib/man-db/auto-update"} {
		if err := os.Remove(filepath.Join(m.root, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			m.t.Fatal(err)
		}
	}
	for _, unit := range []string{"timers.target", "network-online.target"} {
		path := filepath.Join(m.root, "etc/systemd/system", unit)
		if err := errors.Join(os.RemoveAll(path), os.Symlink("/dev/null", path)); err != nil {
			m.t.Fatal(err)
		}
	}
}

// start boots the system, and gives the process whose child is systemd-nspawn, whose
// child is the system's first. They are in a process namespace that ends with that
// process, however the test ends.
func (m *machine) start(host *lab.Host, groups []string) (pid string) {
	m.t.Helper()
	var script strings.Builder
	for _, g := range groups {
		fmt.Fprintf(&script, "echo $$ >'%s'; ", g)
	}
	script.WriteString(`exec unshare --mount --pid --fork --kill-child=KILL --mount-proc systemd-nspawn "$@"`)
	cmd := exec.Command("sh", "-ec", script.String(), "sh",
		"--quiet", "--directory="+m.root, "--register=no", "--keep-unit", "--console=pipe",
		"--network-namespace-path="+namespace(m.t, host), "--boot", "systemd.unit=basic.target")
	var console bytes.Buffer
	cmd.Stdout, cmd.Stderr = &console, &console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Minute
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
		if m.t.Failed() {
			m.t.Logf("the system's console:\n%s", &console)
		}
	})
	return fmt.Sprint(cmd.Process.Pid)
}

// child gives a process's only child; "" if it has none, or several.
func child(pid string) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/children", pid, pid))
	children := strings.Fields(string(text))
	if err != nil || len(children) != 1 {
		return ""
	}
	return children[0]
}

// namespace is the file that stands for a host's network.
func namespace(t *testing.T, host *lab.Host) string {
	t.Helper()
	name, err := host.Command(t.Context(), "ip", "netns", "identify").Output()
	if err != nil {
		t.Fatal(err)
	}
	return "/run/netns/" + strings.TrimSpace(string(name))
}

// command is to be run on the system, by its root.
func (m *machine) command(name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	m.t.Cleanup(cancel)
	enter := []string{"--target", m.first, "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--",
		"env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "TERM=dumb", name}
	return exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
}

// run runs a command on the system, which must succeed, and gives what it prints.
func (m *machine) run(name string, args ...string) string {
	m.t.Helper()
	out, err := m.command(name, args...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// show gives a property of the service.
func (m *machine) show(property string) string {
	m.t.Helper()
	return m.run("systemctl", "show", "--value", "--property="+property, "passeur.service")
}

// want compares properties of the service.
func (m *machine) want(properties map[string]string) {
	m.t.Helper()
	for name, want := range properties {
		if got := m.show(name); got != want {
			m.t.Errorf("the service's %s is %q, want %q", name, got, want)
		}
	}
}

// journal is what the service has logged.
func (m *machine) journal() string {
	m.t.Helper()
	return m.run("journalctl", "--no-pager", "--output=cat", "--unit=passeur.service")
}

// has tells whether there is a file, or a folder.
func (m *machine) has(path string) bool {
	_, err := os.Lstat(filepath.Join(m.root, path))
	return err == nil
}
