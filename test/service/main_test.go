package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/release"
)

// distEnv hands the release to the process that runs the tests, which has no network
// to build with.
const distEnv = "SERVICE_DIST"

func TestMain(m *testing.M) {
	if os.Getenv(distEnv) != "" {
		os.Exit(lab.MainWithPasseur(m.Run))
	}
	os.Exit(prepared(func() int {
		if os.Geteuid() == 0 {
			return lab.MainWithPasseur(m.Run)
		}
		return asRoot()
	}))
}

// prepared makes a release before it runs what needs one.
func prepared(run func() int) int {
	dir, err := os.MkdirTemp("", "service-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	repository := filepath.Join(dir, "passeur.git")
	if err := release.Repository(context.Background(), repository); err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		return 1
	}
	dist, err := release.Build(context.Background(), repository, filepath.Join(dir, "passeur"), nil, "linux/amd64")
	if err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		return 1
	}
	os.Setenv(distEnv, dist)
	return run()
}

// asRoot runs this binary again, by sudo.
func asRoot() int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		return 1
	}
	args := []string{"--non-interactive", "env", distEnv + "=" + os.Getenv(distEnv), "PATH=" + os.Getenv("PATH"), self}
	cmd := exec.Command("sudo", append(args, os.Args[1:]...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "service: these tests boot a system, which needs root or sudo:", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}
