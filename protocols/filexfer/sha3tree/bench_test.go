package sha3tree

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

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

// BenchmarkRead reads a file of 1 GiB that the system holds in memory.
func BenchmarkRead(b *testing.B) {
	const size = 1 << 30
	file, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	data := pattern(UnitSize)
	for range size / len(data) {
		if _, err := file.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	for _, i := range implementations() {
		b.Run(i.name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if _, err := i.read(b.Context(), io.NewSectionReader(file, 0, size), size, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
