package sha3tree

import "crypto/sha3"

var generic = implementation{name: "generic", sum: sumOneByOne, hashers: 8}

func sumOneByOne(sums []byte, messages [][]byte, tail ...byte) {
	h := sha3.New256()
	for i, message := range messages {
		h.Reset()
		h.Write(message)
		h.Write(tail)
		h.Sum(sums[i*Size : i*Size])
	}
}
