package node

import "github.com/passeur-p2p/passeur/node/internal/throttle"

// MinLimit is the least limit that there can be, in bytes a second.
const MinLimit = throttle.MinRate

// Check tells what is wrong with c, as [New] would, and starts nothing.
func (c Config) Check() error {
	_, err := c.check()
	return err
}
