//go:build !race

package scale

// oneProcessor changes nothing: there is no race detector that would need it.
func oneProcessor() (restore func()) { return func() {} }
