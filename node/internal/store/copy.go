package store

import (
	"context"

	"github.com/passeur-p2p/passeur/conversation/database"
)

// Copy writes the state in the file at from to a new file at to, as it is at one
// moment, also while a node runs on it.
func Copy(ctx context.Context, from, to string) error { return database.Copy(ctx, from, to) }
