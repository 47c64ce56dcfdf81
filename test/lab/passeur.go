package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// passeurEnv hands the built binary to the process that runs the tests, which has
// no network to build with.
const passeurEnv = "LAB_PASSEUR"

// Passeur is the path of the binary that [MainWithPasseur] has built.
func Passeur() string { return os.Getenv(passeurEnv) }

// MainWithPasseur is [Main] for tests of whole nodes: it builds passeur as people
// get it, static and without the race detector, before it goes to where there is no
// network.
//
//	func TestMain(m *testing.M) { os.Exit(lab.MainWithPasseur(m.Run)) }
func MainWithPasseur(run func() int) int {
	if inside() {
		return Main(run)
	}
	dir, err := os.MkdirTemp("", "passeur-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary, err := BuildPasseur(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	os.Setenv(passeurEnv, binary)
	return Main(run)
}

// BuildPasseur makes the binary in a folder and gives its path. All tests build it alike,
// so that they share one compilation.
func BuildPasseur(dir string) (string, error) {
	binary := filepath.Join(dir, "passeur")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", binary, "github.com/passeur-p2p/passeur/cmd/node")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build passeur: %w\n%s", err, out)
	}
	return binary, nil
}
