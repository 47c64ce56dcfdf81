package sha3tree

import (
	"crypto/sha3"
	"encoding/binary"
	"fmt"
)

// List is the sums of all units of a file. One that comes from somebody else is to
// be checked against a root ([List.Check]) before anything else is asked of it.
type List struct {
	Size int64  // of the file, in bytes
	Sums []byte // of its units one after the other: Units(Size) times 32 bytes
}

// Root gives the sum of the whole file: of the list and the size.
func (l List) Root() (root Sum) {
	h := sha3.New256()
	h.Write(l.Sums)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(l.Size)))
	h.Write([]byte{kindRoot})
	h.Sum(root[:0])
	return root
}

// Unit gives the sum of unit i, counted from 0. It panics beyond the list.
func (l List) Unit(i int64) Sum { return Sum(l.Sums[i*Size:][:Size]) }

// Check tells whether the list is that of the file with this root. If it is not,
// nothing in it is to be believed.
func (l List) Check(root Sum) error {
	if want := Units(l.Size) * Size; l.Size < 0 || int64(len(l.Sums)) != want {
		return fmt.Errorf("sha3tree: %d bytes of sums for a file of %d bytes, want %d", len(l.Sums), l.Size, want)
	}
	if got := l.Root(); got != root {
		return fmt.Errorf("sha3tree: the list is that of %v, want %v", got, root)
	}
	return nil
}
