package docs

import (
	"encoding/json"
	"go/format"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab"
)

// TestValues reads the blocks that hold settings, JSON and Go as their readers do.
func TestValues(t *testing.T) {
	read := map[string]func(*testing.T, string) string{"toml": badSettings, "json": badJSON, "go": badGo}
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			check := read[b.kind]
			if check == nil {
				continue
			}
			if problem := check(t, b.text); problem != "" {
				t.Errorf("%s:%d: %s", p.name, b.line, problem)
			}
		}
	}
}

// badSettings is what 'passeur config check' says of a piece of a config file, "" if it
// is right. Files that it names lie beside it.
func badSettings(t *testing.T, text string) string {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.toml")
	for _, name := range []string{"turn.password", "api.crt", "api.key"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), lab.Passeur(), "config", "check", file)
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		return strings.TrimSpace(string(out))
	}
	return ""
}

// badJSON reads values one after the other.
func badJSON(_ *testing.T, text string) string {
	d := json.NewDecoder(strings.NewReader(text))
	for {
		var v any
		switch err := d.Decode(&v); err {
		case nil:
		case io.EOF:
			return ""
		default:
			return err.Error()
		}
	}
}

// badGo wants a file, or statements, as gofmt writes them.
func badGo(_ *testing.T, text string) string {
	good, err := format.Source([]byte(text))
	if err != nil {
		return err.Error()
	}
	if string(good) != text {
		return "gofmt writes it otherwise"
	}
	return ""
}
