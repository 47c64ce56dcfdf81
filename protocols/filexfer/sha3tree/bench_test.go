package sha3tree

import "testing"

// BenchmarkUnit tells how fast one core hashes.
func BenchmarkUnit(b *testing.B) {
	data := pattern(UnitSize)
	for _, i := range implementations() {
		b.Run(i.name, func(b *testing.B) {
			b.SetBytes(UnitSize)
			for b.Loop() {
				i.unit(data)
			}
		})
	}
}
