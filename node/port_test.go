package node_test

import (
	"strings"
	"testing"

	"github.com/multiformats/go-multiaddr"

	"github.com/passeur-p2p/passeur/node"
	"github.com/passeur-p2p/passeur/node/nodetest"
)

// Two nodes that are told the same port do not share it: each would get half of what
// comes for the other.
func TestPortOfAnotherNode(t *testing.T) {
	first := nodetest.New(t, node.Config{Name: "first"})
	port, err := first.Identity().Addrs[0].ValueForProtocol(multiaddr.P_TCP)
	if err != nil {
		t.Fatal(err)
	}
	config := node.Config{Name: "second", Home: t.TempDir(), Listen: "127.0.0.1:" + port}
	second, err := node.New(t.Context(), config)
	if err == nil {
		second.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "another program listens on /ip4/127.0.0.1/tcp/"+port) {
		t.Errorf("second node: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if second, err = node.New(t.Context(), config); err != nil {
		t.Fatalf("the port is free again: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
