package sha3tree

// rate is how many bytes SHA3-256 absorbs between two permutations.
const rate = 136

// lastBlocks writes what follows the whole blocks of a message: rest, shorter than
// a block, tail, at most one byte, and the padding (FIPS 202, section 6.1 and B.2).
// It tells how many blocks that makes: a second one when nothing of the first is
// left for the padding. blocks is zero before.
func lastBlocks(blocks *[2 * rate]byte, rest, tail []byte) (n int) {
	size := copy(blocks[:], rest)
	size += copy(blocks[size:], tail)
	n = size/rate + 1
	blocks[size] = 0x06
	blocks[n*rate-1] |= 0x80
	return n
}
