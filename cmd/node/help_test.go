package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/passeur-p2p/passeur/cmd/node/manual"
)

// commandTree is every command, as it is for a user.
func commandTree() *cobra.Command {
	a := &app{stdout: io.Discard, stderr: io.Discard}
	return a.rootCommand()
}

func everyCommand(t *testing.T, visit func(*testing.T, *cobra.Command)) {
	t.Helper()
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		t.Run(strings.ReplaceAll(c.CommandPath(), " ", "_"), func(t *testing.T) { visit(t, c) })
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(commandTree())
}

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	everyCommand(t, func(t *testing.T, c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("Short is %q", c.Short)
		}
		if c.Example == "" && !c.HasSubCommands() && !c.IsAdditionalHelpTopicCommand() {
			t.Error("no example")
		}
		if c.Long == "" && c.Example == "" {
			t.Error("neither a description nor an example")
		}
		var page strings.Builder
		c.SetOut(&page)
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(page.String()) {
			if width := runewidth.StringWidth(strings.TrimRight(line, "\n")); width > helpWidth {
				t.Errorf("%d columns, %d are the most: %s", width, helpWidth, line)
			}
		}
	})
}

// TestExamplesAreCommands: what an example shows can be typed, flags and all.
func TestExamplesAreCommands(t *testing.T) {
	calls := regexp.MustCompile(`(?:^|[\s(])passeur `)
	ends := regexp.MustCompile(`\s#|[|<>;)]|\s&`)
	everyCommand(t, func(t *testing.T, c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("not indented: %s", line)
			}
			for _, call := range calls.Split(line, -1)[1:] {
				if i := ends.FindStringIndex(call); i != nil {
					call = call[:i[0]]
				}
				words := strings.Fields(call)
				root := commandTree()
				found, rest, err := root.Find(words)
				if err != nil || found == root {
					t.Errorf("no such command: %s", line)
					continue
				}
				if err := found.ParseFlags(rest); err != nil && !strings.Contains(call, "…") {
					t.Errorf("%v: %s", err, line)
				}
			}
		}
	})
}

// TestFlagsSayWhatTheyTake, in which unit.
func TestFlagsSayWhatTheyTake(t *testing.T) {
	units := map[string]string{"TIME": `\d+[smh]\b`, "RATE": "bytes a second", "SIZE": `\d[kMG]|bytes`, "N": "how many"}
	everyCommand(t, func(t *testing.T, c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			value, says := pflag.UnquoteUsage(f)
			if says == "" {
				t.Errorf("--%s says nothing", f.Name)
			}
			if f.Value.Type() == "bool" {
				return
			}
			if slices.Contains([]string{"", "string", "stringArray", "strings", "int", "duration"}, value) {
				t.Errorf("--%s takes a %q: name it", f.Name, value)
			}
			if unit := units[value]; unit != "" && !regexp.MustCompile(unit).MatchString(says+" "+f.DefValue) {
				t.Errorf("--%s takes a %s and does not say how it is written: %s", f.Name, value, says)
			}
		})
	})
}

func TestHelpAsJSON(t *testing.T) {
	code, stdout, stderr := passeur(t.Context(), "help", "--json", "contact")
	var page manual.Page
	if err := json.Unmarshal([]byte(stdout), &page); err != nil || code != 0 || page.Path != "passeur contact" || page.Commands[0].Usage != "passeur contact invite [--name NAME]" {
		t.Errorf("exit code %d, %v, said %s%s", code, err, stdout, stderr)
	}
	if code, _, stderr := passeur(t.Context(), "help", "contact", "nonsense"); code != exitUsage || !strings.Contains(stderr, `no command or topic "contact nonsense"`) {
		t.Errorf("exit code %d, said %s", code, stderr)
	}
}

// TestManPages are without a complaint of man's, and there is one for each command.
func TestManPages(t *testing.T) {
	man, err := exec.LookPath("man")
	if err != nil {
		t.Fatal("man is missing: run test/deps.sh")
	}
	folder := t.TempDir()
	var paths []string
	for _, f := range manual.Files(manualPage(commandTree()), time.Unix(0, 0)) {
		path := filepath.Join(folder, f.Name)
		if err := os.WriteFile(path, []byte(f.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	everyCommand(t, func(t *testing.T, c *cobra.Command) {
		want := filepath.Join(folder, strings.ReplaceAll(c.CommandPath(), " ", "-"))
		if !slices.Contains(paths, want+".1") && !slices.Contains(paths, want+".7") {
			t.Error("no page")
		}
	})
	cmd := exec.Command(man, append([]string{"--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l"}, paths...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANROFFSEQ=", "MANWIDTH=80")
	var complaints strings.Builder
	cmd.Stderr = &complaints
	if _, err := cmd.Output(); err != nil || complaints.Len() > 0 {
		t.Errorf("man: %v\n%s", err, &complaints)
	}
}
