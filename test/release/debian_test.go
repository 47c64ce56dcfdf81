package release

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// checkPackage: lintian has no complaint, and the package has what it should.
func checkPackage(t *testing.T, deb string) {
	// that a first upload closes a wish of Debian's bug tracker is for Debian's own packages
	output(t, "", "lintian", "--allow-root", "--no-user-dirs", "--fail-on=error,warning", "--suppress-tags=initial-upload-closes-no-bugs", deb)
	golden(t, "deb.txt", summary(contents(t, deb)))
	arch := "amd64"
	if strings.HasSuffix(deb, "_arm64.deb") {
		arch = "arm64"
	}
	want := fmt.Sprintf("passeur %s-1 %s", Version, arch)
	if got := output(t, "", "dpkg-deb", "--showformat=${Package} ${Version} ${Architecture}", "--show", deb); got != want {
		t.Errorf("it is %q, and should be %q", got, want)
	}
	if got := output(t, "", "dpkg-deb", "--info", deb, "conffiles"); got != "/etc/passeur/config.toml\n" {
		t.Errorf("files to keep as the user has them: %q", got)
	}
	dir := t.TempDir()
	output(t, "", "dpkg-deb", "--extract", deb, dir)
	checkStatic(t, filepath.Join(dir, "usr/bin/passeur"))
}

// contents lists a package's files with mode and owner.
func contents(t *testing.T, deb string) (lines []string) {
	t.Helper()
	for line := range strings.Lines(output(t, "", "dpkg-deb", "--contents", deb)) {
		// -rwxr-xr-x root/root  37724286 2026-01-02 03:04 ./usr/bin/passeur
		f := strings.Fields(line)
		if len(f) < 6 || f[3] != "2026-01-02" {
			t.Fatalf("a file that is not as old as the commit: %s", line)
		}
		lines = append(lines, strings.Join([]string{f[0], f[1], f[5]}, " "))
	}
	return lines
}

// TestHardening: the services are shut in as well as they were when that was written.
// The scores are in docs/operations.md.
func TestHardening(t *testing.T) {
	unit, err := filepath.Abs("../../packaging/systemd/passeur.service")
	if err != nil {
		t.Fatal(err)
	}
	const threshold = "--threshold=11" // an exposure of 1.1, of 10
	output(t, "", "systemd-analyze", "security", "--offline=true", threshold, "--no-pager", unit)
}

// TestUnits: systemd knows every word of them.
func TestUnits(t *testing.T) {
	runtime := t.TempDir()
	for _, args := range [][]string{{"verify", "../../packaging/systemd/passeur.service"}, {"--user", "verify", "../../packaging/systemd/user/passeur.service"}} {
		cmd := exec.CommandContext(t.Context(), "systemd-analyze", args...)
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+runtime)
		out, _ := cmd.CombinedOutput() // fails, for /usr/bin/passeur is not installed here
		for _, fault := range []string{"Unknown", "Failed to parse", "Invalid", "ignoring"} {
			if strings.Contains(string(out), fault) {
				t.Errorf("systemd-analyze %v:\n%s", args, out)
				break
			}
		}
	}
}
