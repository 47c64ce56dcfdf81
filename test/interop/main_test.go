package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

func TestMain(m *testing.M) {
	if err := lab.NPM("js"); err != nil {
		fmt.Fprintln(os.Stderr, "the peer in JavaScript cannot be installed:", err)
		os.Exit(1)
	}
	os.Exit(lab.MainWithPasseur(m.Run))
}

// here is this machine, of which only loopback is used.
type here struct{}

func (here) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}
