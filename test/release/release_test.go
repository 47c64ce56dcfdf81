package release

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// everything says whether all targets are to be built, twice without a cache; else one
// is, with one cache, which leaves what the tests of the code do not see: linking,
// stamping, packing.
var everything = os.Getenv("RELEASE_ALL") != ""

// TestRelease builds a release in two clones, in folders of different names and depth,
// at different times, for users with different habits, and looks at what came out.
func TestRelease(t *testing.T) {
	dir := t.TempDir()
	repository := filepath.Join(dir, "passeur.git")
	if err := Repository(t.Context(), repository); err != nil {
		t.Fatal(err)
	}
	targets := []string{"linux/amd64"}
	here, there := []string{"TZ=UTC"}, []string{"TZ=Asia/Kathmandu", "LC_ALL=C.UTF-8", "GOFLAGS=-trimpath -tags=other"}
	if everything {
		targets = nil
		here = append(here, "GOCACHE="+filepath.Join(dir, "cache-here"))
		there = append(there, "GOCACHE="+filepath.Join(dir, "cache-there"), "GOAMD64=v3")
	}
	first, err := Build(t.Context(), repository, filepath.Join(dir, "a"), here, targets...)
	if err != nil {
		t.Fatal(err)
	}
	old := syscall.Umask(0o077)
	second, err := Build(t.Context(), repository, filepath.Join(dir, "some", "other folder"), there, targets...)
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("same", func(t *testing.T) { sameFolders(t, first, second) })
	t.Run("sums", func(t *testing.T) { output(t, first, "sha256sum", "--check", "--strict", "SHA256SUMS") })
	t.Run("names", func(t *testing.T) { hasAll(t, first) })
	for _, deb := range find(t, first, "*.deb") {
		t.Run(filepath.Base(deb), func(t *testing.T) { checkPackage(t, deb) })
	}
	for _, archive := range slices.Concat(find(t, first, "*.tar.gz"), find(t, first, "*.zip")) {
		t.Run(filepath.Base(archive), func(t *testing.T) { checkArchive(t, archive) })
	}
}

// sameFolders compares all files.
func sameFolders(t *testing.T, a, b string) {
	names := list(t, a)
	if others := list(t, b); !slices.Equal(names, others) {
		t.Fatalf("one has %v, the other %v", names, others)
	}
	for _, name := range names {
		one, err := os.ReadFile(filepath.Join(a, name))
		other, failed := os.ReadFile(filepath.Join(b, name))
		if errors.Join(err, failed) != nil {
			t.Fatal(err, failed)
		}
		if !bytes.Equal(one, other) {
			t.Errorf("%s was built twice and is not the same", name)
		}
	}
}

// hasAll compares the names of the results with those that people are told.
func hasAll(t *testing.T, dist string) {
	want := []string{
		"SHA256SUMS", "passeur_" + Version + "-1_amd64.deb",
		"passeur_" + Version + "_linux_amd64.cdx.json", "passeur_" + Version + "_linux_amd64.tar.gz",
	}
	if everything {
		want = append(want, "passeur_"+Version+"-1_arm64.deb")
		for _, system := range []string{"linux_arm64.tar.gz", "darwin_amd64.tar.gz", "darwin_arm64.tar.gz", "windows_amd64.zip"} {
			stem, _, _ := strings.Cut(system, ".")
			want = append(want, "passeur_"+Version+"_"+system, "passeur_"+Version+"_"+stem+".cdx.json")
		}
	}
	slices.Sort(want)
	if got := list(t, dist); !slices.Equal(got, want) {
		t.Errorf("the release has\n%s\nand should have\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// runsHere says whether binaries with this in their name can be run by the test.
func runsHere(name string) bool { return strings.Contains(name, runtime.GOOS+"_"+runtime.GOARCH) }

func find(t *testing.T, dir, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(paths) == 0 && (everything || pattern != "*.zip") {
		t.Fatalf("there is no %s in %s: %v", pattern, dir, err)
	}
	return paths
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// output runs a command in a folder, which must succeed, and gives what it prints.
func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}
