package sha3tree

import (
	"encoding/binary"

	"github.com/cloudflare/circl/simd/keccakf1600"
)

var avx2 = implementation{name: "avx2", sum: sumByFour, hashers: 4}

// sumByFour hashes messages four at a time. A single one is left to the standard
// library, which does it in less time.
func sumByFour(sums []byte, messages [][]byte, tail ...byte) {
	for len(messages) > 1 {
		n := min(len(messages), 4)
		sumFour(sums[:n*Size], messages[:n], tail)
		messages, sums = messages[n:], sums[n*Size:]
	}
	sumOneByOne(sums, messages, tail...)
}

func sumFour(sums []byte, messages [][]byte, tail []byte) {
	var permutation keccakf1600.StateX4
	state := (*[25 * 4]uint64)(permutation.Initialize(false))
	var rest [4][]byte
	for i := range rest {
		rest[i] = messages[i%len(messages)]
	}
	for len(rest[0]) >= rate {
		absorb4(state, &rest)
		permutation.Permute()
	}
	var last [4][2 * rate]byte
	for i := range rest {
		blocks := lastBlocks(&last[i], rest[i], tail)
		rest[i] = last[i][:blocks*rate]
	}
	for len(rest[0]) > 0 {
		absorb4(state, &rest)
		permutation.Permute()
	}
	for i := range messages {
		for word := range Size / 8 {
			binary.LittleEndian.PutUint64(sums[i*Size+word*8:], state[word*4+i])
		}
	}
}

// absorb4 takes a block from the beginning of each message into its state; state i
// is every fourth word from i on. A loop over the four would take an eighth of the
// time of everything.
func absorb4(state *[25 * 4]uint64, messages *[4][]byte) {
	a, b := (*[rate]byte)(messages[0]), (*[rate]byte)(messages[1])
	c, d := (*[rate]byte)(messages[2]), (*[rate]byte)(messages[3])
	for word := range rate / 8 {
		state[word*4] ^= binary.LittleEndian.Uint64(a[word*8:])
		state[word*4+1] ^= binary.LittleEndian.Uint64(b[word*8:])
		state[word*4+2] ^= binary.LittleEndian.Uint64(c[word*8:])
		state[word*4+3] ^= binary.LittleEndian.Uint64(d[word*8:])
	}
	for i := range messages {
		messages[i] = messages[i][rate:]
	}
}
