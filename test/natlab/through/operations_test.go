package through

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/passeur-p2p/passeur/test/lab/people"
	"github.com/passeur-p2p/passeur/test/natlab"
)

// TestTURNServer: a TURN server that is set up as docs/operations.md says lets nobody in
// but by TLS at port 443, and relays files.
func TestTURNServer(t *testing.T) {
	t.Parallel()
	args := documentedTURN(t)
	s := meet(t, symmetric, func(n *natlab.Net) (alice, bob servers) {
		turn := n.TURN(natlab.TURNConfig{OnlyTLS: true, TLSPort: 443, Args: args})
		alice.stun = n.STUN()
		alice.turn = []people.Relay{relayOf(turn, true, false)}
		bob.stun = alice.stun
		return alice, bob
	})
	relayed(t, sends(t, s.alice, s.bob, 4<<20))
}

// ofTheLab are settings of the documented server that are the lab's affair: its
// addresses, its users, where it logs.
var ofTheLab = []string{"tls-listening-port", "no-udp", "no-tcp", "no-dtls", "no-cli", "cert", "pkey", "lt-cred-mech", "realm", "user", "syslog"}

// documentedTURN gives the settings of docs/operations.md as arguments of turnserver.
func documentedTURN(t *testing.T) (args []string) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, from, found := strings.Cut(string(page), "```ini turn\n")
	text, _, ends := strings.Cut(from, "```")
	if !found || !ends {
		t.Fatal("docs/operations.md has no block of settings for a TURN server")
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, _, _ := strings.Cut(line, "=")
		if line != "" && line[0] != '#' && !slices.Contains(ofTheLab, name) {
			args = append(args, "--"+line)
		}
	}
	return args
}
