package history

import (
	"slices"

	"github.com/passeur-p2p/passeur/conversation"
	"golang.org/x/crypto/sha3"
)

// digestLabel separates this hash from all others.
const digestLabel = "passeur/heads/1\x00"

// digestOf names a set of heads: SHA3-256 of a label and the ids in ascending
// order. Two devices with the same digest have the same live history.
func digestOf(ids []conversation.ID) [32]byte {
	sorted := slices.SortedFunc(slices.Values(ids), conversation.ID.Compare)
	sum := sha3.New256()
	sum.Write([]byte(digestLabel))
	for i := range sorted {
		sum.Write(sorted[i][:])
	}
	return [32]byte(sum.Sum(nil))
}
