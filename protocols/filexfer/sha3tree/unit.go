package sha3tree

import "fmt"

const (
	// partSize is the length of a part in bytes, the last one of a file excepted.
	partSize = 128 << 10
	// UnitSize is the length of a unit in bytes, the last one of a file excepted.
	UnitSize = 1 << 20

	partsOfUnit = UnitSize / partSize
)

// What is hashed ends with the byte of its kind.
const (
	kindPart byte = iota
	kindUnit
	kindRoot
)

// Units tells how many units a file of size bytes has: none if it is empty.
func Units(size int64) int64 {
	if size <= 0 {
		return 0
	}
	return (size-1)/UnitSize + 1
}

// Unit gives the sum of a unit: all its bytes, 1 to [UnitSize] of them. Any other
// number is a mistake of the program, and panics.
func Unit(data []byte) Sum { return chosen.unit(data) }

// unit hashes the whole parts together, what is left alone, and then their sums.
func (i *implementation) unit(data []byte) (sum Sum) {
	if len(data) == 0 || len(data) > UnitSize {
		panic(fmt.Sprintf("sha3tree: a unit of %d bytes, want 1 to %d", len(data), UnitSize))
	}
	var parts [partsOfUnit][]byte
	var sums [partsOfUnit * Size]byte
	whole, n := len(data)/partSize, 0
	for ; len(data) > 0; n++ {
		size := min(len(data), partSize)
		parts[n], data = data[:size], data[size:]
	}
	i.sum(sums[:], parts[:whole], kindPart)
	generic.sum(sums[whole*Size:], parts[whole:n], kindPart)
	generic.sum(sum[:], [][]byte{sums[:n*Size]}, kindUnit)
	return sum
}
