package conversation

import (
	"bytes"
	"math/big"
	"slices"
	"testing"

	"filippo.io/edwards25519"
	"pgregory.net/rapid"
)

// weakKey agrees with the definition: a point whose encoding is the key itself.
func TestWeakKeyIsWhatItsDefinitionSays(t *testing.T) {
	prime := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	rapid.Check(t, func(t *rapid.T) {
		y := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "y"))
		if rapid.Bool().Draw(t, "near the prime") {
			y.Add(prime, big.NewInt(rapid.Int64Range(-40, 18).Draw(t, "offset")))
		}
		key := y.FillBytes(make([]byte, 32))
		slices.Reverse(key)
		key[31] ^= byte(rapid.SampledFrom([]int{0, 0x80}).Draw(t, "sign"))
		if got, want := weakKey(key), weakByDefinition(key); got != want {
			t.Fatalf("%x: weak is %v, want %v", key, got, want)
		}
	})
}

func weakByDefinition(key []byte) bool {
	point, err := new(edwards25519.Point).SetBytes(key)
	if err != nil || !bytes.Equal(point.Bytes(), key) {
		return true
	}
	return point.MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1
}
