package sha3tree

import (
	"bufio"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestFastestIsChosen asks Linux, not the package that the choice rests on, what
// the processor can do.
func TestFastestIsChosen(t *testing.T) {
	want := "generic"
	if runtime.GOARCH == "amd64" {
		flags := processorFlags(t)
		switch {
		case slices.Contains(flags, "avx512f"):
			want = "avx512"
		case slices.Contains(flags, "avx2"):
			want = "avx2"
		}
	}
	if got := chosen.name; got != want {
		t.Errorf("%s is chosen, want %s", got, want)
	}
}

// processorFlags are those of /proc/cpuinfo, where Linux leaves out what it does not
// let programs use.
func processorFlags(t *testing.T) []string {
	t.Helper()
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "flags" {
			return strings.Fields(value)
		}
	}
	t.Fatal("/proc/cpuinfo has no flags")
	return nil
}

func TestEveryImplementationHasItsName(t *testing.T) {
	var names []string
	for _, i := range implementations() {
		names = append(names, i.name)
		if i.hashers < 1 {
			t.Errorf("%s hashes in %d goroutines", i.name, i.hashers)
		}
	}
	if last := len(names) - 1; names[last] != "generic" || slices.Contains(names[:last], "generic") {
		t.Errorf("%v: generic is to be the last resort", names)
	}
}
