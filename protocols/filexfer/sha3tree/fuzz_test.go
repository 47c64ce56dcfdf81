package sha3tree

import (
	"bytes"
	"crypto/sha3"
	"encoding/binary"
	"slices"
	"testing"
)

// FuzzUnit hashes files of fuzzed bytes, up to a unit and a quarter, with each
// implementation, and once more as the package comment says it with the standard
// library.
func FuzzUnit(f *testing.F) {
	for parts := range uint8(10) {
		f.Add(parts, uint32(0), []byte("Keccak"))
		f.Add(parts, []uint32{1, 104, 135, 136, partSize - 1}[parts%5], []byte("Keccak"))
	}
	f.Fuzz(func(t *testing.T, parts uint8, rest uint32, seed []byte) {
		data := stretch(seed, int(parts%10)*partSize+int(rest%partSize))
		want := rootInWords(data)
		for _, i := range implementations() {
			list, err := i.read(t.Context(), bytes.NewReader(data), int64(len(data)), nil)
			if got := list.Root(); got != want || err != nil {
				t.Errorf("%s: %d bytes: %v, %v, want %v", i.name, len(data), got, err, want)
			}
		}
	})
}

// FuzzMessages hashes fuzzed messages of one length beside each other.
func FuzzMessages(f *testing.F) {
	for lanes := range uint8(partsOfUnit) {
		for _, size := range []int{0, 1, rateOfSHA3256 - 2, rateOfSHA3256 - 1, rateOfSHA3256, 3*rateOfSHA3256 - 1} {
			f.Add(lanes, uint8(0), pattern(size*int(lanes+1)))
			f.Add(lanes, uint8(1), pattern(size*int(lanes+1)))
		}
	}
	f.Fuzz(func(t *testing.T, lanes, tails uint8, data []byte) {
		messages := make([][]byte, lanes%partsOfUnit+1)
		size := len(data) / len(messages)
		for n := range messages {
			messages[n] = data[n*size:][:size]
		}
		tail := []byte{0x02}[:tails%2]
		for _, i := range implementations() {
			sums := make([]byte, len(messages)*Size)
			i.sum(sums, messages, tail...)
			for n, message := range messages {
				if got, want := Sum(sums[n*Size:]), Sum(sha3.Sum256(append(bytes.Clone(message), tail...))); got != want {
					t.Errorf("%s: message %d of %d, %d bytes: %v, want %v", i.name, n, len(messages), size, got, want)
				}
			}
		}
	})
}

const rateOfSHA3256 = 136

// stretch makes size bytes of seed.
func stretch(seed []byte, size int) []byte {
	data := make([]byte, size)
	sha := sha3.NewSHAKE128()
	sha.Write(seed)
	sha.Read(data)
	return data
}

// rootInWords is the construction without regard to speed or memory.
func rootInWords(data []byte) Sum {
	var units []byte
	for unit := range slices.Chunk(data, UnitSize) {
		var parts []byte
		for part := range slices.Chunk(unit, partSize) {
			parts = appendSum(parts, part, 0x00)
		}
		units = appendSum(units, parts, 0x01)
	}
	size := binary.BigEndian.AppendUint64(nil, uint64(len(data)))
	return Sum(appendSum(nil, append(units, size...), 0x02))
}

func appendSum(sums, data []byte, kind byte) []byte {
	sum := sha3.Sum256(append(bytes.Clone(data), kind))
	return append(sums, sum[:]...)
}
