//go:build !amd64

package sha3tree

// implementations gives those that this processor can do, the fastest first.
func implementations() []*implementation { return []*implementation{&generic} }
