package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// insideEnv marks the process that runs the tests. Its value is the process id
// of the one that started it, so that a test binary within a lab makes its own.
const insideEnv = "LAB_PARENT"

func inside() bool { return os.Getenv(insideEnv) == fmt.Sprint(os.Getppid()) }

// Main runs the tests in namespaces of their own and gives their exit code:
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m.Run)) }
//
// It starts the test binary again. What TestMain does before Main is done by both
// processes, with and without the machine's network; run is called in the second,
// where /run is empty and no network but loopback is there.
func Main(run func() int) int {
	if !inside() {
		return outside()
	}
	if err := furnish(); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	return run()
}

// outside runs this binary again, within new namespaces, and gives its exit code.
func outside() int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	runtime.LockOSThread() // Pdeathsig follows the thread
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", insideEnv, os.Getpid()),
		"GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE")) // or the race detector has each process on a host end a second later
	cmd.SysProcAttr = namespaces()
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "lab: make namespaces: %v; run the tests as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)\n", err)
		return 1
	}
	defer passSignals(cmd.Process)()
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	fmt.Fprintln(os.Stderr, "lab: the tests' process ended:", cmd.ProcessState)
	return 1
}

// namespaces asks for a mount and a network namespace, and, for those who are
// not root, for a user namespace in which they are.
func namespaces() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return a
}

// passSignals hands what go test sends to the process within; that one decides.
func passSignals(p *os.Process) (stop func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := range signals {
			p.Signal(s)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}

// furnish gives the new namespaces what a lab needs: an empty /run, where ip
// keeps the names of network namespaces, and loopback.
func furnish() error {
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	if err := unix.Mount("lab", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount an empty /run: %w", err)
	}
	if err := addSbin(); err != nil {
		return err
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("bring loopback up (Debian's iproute2 is needed): %w %s", err, out)
	}
	return nil
}

// Fuzzing says whether the test binary runs a fuzz target. Targets need no network,
// and the workers that the fuzzer starts are not to make namespaces: TestMain then
// calls Run and not [Main].
func Fuzzing() bool {
	return slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.fuzz") })
}

// NoLeaks is run, which in addition fails if it leaves goroutines.
func NoLeaks(run func() int) func() int {
	return func() int {
		code := run()
		if err := goleak.Find(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}
}

// addSbin puts where Debian keeps ip on the path; users have it not on theirs.
func addSbin() error {
	return os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
}
