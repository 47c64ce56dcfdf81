package people

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

// Line is what send, accept and get print with --json for each step, as far as tests
// look at it. What a step does not tell is zero.
type Line struct {
	// Event is offer, phase, part, progress, path, done or error.
	Event, ID string
	State     filexfer.State
	// Code and Reason of a bad end.
	Code, Reason string
	Bytes, Size  int64
	// Phase and Detail of a phase.
	Phase, Detail string
	// SHA3Sum and File are of what is done.
	SHA3Sum, File string
}

// Until takes lines up to the first that is looked for.
func (j *Job) Until(seen func(Line) bool) Line {
	j.t.Helper()
	for line := (Line{}); j.Next(&line); line = (Line{}) { // not every field is in each
		if seen(line) {
			return line
		}
	}
	j.Fail()
	return Line{}
}

// Done takes the lines that are left, wants this exit code, and gives the last line.
func (j *Job) Done(code int) (last Line) {
	j.t.Helper()
	for line := (Line{}); j.Next(&line); line = (Line{}) {
		last = line
	}
	j.End(code)
	return last
}

// OpenSSLSum is the SHA3-512 in hex of a file, by somebody else's implementation.
func OpenSSLSum(t testing.TB, path string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "openssl", "dgst", "-r", "-sha3-512", path).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v: %s", err, out)
	}
	sum, _, _ := strings.Cut(string(out), " ")
	return sum
}
