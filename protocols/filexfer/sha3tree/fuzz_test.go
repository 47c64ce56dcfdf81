package sha3tree

import (
	"bytes"
	"crypto/sha3"
	"testing"
)

// FuzzUnit hashes a unit of a fuzzed length and fuzzed bytes with each
// implementation, and once more in the words of the package comment with the
// standard library.
func FuzzUnit(f *testing.F) {
	for _, size := range []uint32{1, 104, 135, 136, PartSize - 1, PartSize, PartSize + 1, 2 * PartSize, 3*PartSize + 9, 4 * PartSize, 5 * PartSize, 6*PartSize - 1, 7 * PartSize, UnitSize - 1, UnitSize} {
		f.Add(size, []byte("Keccak"))
	}
	f.Fuzz(func(t *testing.T, size uint32, seed []byte) {
		data := stretch(seed, int(size%UnitSize)+1)
		want := unitInWords(data)
		for _, i := range implementations() {
			if got := i.unit(data); got != want {
				t.Errorf("%s: %d bytes: %v, want %v", i.name, len(data), got, want)
			}
		}
	})
}

// FuzzMessages hashes fuzzed messages of one length beside each other.
func FuzzMessages(f *testing.F) {
	f.Add(uint8(8), uint8(1), []byte{})
	f.Add(uint8(2), uint8(0), bytes.Repeat([]byte("ab"), rateOfSHA3256))
	f.Add(uint8(5), uint8(1), bytes.Repeat([]byte("abcde"), rateOfSHA3256-1))
	f.Add(uint8(7), uint8(1), bytes.Repeat([]byte("abcdefg"), 3*rateOfSHA3256-1))
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

func unitInWords(data []byte) Sum {
	var sums []byte
	for start := 0; start < len(data); start += PartSize {
		part := bytes.Clone(data[start:min(start+PartSize, len(data))])
		sum := sha3.Sum256(append(part, 0x00))
		sums = append(sums, sum[:]...)
	}
	return sha3.Sum256(append(sums, 0x01))
}
