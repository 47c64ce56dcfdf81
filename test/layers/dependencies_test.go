package layers

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"
)

// What we take from others has a reason, on one page.
func TestDependenciesHaveReasons(t *testing.T) {
	page, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| \\S").FindAllSubmatch(page, -1) {
		told[string(row[1])] = true
	}
	taken := slices.Concat(required(t, "go.mod"), required(t, "tools.mod"),
		packages(t, "test/browser"), packages(t, "test/interop/js"))
	for _, name := range taken {
		if !told[name] {
			t.Errorf("docs/dependencies.md gives no reason for %s", name)
		}
		delete(told, name)
	}
	for name := range told {
		t.Errorf("docs/dependencies.md tells of %s, which nothing needs directly", name)
	}
}

// required are the modules that a go.mod requires directly, and its tools.
func required(t *testing.T, file string) (names []string) {
	t.Helper()
	out, err := exec.Command("go", "mod", "edit", "-json", "../../"+file).Output()
	if err != nil {
		t.Fatalf("go mod edit: %v", err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Tool []struct{ Path string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		if !r.Indirect {
			names = append(names, r.Path)
		}
	}
	for _, tool := range mod.Tool {
		names = append(names, tool.Path)
	}
	return names
}

// packages are those that a package.json names.
func packages(t *testing.T, dir string) []string {
	t.Helper()
	raw, err := os.ReadFile("../../" + dir + "/package.json")
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ Dependencies, DevDependencies, OptionalDependencies map[string]string }
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	return slices.Concat(slices.Collect(maps.Keys(p.Dependencies)),
		slices.Collect(maps.Keys(p.DevDependencies)), slices.Collect(maps.Keys(p.OptionalDependencies)))
}
