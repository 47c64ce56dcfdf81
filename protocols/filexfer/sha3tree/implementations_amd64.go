package sha3tree

import "golang.org/x/sys/cpu"

// implementations gives those that this processor can do and the system lets it,
// the fastest first.
func implementations() []*implementation {
	all := []*implementation{&generic}
	if cpu.X86.HasAVX2 {
		all = append([]*implementation{&avx2}, all...)
	}
	if cpu.X86.HasAVX512F {
		all = append([]*implementation{&avx512}, all...)
	}
	return all
}
