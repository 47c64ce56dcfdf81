package node

import "context"

// Refuses tells whether n knows that other's account has revoked its device, and lets
// it offer no link any more.
func Refuses(ctx context.Context, n, other *Node) bool {
	id := other.Identity()
	return n.isRevoked(id.Account, id.Device) && n.admit(ctx, id.Device, id.Account, kindICE) != nil
}
