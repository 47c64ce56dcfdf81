package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/passeur-p2p/passeur/node"
)

// resolved is what run would make of a config file, flags and the environment.
func resolved(t *testing.T, file string, env map[string]string, args ...string) (node.Config, string, error) {
	t.Helper()
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, configName), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return resolvedIn(t, home, env, args...)
}

func resolvedIn(t *testing.T, home string, env map[string]string, args ...string) (c node.Config, log string, err error) {
	t.Helper()
	for key, value := range env {
		t.Setenv(key, value)
	}
	var o runOptions
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.bind(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := fromEnv(flags); err != nil {
		t.Fatal(err)
	}
	e, err := loadConfig(home, flags)
	if err != nil {
		return c, "", err
	}
	var b bytes.Buffer
	e.warn(slog.New(slog.NewTextHandler(&b, nil)))
	return e.nodeConfig(home), b.String(), nil
}

const wholeFile = `# every key
name = "file"
listen = "127.0.0.1:1"
bootstrap = ["/ip4/192.0.2.1/tcp/1/p2p/12D3KooWGRUacYx2YZCzCTMyhkgBXfxzxFHSvNYGmqPRDRyn7wXE"]
dht = "client"
mdns = "off"
accept = "contacts"
downloads = "in"
stun = ["stun.example.org:3478"]
portmap = "off"

[[turn]]
url = "turn:192.0.2.1"
username = "me"
password = "secret"

[[turn]]
url = "turns:turn.example.org:443?transport=tcp"
username = "you"
password_file = "turn.password"
`

func TestConfigFile(t *testing.T) {
	home := t.TempDir()
	for name, text := range map[string]string{configName: wholeFile, "turn.password": "two words\r\n"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, log, err := resolvedIn(t, home, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Home != home || c.Name != "file" || c.Listen != "127.0.0.1:1" || len(c.Bootstrap) != 1 ||
		c.DHT != node.DHTClient || c.MDNS || c.PortMap || c.Accept != node.AcceptContacts ||
		c.Downloads != filepath.Join(home, "in") || strings.Join(c.STUN, " ") != "stun.example.org:3478" {
		t.Errorf("%+v", c)
	}
	if len(c.TURN) != 2 || c.TURN[0].URL != "turn:192.0.2.1" || c.TURN[0].Username != "me" || c.TURN[0].Password != "secret" ||
		c.TURN[1].URL != "turns:turn.example.org:443?transport=tcp" || c.TURN[1].Username != "you" || c.TURN[1].Password != "two words" {
		t.Errorf("%+v", c.TURN)
	}
	if log != "" {
		t.Errorf("complained: %s", log)
	}
}

func TestPrecedence(t *testing.T) {
	env := map[string]string{"PASSEUR_STUN": "env:1,env:2", "PASSEUR_PORTMAP": "on", "PASSEUR_NAME": "env", "PASSEUR_DHT": ""}
	c, _, err := resolved(t, wholeFile[:strings.Index(wholeFile, "[[")], env, "--name", "flag", "--accept", "ask", "--downloads", "/there")
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "flag" || c.Accept != node.AcceptAsk || c.Downloads != "/there" {
		t.Errorf("a flag does not win: %+v", c)
	}
	if strings.Join(c.STUN, " ") != "env:1 env:2" || !c.PortMap {
		t.Errorf("the environment does not win over the file: %+v", c)
	}
	if c.DHT != node.DHTClient || c.Listen != "127.0.0.1:1" {
		t.Errorf("the file does not win over the default: %+v", c)
	}
}

func TestNoConfigFile(t *testing.T) {
	c, _, err := resolvedIn(t, t.TempDir(), nil)
	if err != nil || !c.MDNS || !c.PortMap || c.DHT != node.DHTServer || len(c.STUN)+len(c.TURN) != 0 || c.Downloads != "" {
		t.Errorf("%+v, %v", c, err)
	}
	if c, _, err := resolved(t, "mdns = false\nportmap = true", nil, "--portmap", "off"); err != nil || c.MDNS || c.PortMap {
		t.Errorf("%+v, %v", c, err)
	}
	if _, _, err := resolvedIn(t, t.TempDir(), nil, "--config", "missing.toml"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that was named is not there: %v", err)
	}
	named := filepath.Join(t.TempDir(), "other.toml")
	if err := os.WriteFile(named, []byte(`name = "other"`), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, _, err := resolved(t, `name = "home"`, map[string]string{"PASSEUR_CONFIG": named}); err != nil || c.Name != "other" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestConfigErrors(t *testing.T) {
	const turn = "[[turn]]\nurl = \"turn:h\"\nusername = \"u\"\n"
	for _, test := range []struct{ file, want string }{
		{"\nnmae = \"x\"", `:2:1: "nmae": there is no such setting: 'passeur config example' shows all` + "\n    2 | nmae = \"x\""},
		{"verbose = true", `:1:1: "verbose": there is no such setting`},
		{"name = \"x\"\n[[turn]]\npass = \"1\"\n[other]\nz = 1", `:3:1: "turn.pass": there is no such setting`},
		{"name = \"x\"\n[[turn]]\npass = \"1\"\n[other]\nz = 1", `:4:2: "other": there is no such setting`},
		{"[turn.tls]\nca = \"x\"", `:1:2: "turn": it must be a table, with [[turn]] above its keys`},
		{"dht = \"maybe\"", `:1:1: "dht": it must be server or client`},
		{"mdns = \"yes\"", `:1:1: "mdns": it must be on or off`},
		{"mdns = 1", `:1:1: "mdns": it must be on or off`},
		{"dht = true", `:1:1: "dht": it must be a text in quotes`},
		{"name = [\"x\"]", `:1:1: "name": it must be a text in quotes`},
		{"stun = \"h:1\"", `:1:1: "stun": it must be a list of texts, ["…", "…"]`},
		{"stun = [1]", `:1:1: "stun": it must be a list of texts, ["…", "…"]`},
		{"stun = [\"h\"]", `:1:1: "stun": "h": write HOST:PORT, for instance stun.example.org:3478`},
		{"listen = \"h:1\"", `:1:1: "listen": "h" is no IP address`},
		{"bootstrap = [\"/ip4/192.0.2.1/tcp/1\"]", `it must end in /p2p/<peer id>`},
		{"drain = \"soon\"", `:1:1: "drain": "soon" is no duration; write 90s, 10m or 2h`},
		{"drain = 5", `:1:1: "drain": it must be a text in quotes`},
		{"reserve = \"much\"", `:1:1: "reserve": "much" is no size; write 500M, 2G or 1.5GiB, or none`},
		{"limit-up = \"fast\"", `:1:1: "limit-up": "fast" is no rate: write bytes a second`},
		{"limit-down = \"1\"", `:1:1: "limit-down": "1" is too slow: the least is 16384 bytes a second`},
		{"log-level = \"icetpc=debug\"", `:1:1: "log-level": nothing logs as "icetpc"`},
		{"role = \"king\"", `:1:1: "role": it must be dht`},
		{"http = \"8080\"", `:1:1: "http": write HOST:PORT`},
		{"http-cert = \"x\"", `http-cert and http-key go together`},
		{"role = \"dht\"\n[[rule]]\nname=\"x\"", `role dht takes no files, so there can be no [[rule]]`},
		{"role = \"dht\"\ndht = \"client\"", `role dht answers the DHT; dht must not be client`},
		{"turn = \"h:1\"", `:1:1: "turn": it must be a table, with [[turn]] above its keys`},
		{"name = \"x", `:1:9: unterminated basic string`},
		{"name = \"x\"\nname = \"y\"", `:2:1: "name": key name is already defined`},
		{"[[turn]]\nurl = \"stun:h\"", `:2:1: "turn.url": TURN server "stun:h": write turn:HOST:PORT`},
		{turn + "password = 5", `:4:1: "turn.password": it must be a text in quotes`},
		{"[[turn]]\nusername = \"u\"", `:1:3: "turn": url is missing: write turn:HOST:PORT`},
		{"[[turn]]\nurl = \"turn:h\"", `:1:3: "turn": username is missing`},
		{turn, `:1:3: "turn": give either password or password_file`},
		{turn + "password = \"p\"\n" + turn + "password = \"p\"\npassword_file = \"f\"", `:5:3: "turn": give either password or password_file`},
		{turn + "password_file = \"missing\"", `:1:3: "turn": password_file: open `},
		{turn + "password_file = \"" + configName + "\"", configName + ` must hold the password in one line, and nothing else`},
		{"[[rule]]\nname = \"x\"\nmax_size = 5", `:3:1: "rule.max_size": it must be a text in quotes`},
		{"[[rule]]\nname = \"x\"\nsize = \"5\"\nquota = \"much\"", `:3:1: "rule.size": there is no such setting`},
		{"[[rule]]\nname = \"x\"\nsize = \"5\"\nquota = \"much\"", `:4:1: "rule.quota": write a size in quotes`},
		{"[[rule]]\nname = \"x\"\nfrom = \"bob\"", `:3:1: "rule.from": it must be a list of texts`},
		{"[[rule]]\nname = \"x\"\nverified = \"yes\"", `:3:1: "rule.verified": it must be true or false`},
	} {
		_, _, err := resolved(t, test.file, nil)
		if err == nil || !strings.Contains(err.Error(), configName+test.want) && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q\ngot  %v\nwant %s", test.file, err, test.want)
			continue
		}
		var stdout, stderr bytes.Buffer
		if code := report(err, true, &stdout, &stderr); code != exitUsage || !strings.HasPrefix(stdout.String(), `{"event":"error","code":"config",`) {
			t.Errorf("%q: exit code %d, %s", test.file, code, &stdout)
		}
	}
}

// TestConfigErrorsHideSecrets: the lines round a mistake are not for a log.
func TestConfigErrorsHideSecrets(t *testing.T) {
	for _, mistake := range []string{"user = 1", "username = 1", "username = \"x", "password_file = [1]"} {
		_, _, err := resolved(t, "[[turn]]\npassword = \"hunter2\"\n"+mistake+"\n", nil)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", mistake, err)
		}
	}
}

func TestReadablePasswordsAreToldOf(t *testing.T) {
	home := t.TempDir()
	file := wholeFile + "\n[[turn]]\nurl = \"turn:h\"\nusername = \"u\"\npassword_file = \"turn.password\"\n"
	for name, text := range map[string]string{configName: file, "turn.password": "secret"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(home, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, log, err := resolvedIn(t, home, nil)
	if err != nil || strings.Count(log, "level=WARN") != 2 || !strings.Contains(log, configName) || !strings.Contains(log, "turn.password") || !strings.Contains(log, "mode=-rw-r--r--") {
		t.Errorf("%v, %s", err, log)
	}
	if err := os.WriteFile(filepath.Join(home, configName), []byte(`name = "no secret"`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, log, err := resolvedIn(t, home, nil); err != nil || log != "" {
		t.Errorf("%v, %s", err, log)
	}
}
