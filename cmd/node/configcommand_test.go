package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/passeur-p2p/passeur/node"
)

// TestEveryFlagIsAKey: a setting is a flag, a key of the file, and explained.
func TestEveryFlagIsAKey(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(runOptions).bind(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if _, known := findKey(f.Name); !known && f.Name != "config" {
			t.Errorf("--%s is no key of the config file", f.Name)
		}
	})
	for _, k := range configKeys {
		if flags.Lookup(k.name) == nil {
			t.Errorf("%s is no flag", k.name)
		}
		if !strings.HasSuffix(k.about, ".") || k.fallback == "" || k.example == "" {
			t.Errorf("%s is not explained", k.name)
		}
	}
}

// TestExampleIsWholeAndRight: as it is, it changes nothing; with every # taken away it
// is right, and sets every key.
func TestExampleIsWholeAndRight(t *testing.T) {
	home := t.TempDir()
	given := pflag.NewFlagSet("", pflag.ContinueOnError)
	write := func(text string) *effective {
		t.Helper()
		if err := os.WriteFile(filepath.Join(home, configName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := loadConfig(home, given)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if e := write(configExample()); len(e.shown(false)) != 0 {
		t.Errorf("a file of comments sets %v", e.shown(false))
	}
	text := regexp.MustCompile(`(?m)^#([a-z_\[])`).ReplaceAllString(configExample(), "$1")
	d, err := readDocument("example", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range configKeys {
		if _, set := d.values[k.name]; !set {
			t.Errorf("no %s in the example", k.name)
		}
	}
	// A bootstrap node cannot be a client, nor have rules: once without the role.
	e := write(strings.Replace(text, `role = "dht"`, "", 1))
	if len(e.shown(false)) != len(configKeys)-1+len(configTables) {
		t.Errorf("%v", e.shown(false))
	}
	if len(e.rules) != 1 || len(e.config.TURN) != 1 {
		t.Errorf("%d rules, %d servers", len(e.rules), len(e.config.TURN))
	}
	if want := (node.Rule{}); slices.Equal(e.rules[0].Type, want.Type) || e.rules[0].Quota.Bytes != 5e9 || !e.rules[0].Verified {
		t.Errorf("%+v", e.rules[0])
	}
}

// TestOrigins: each value says where it comes from.
func TestOrigins(t *testing.T) {
	home := t.TempDir()
	t.Setenv("PASSEUR_ACCEPT", "contacts")
	if err := os.WriteFile(filepath.Join(home, configName), []byte("role = \"dht\"\n\naccept = \"ask\"\ndrain = \"90s\"\ndht = \"server\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(runOptions).bind(flags)
	if err := flags.Parse([]string{"--accept", "ask", "--listen", "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PASSEUR_LOG_LEVEL", "warn,api=debug")
	if err := fromEnv(flags); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a file can be read again
		e, err := loadConfig(home, flags)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(home, configName)
		for key, want := range map[string][2]string{
			"accept":    {"ask", "--accept"},
			"listen":    {"127.0.0.1:0", "--listen"},
			"log-level": {"warn,api=debug", "PASSEUR_LOG_LEVEL"},
			"role":      {"dht", file + ":1"},
			"drain":     {"1m30s", file + ":4"},
			"mdns":      {"off", fromRole},
			"reserve":   {"", fromDefault},
		} {
			if got := valueOf(e, key); got != want[0] || e.origin[key] != want[1] {
				t.Errorf("%s is %q from %s, want %q", key, got, e.origin[key], want)
			}
		}
	}
}

// TestEveryKeyIsInTheDocumentation: the table there is made of the keys; UPDATE=1 makes
// it anew.
func TestEveryKeyIsInTheDocumentation(t *testing.T) {
	const path, begin, end = "../../docs/configuration.md", "<!-- table of settings, made by UPDATE=1 go test ./cmd/node -run Documentation -->\n", "<!-- end -->\n"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), begin)
	got, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatal("the place of the table is gone")
	}
	want := settingsTable()
	if got == want {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("the table in docs/configuration.md is old: UPDATE=1 makes it anew; it should be\n%s", want)
	}
	if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// settingsTable is what the documentation says of each key.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| in the file | default | counts | what it does |\n|---|---|---|---|\n")
	for _, k := range configKeys {
		counts := "after a restart"
		if k.live {
			counts = "live"
		}
		example := k.example
		if len(example) > 40 {
			example = `["/dns4/dht.example.org/tcp/4001/p2p/12D3…"]`
		}
		fmt.Fprintf(&b, "| `%s = %s`<br>`--%s`<br>`%s` | %s | %s | %s |\n", k.name, example, k.name, envName(k.name), k.fallback, counts, k.about)
	}
	return b.String()
}
