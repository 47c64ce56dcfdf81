package node

// Check tells what is wrong with c, as [New] would, and starts nothing.
func (c Config) Check() error {
	_, err := c.check()
	return err
}
