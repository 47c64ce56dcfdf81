package service

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/cmd/node/api"
	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

const size = 3 << 20 // of the files that are sent

// TestService is the life of the service, from the package's installation to its purge.
func TestService(t *testing.T) {
	l := lab.New(t)
	m := boot(t, l.Host("server", "10.1.0.1/24"))
	bob := people.Start(t, l.Host("bob", "10.1.0.2/24"), people.Config{Name: "bob", MDNS: true}).Ready()

	m.install()
	m.startService()
	m.befriend(bob)
	m.giveTo(bob, "from the server")
	m.takeFrom(bob)
	m.reload()
	m.takeUnasked(bob)
	m.upgrade()
	m.stop()
	m.restore()
	m.servePerson()
	m.remove()
}

// install: the user is there, and nothing runs that nobody has asked for.
func (m *machine) install() {
	deb := filepath.Join(m.root, "root", "passeur.deb")
	debs, err := filepath.Glob(filepath.Join(os.Getenv(distEnv), "*_amd64.deb"))
	if err != nil || len(debs) != 1 {
		m.t.Fatal("packages:", debs, err)
	}
	data, err := os.ReadFile(debs[0])
	if err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(deb, data, 0o644); err != nil {
		m.t.Fatal(err)
	}
	m.run("dpkg", "--install", "/root/passeur.deb")
	m.run("getent", "passwd", "passeur")
	m.want(map[string]string{"LoadState": "loaded", "ActiveState": "inactive", "UnitFileState": "disabled"})
}

// startService: 'systemctl start' returns when the node answers, and it is shut in.
func (m *machine) startService() {
	m.run("systemctl", "start", "passeur")
	m.want(map[string]string{"ActiveState": "active", "SubState": "running", "User": "passeur", "WatchdogUSec": "30s"})
	if status := m.show("StatusText"); !strings.Contains(status, "peer") {
		m.t.Errorf("the service's status is %q", status)
	}
	m.run("systemd-analyze", "security", "--threshold=11", "--no-pager", "passeur.service")
	for path, mode := range map[string]string{"/var/lib/passeur": "700 passeur passeur", "/var/lib/passeur/api.sock": "600 passeur passeur"} {
		if got := m.run("stat", "--format=%a %U %G", path); got != mode {
			m.t.Errorf("%s is %s, want %s", path, got, mode)
		}
	}
}

// passeur is a command as docs/operations.md has it, with runuser for sudo.
func (m *machine) passeur(args ...string) *exec.Cmd {
	own := []string{"--user", "passeur", "--", "passeur", "--home", "/var/lib/passeur", "--json"}
	return m.command("runuser", append(own, args...)...)
}

// answer runs a command of passeur, which must succeed, and decodes what it prints.
func (m *machine) answer(into any, args ...string) {
	m.t.Helper()
	cmd := m.passeur(args...)
	out := m.output(cmd)
	if err := json.Unmarshal(out, into); err != nil {
		m.t.Fatalf("passeur %v prints %q: %v", args, out, err)
	}
}

// output runs a command, which must succeed, and gives what it prints.
func (m *machine) output(cmd *exec.Cmd) []byte {
	m.t.Helper()
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		m.t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out, &complaints)
	}
	return out
}

// befriend makes the service and a person contacts. They find each other by multicast.
func (m *machine) befriend(bob *people.Person) {
	var contact api.Contact
	m.answer(&contact, "contact", "add", bob.Who.Account, "--name", "bob")
	var server api.Node
	m.answer(&server, "id")
	lab.Eventually(m.t, "bob is asked", func() bool { return contactState(m.t, bob, server.Account) == node.Pending })
	bob.Run("contact", "accept", server.Account, "--name", "server")
	lab.Eventually(m.t, "the server knows that bob has accepted", func() bool {
		var contacts []api.Contact
		m.answer(&contacts, "contact", "list")
		return len(contacts) == 1 && contacts[0].State == node.Accepted
	})
}

func contactState(t *testing.T, p *people.Person, account string) node.ContactState {
	t.Helper()
	contacts, err := p.Contacts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contacts {
		if c.Account == account {
			return c.State
		}
	}
	return ""
}

// giveTo: what an administrator can read, and the service cannot, goes by standard input.
func (m *machine) giveTo(bob *people.Person, text string) {
	cmd := m.passeur("send", "-", "bob", "--name", "note.txt")
	cmd.Stdin = strings.NewReader(text)
	m.output(cmd)
	got, err := os.ReadFile(filepath.Join(bob.Home, "received", "note.txt"))
	if err != nil || string(got) != text {
		m.t.Errorf("bob has got %q, %v", got, err)
	}
}

// takeFrom: what is offered waits until the administrator takes it, by standard output.
func (m *machine) takeFrom(bob *people.Person) {
	file := people.File(m.t, size)
	var sent api.Transfer
	bob.Get(&sent, "send", "--no-wait", file, "server")
	var id string
	lab.Eventually(m.t, "the server is offered a file", func() bool {
		var offers []struct{ ID, Kind string }
		m.answer(&offers, "inbox")
		if len(offers) == 1 {
			id = offers[0].ID
		}
		return id != ""
	})
	cmd := m.command("runuser", "--user", "passeur", "--", "passeur", "--home", "/var/lib/passeur", "accept", id, "-o", "-")
	if !bytes.Equal(m.output(cmd), read(m.t, file)) {
		m.t.Error("the server has got something else than bob has sent")
	}
}

