package service

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/test/lab"
)

// nobody is the user that packaging/container/Containerfile names.
const nobody = 65532

// TestAlone runs the binary as a container made FROM scratch does: nothing else is in
// its root directory, nobody has told the system of its user, and only its home can be
// written to.
func TestAlone(t *testing.T) {
	host := lab.New(t).Host("container", "10.1.0.1/24")
	root, err := os.MkdirTemp("", "c-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	furnish(t, root)
	chroot, err := exec.LookPath("chroot")
	if err != nil {
		t.Fatal(err)
	}
	run := func(ctx context.Context, args ...string) *exec.Cmd {
		alone := []string{"-i", "PATH=/bin", "PASSEUR_HOME=/home/passeur", chroot, "--userspec=65532:65532", root, "/bin/passeur", "--json"}
		return host.Command(ctx, "env", append(alone, args...)...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
	defer cancel()
	node := run(ctx, "run", "--listen", ":4001")
	var log bytes.Buffer
	node.Stderr = &log
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	var ready api.Node
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&ready); err != nil || ready.Account == "" {
		t.Fatalf("the node is not ready: %v\n%s", err, &log)
	}
	var asked api.Node
	answer, err := run(ctx, "id").Output()
	if err != nil || json.Unmarshal(answer, &asked) != nil || asked.Account != ready.Account {
		t.Errorf("id answers %s, %v", answer, err)
	}
	node.Process.Signal(syscall.SIGTERM)
	node.WaitDelay = time.Minute
	if err := node.Wait(); err != nil {
		t.Errorf("the node does not end well: %v\n%s", err, &log)
	}
}

// furnish makes a root directory with the binary and an empty home.
func furnish(t *testing.T, root string) {
	t.Helper()
	home := filepath.Join(root, "home/passeur")
	for _, dir := range []string{home, filepath.Join(root, "bin")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(home, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	archives, err := filepath.Glob(filepath.Join(os.Getenv(distEnv), "*_linux_amd64.tar.gz"))
	if err != nil || len(archives) != 1 {
		t.Fatal("archives:", archives, err)
	}
	cmd := exec.Command("tar", "-xzf", archives[0], "-C", filepath.Join(root, "bin"), "--strip-components=1", "--wildcards", "*/passeur")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("unpack the release: %v\n%s", err, out)
	}
}
