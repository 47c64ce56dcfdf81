package node

import (
	"context"
	"errors"
)

// Reload takes over those fields of c that can change while the node runs, and gives
// the names of the others that differ: they need a restart. A c that is wrong changes
// nothing.
func (n *Node) Reload(_ context.Context, c Config) ([]string, error) {
	return nil, errors.New("the node cannot reload its config")
}
