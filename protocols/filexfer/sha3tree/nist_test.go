package sha3tree

import (
	"encoding/hex"
	"testing"

	"github.com/passeur-p2p/passeur/test/vectors"
)

// TestNISTVectors has every implementation compute each sum in every lane, beside
// other messages of the same length, with and without a tail.
func TestNISTVectors(t *testing.T) {
	for _, v := range vectors.Read(t, "testdata/sha3-256.txt") {
		message, err := hex.DecodeString(v["message"])
		if err != nil {
			t.Fatal(err)
		}
		want, err := Parse(v["sha3-256"])
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range implementations() {
			t.Run(v["comment"]+"/"+i.name, func(t *testing.T) {
				everyLane(t, i, message, want)
				if last := len(message) - 1; last >= 0 {
					everyLane(t, i, message[:last], want, message[last])
				}
			})
		}
	}
}

func everyLane(t *testing.T, i *implementation, message []byte, want Sum, tail ...byte) {
	t.Helper()
	for lanes := 1; lanes <= partsOfUnit; lanes++ {
		for lane := range lanes {
			messages := make([][]byte, lanes)
			for n := range messages {
				messages[n] = make([]byte, len(message))
			}
			copy(messages[lane], message)
			sums := make([]byte, lanes*Size)
			i.sum(sums, messages, tail...)
			if got := Sum(sums[lane*Size:]); got != want {
				t.Fatalf("message %d of %d: %v, want %v", lane, lanes, got, want)
			}
		}
	}
}
