package database_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// modernc.org/sqlite is C made into Go against one version of modernc.org/libc;
// with another it builds, and fails in ways that are hard to see.
func TestLibcIsTheVersionTheDriverWasMadeWith(t *testing.T) {
	used := goList(t, "{{.Version}}", "modernc.org/libc")
	wants, err := os.ReadFile(goList(t, "{{.GoMod}}", "modernc.org/sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(wants), "modernc.org/libc "+used+"\n") {
		t.Errorf("modernc.org/libc %s is in use; modernc.org/sqlite's go.mod wants another:\n%s", used, wants)
	}
}

func goList(t *testing.T, format, module string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", format, module).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
