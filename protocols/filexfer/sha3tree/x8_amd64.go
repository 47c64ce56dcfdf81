package sha3tree

import (
	"encoding/binary"
	"unsafe"
)

//go:generate go run -modfile=../../../tools.mod x8_generate.go -out x8_amd64.s -stubs x8_stub_amd64.go

var avx512 = implementation{name: "avx512", sum: sumEight, hashers: 2}

// sumEight hashes up to eight messages at once. A single one is left to the
// standard library, which does it in the same time.
func sumEight(sums []byte, messages [][]byte, tail ...byte) {
	if len(messages) < 2 {
		sumOneByOne(sums, messages, tail...)
		return
	}
	var state [25][8]uint64
	var data [8]*byte
	whole := len(messages[0]) / rate
	if whole > 0 {
		for i := range data {
			data[i] = unsafe.SliceData(messages[i%len(messages)])
		}
		absorb8(&state, &data, whole)
	}
	var last [8][2 * rate]byte
	blocks := 1
	for i := range data {
		blocks = lastBlocks(&last[i], messages[i%len(messages)][whole*rate:], tail)
		data[i] = &last[i][0]
	}
	absorb8(&state, &data, blocks)
	for i := range messages {
		for word := range Size / 8 {
			binary.LittleEndian.PutUint64(sums[i*Size+word*8:], state[word][i])
		}
	}
}
