package people

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

// Job is a command that runs and prints a line of JSON for each step.
type Job struct {
	t      testing.TB
	title  string
	cmd    *exec.Cmd
	lines  *json.Decoder
	stderr bytes.Buffer
}

// Begin starts a command. It is killed when the test ends, or if it takes very long.
func (p *Person) Begin(t testing.TB, args ...string) *Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*lab.Patience)
	t.Cleanup(cancel)
	j := &Job{t: t, title: p.cfg.Name + ": passeur " + args[0], cmd: p.Command(ctx, args...)}
	j.cmd.Stderr = &j.stderr
	out, err := j.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := j.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	j.lines = json.NewDecoder(out)
	return j
}

// Next waits for a line and decodes it; false: there is no more.
func (j *Job) Next(line any) bool { return j.lines.Decode(line) == nil }

// End waits until the command has ended, after Next has given all its lines, and
// wants this exit code.
func (j *Job) End(code int) {
	j.t.Helper()
	j.cmd.Wait()
	if got := j.cmd.ProcessState.ExitCode(); got != code {
		j.t.Fatalf("%s ended with exit code %d, want %d\n%s", j.title, got, code, &j.stderr)
	}
}

// Fail is for who has seen Next give false too early.
func (j *Job) Fail() {
	j.t.Helper()
	j.t.Fatalf("%s ended early: %v\n%s", j.title, j.cmd.Wait(), &j.stderr)
}
