package sha3tree

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Size is the length of a sum in bytes.
const Size = 32

// Sum is a SHA3-256: of a part, a unit or a whole file, which is then its root.
type Sum [Size]byte

// Parse reads what [Sum.String] writes, 64 lower-case hex digits, and refuses
// anything else, so that a sum has one spelling.
func Parse(s string) (Sum, error) {
	var sum Sum
	notDigit := func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }
	if len(s) != hex.EncodedLen(Size) || strings.ContainsFunc(s, notDigit) {
		return sum, fmt.Errorf("sha3tree: %.80q is no sum: want %d lower-case hex digits", s, hex.EncodedLen(Size))
	}
	_, err := hex.Decode(sum[:], []byte(s))
	return sum, err
}

// String gives the sum as 64 lower-case hex digits.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// IsZero tells whether the sum is unset: no bytes are known whose sum is zero.
func (s Sum) IsZero() bool { return s == Sum{} }
