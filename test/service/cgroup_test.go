package service

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

// hierarchies are where systemd may keep account of processes: cgroup v2 by itself, or
// v1 with a v2 beside it.
var hierarchies = []string{"/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"}

// makeGroups makes control groups for a system's processes, which no other system that
// is tested at the same time shares, and gives their cgroup.procs. They are removed when
// the test ends.
func makeGroups(t *testing.T) (members []string) {
	t.Helper()
	for _, h := range hierarchies {
		if _, err := os.Stat(filepath.Join(h, "cgroup.procs")); err != nil {
			continue
		}
		group := filepath.Join(h, fmt.Sprintf("passeur-test-%d", os.Getpid()))
		if err := os.Mkdir(group, 0o755); err != nil {
			t.Fatalf("make a control group: %v", err)
		}
		t.Cleanup(func() {
			lab.Eventually(t, group+" is removed", func() bool { return removeGroup(group) == nil })
		})
		members = append(members, filepath.Join(group, "cgroup.procs"))
	}
	if len(members) == 0 {
		t.Fatalf("no control groups at %v: these tests boot a system, which needs them", hierarchies)
	}
	return members
}

// removeGroup removes a control group and those in it, which have no processes any more.
func removeGroup(group string) error {
	var all []string
	err := filepath.WalkDir(group, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	for _, path := range slices.Backward(all) {
		if failed := os.Remove(path); failed != nil {
			return failed
		}
	}
	return err
}
