package logstore

import (
	"context"

	"github.com/passeur-p2p/passeur/conversation/database"
)

// Copy writes the logs in the file at from to a new file at to, as they are at one
// moment, also while a node writes them.
func Copy(ctx context.Context, from, to string) error { return database.Copy(ctx, from, to) }
