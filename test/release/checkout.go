package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Version is what the releases of the tests are tagged, without the v.
const Version = "0.9.8"

// identity is who commits in the tests, and when, wherever they run.
var identity = []string{
	"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
	"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@example.org", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
	"GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@example.org", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z",
}

// Repository makes a git repository at a path that does not exist yet, of one commit,
// tagged v[Version], which has what the work tree has round the test: what is committed
// is tested, and what is about to be.
func Repository(ctx context.Context, path string) error {
	tree, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	git := func(args ...string) error {
		cmd := exec.CommandContext(ctx, "git", append([]string{"--git-dir=" + path, "--work-tree=" + tree}, args...)...)
		cmd.Dir = tree
		return run(cmd, identity...)
	}
	if err := git("init", "-q"); err != nil {
		return err
	}
	err = git("add", "--all")
	for again := 0; err != nil && again < 5; again++ {
		err = git("add", "--all") // a file that a test beside this one wrote was gone again
	}
	if err != nil {
		return err
	}
	return errors.Join(git("commit", "-q", "-m", "as it is"), git("tag", "v"+Version))
}

// Build clones the repository into a folder that does not exist yet, and makes a release
// there for some targets, or for all: in a folder "dist" of it, whose path it gives. env
// are further variables for those who build.
func Build(ctx context.Context, repository, folder string, env []string, targets ...string) (dist string, err error) {
	if err := run(exec.CommandContext(ctx, "git", "clone", "-q", repository, folder), identity...); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"run", "./packaging/release", "dist"}, targets...)...)
	cmd.Dir = folder
	env = append([]string{"CGO_ENABLED=0", "GOFLAGS=-trimpath"}, env...)
	return filepath.Join(folder, "dist"), run(cmd, env...)
}

func run(cmd *exec.Cmd, env ...string) error {
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v in %s: %w\n%s", cmd.Args, cmd.Dir, err, out)
	}
	return nil
}
