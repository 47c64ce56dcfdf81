package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
	"github.com/passeur-p2p/passeur/test/lab/people"
)

// syncthing is two Syncthing nodes on one host that share a folder, the first's with
// the second, and neither know nor ask anybody else.
type syncthing struct {
	t        testing.TB
	host     people.Host
	from, to string // folders
	socket   string // of the first one's API
}

const syncthingKey = "bench"

// newSyncthing starts both and waits until they are connected. before are words before
// their commands.
func newSyncthing(t testing.TB, h people.Host, ip string, before []string) syncthing {
	t.Helper()
	dir := t.TempDir()
	s := syncthing{t: t, host: h, from: filepath.Join(dir, "from"), to: filepath.Join(dir, "to"), socket: filepath.Join(dir, "a.sock")}
	homes := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	var ids []string
	for _, home := range homes {
		timed(t, h, "syncthing", "generate", "--no-default-folder", "--skip-port-probing", "--home", home)
		ids = append(ids, s.id(home))
	}
	for i, folder := range []string{s.from, s.to} {
		if err := os.MkdirAll(filepath.Join(folder, ".stfolder"), 0o755); err != nil {
			t.Fatal(err)
		}
		socket := filepath.Join(dir, string("ab"[i])+".sock")
		write(t, filepath.Join(homes[i], "config.xml"), syncthingConfig(ids, i, ip, folder, socket))
	}
	for i := range homes { // who is dialled first
		background(t, h, append(slices.Clone(before), "env", "STNODEFAULTFOLDER=1", "STNOUPGRADE=1", "syncthing", "serve",
			"--no-browser", "--no-restart", "--home", homes[1-i])...)
	}
	lab.Eventually(t, "the Syncthing nodes are connected", func() bool {
		var all struct {
			Connections map[string]struct{ Connected bool }
		}
		return s.get("/rest/system/connections", &all) == nil && all.Connections[ids[1]].Connected
	})
	return s
}

// id is what a node calls itself.
func (s syncthing) id(home string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), lab.Patience)
	defer cancel()
	out, err := s.host.Command(ctx, "syncthing", "--device-id", "--home", home).Output()
	if err != nil {
		s.t.Fatalf("syncthing --device-id: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// syncthingConfig is the file of node i: it listens at port 22000+i and knows the
// other, and nothing beyond this host.
func syncthingConfig(ids []string, i int, ip, folder, socket string) string {
	kind := []string{"sendonly", "receiveonly"}[i]
	var devices, sharers strings.Builder
	for j, id := range ids {
		fmt.Fprintf(&devices, `<device id="%s" compression="never"><address>tcp://%s:%d</address></device>`, id, ip, 22000+j)
		fmt.Fprintf(&sharers, `<device id="%s"></device>`, id)
	}
	return fmt.Sprintf(`<configuration version="35">
<folder id="f" path="%s" type="%s" rescanIntervalS="86400" fsWatcherEnabled="false">%s<minDiskFree unit="%%">0</minDiskFree></folder>
%s
<gui enabled="true" tls="false"><address>%s</address><unixSocketPermissions>600</unixSocketPermissions><apikey>%s</apikey></gui>
<options><listenAddress>tcp://%s:%d</listenAddress><globalAnnounceEnabled>false</globalAnnounceEnabled>
<localAnnounceEnabled>false</localAnnounceEnabled><relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled>
<urAccepted>-1</urAccepted><autoUpgradeIntervalH>0</autoUpgradeIntervalH><startBrowser>false</startBrowser>
<crashReportingEnabled>false</crashReportingEnabled><reconnectionIntervalS>1</reconnectionIntervalS>
<stunKeepaliveStartS>0</stunKeepaliveStartS></options>
</configuration>`, folder, kind, &sharers, &devices, socket, syncthingKey, ip, 22000+i)
}

// api asks the first node.
func (s syncthing) api(method, path string) (*http.Response, error) {
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.socket)
	}, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(s.t.Context(), method, "http://syncthing"+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-API-Key", syncthingKey)
	return client.Do(r)
}

func (s syncthing) get(path string, into any) error {
	answer, err := s.api(http.MethodGet, path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return json.NewDecoder(answer.Body).Decode(into)
}

// carry puts a file into the first folder. The time runs from the word that it is
// there to the moment when it has its name in the second one.
func (s syncthing) carry(path string) time.Duration {
	s.t.Helper()
	name := filepath.Base(path)
	if err := os.Link(path, filepath.Join(s.from, name)); err != nil {
		s.t.Fatal(err)
	}
	began := time.Now()
	answer, err := s.api(http.MethodPost, "/rest/db/scan?folder=f&sub="+name)
	if err != nil {
		s.t.Fatalf("tell Syncthing of a file: %v", err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	got := filepath.Join(s.to, name)
	for end := began.Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if _, err := os.Stat(got); err == nil {
			break
		}
		if time.Now().After(end) {
			s.t.Fatal("Syncthing does not bring the file")
		}
	}
	took := time.Since(began)
	same(s.t, path, got)
	return took
}

// drop removes a file of this name from both folders, which the nodes are not told.
func (s syncthing) drop(path string) {
	s.t.Helper()
	for _, folder := range []string{s.from, s.to} {
		if err := os.Remove(filepath.Join(folder, filepath.Base(path))); err != nil {
			s.t.Fatal(err)
		}
	}
}