// reload: another word of the config file counts, for the same process.
func (m *machine) reload() {
	before := m.show("MainPID")
	config := filepath.Join(m.root, "etc/passeur/config.toml")
	text := append([]byte("accept = \"contacts\"\n"), read(m.t, config)...)
	if err := os.WriteFile(config, text, 0o644); err != nil {
		m.t.Fatal(err)
	}
	m.run("systemctl", "reload", "passeur")
	lab.Eventually(m.t, "the service has reloaded", func() bool { return strings.Contains(m.journal(), "msg=reloaded") })
	m.want(map[string]string{"ActiveState": "active", "MainPID": before})
}

// takeUnasked: with the new word, a file is there without anybody's decision.
func (m *machine) takeUnasked(bob *people.Person) {
	file := people.File(m.t, size+1)
	bob.Run("send", file, "server")
	path := filepath.Join("/var/lib/passeur/received", filepath.Base(file))
	if !bytes.Equal(read(m.t, filepath.Join(m.root, path)), read(m.t, file)) {
		m.t.Error("the server has got something else than bob has sent")
	}
}

// upgrade: the service that runs is started again, with what the administrator wrote.
func (m *machine) upgrade() {
	before := m.show("MainPID")
	m.run("dpkg", "--install", "/root/passeur.deb")
	m.want(map[string]string{"ActiveState": "active", "Result": "success"})
	if now := m.show("MainPID"); now == before {
		m.t.Error("after an upgrade the old binary still runs")
	}
	var contacts []api.Contact
	if m.answer(&contacts, "contact", "list"); len(contacts) != 1 {
		m.t.Errorf("after an upgrade the contacts are %v", contacts)
	}
}

// stop: the node ends by itself, and well.
func (m *machine) stop() {
	m.run("systemctl", "enable", "passeur")
	m.run("systemctl", "stop", "passeur")
	m.want(map[string]string{"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"})
	if m.has("/var/lib/passeur/api.sock") {
		m.t.Error("the node has left its socket")
	}
	m.run("systemctl", "start", "passeur")
	m.want(map[string]string{"ActiveState": "active"})
}

// restore: what was exported is the same device where nothing is left of it, by the
// commands of docs/operations.md.
func (m *machine) restore() {
	var before, after api.Node
	m.answer(&before, "id")
	phrase := m.command("runuser", "--user", "passeur", "--", "tee", "/var/lib/passeur/phrase")
	phrase.Stdin = strings.NewReader("correct horse battery staple\n")
	m.output(phrase)
	m.output(m.passeur("export", "--passphrase-file", "/var/lib/passeur/phrase", "/var/lib/passeur/backup.age"))
	m.run("mv", "/var/lib/passeur/phrase", "/var/lib/passeur/backup.age", "/root")
	m.run("systemctl", "stop", "passeur")
	m.run("mv", "/var/lib/passeur", "/root/lost")

	m.run("passeur", "--home", "/var/lib/passeur", "import", "--passphrase-file", "/root/phrase", "/root/backup.age")
	m.run("chown", "-R", "passeur:passeur", "/var/lib/passeur")
	m.run("systemctl", "enable", "--now", "passeur")
	if m.answer(&after, "id"); after.Device != before.Device || after.Account != before.Account {
		m.t.Errorf("the restored node is %v, not %v", after, before)
	}
	var contacts []api.Contact
	if m.answer(&contacts, "contact", "list"); len(contacts) != 1 {
		m.t.Errorf("the restored node's contacts are %v", contacts)
	}
	m.run("mv", "/root/lost/received", "/var/lib/passeur")
}

// servePerson: a person of the machine has a node of their own, which systemd starts.
func (m *machine) servePerson() {
	m.run("useradd", "--create-home", "carol")
	uid := m.run("id", "--user", "carol")
	m.run("systemctl", "start", "user@"+uid+".service")
	carol := func(args ...string) string {
		m.t.Helper()
		return m.run("runuser", append([]string{"--user", "carol", "--", "env", "HOME=/home/carol", "XDG_RUNTIME_DIR=/run/user/" + uid}, args...)...)
	}
	carol("systemctl", "--user", "start", "passeur")
	carol("passeur", "id")
	carol("systemctl", "--user", "stop", "passeur")
	if result := carol("systemctl", "--user", "show", "--value", "--property=Result", "passeur"); result != "success" {
		m.t.Errorf("carol's node ended with %s", result)
	}
	m.run("systemctl", "stop", "user@"+uid+".service")
}

// remove: the service stops, and what people would miss stays, also after a purge.
func (m *machine) remove() {
	m.run("dpkg", "--remove", "passeur")
	if state := m.run("systemctl", "list-units", "--all", "--no-legend", "--plain", "--state=active", "passeur.service"); state != "" {
		m.t.Errorf("after the removal the service is %s", state)
	}
	m.keeps(map[string]bool{"/usr/bin/passeur": false, "/etc/passeur/config.toml": true, "/var/lib/passeur/received": true})
	said := m.run("dpkg", "--purge", "passeur")
	if !strings.Contains(said, "/var/lib/passeur stays") {
		m.t.Errorf("the purge does not say what stays: %s", said)
	}
	m.keeps(map[string]bool{"/etc/passeur": false, "/var/lib/passeur/received": true,
		"/etc/systemd/system/multi-user.target.wants/passeur.service": false, "/etc/systemd/system/passeur.service": false})
}

func (m *machine) keeps(files map[string]bool) {
	m.t.Helper()
	for path, want := range files {
		if m.has(path) != want {
			m.t.Errorf("%s is there: %v, want %v", path, !want, want)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
