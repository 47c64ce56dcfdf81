package sha3tree

// An implementation is a way to compute several SHA3-256.
type implementation struct {
	// name is "avx512", eight parts at once, "avx2", four at once, or "generic", one
	// after the other by the standard library. The sums are the same.
	name string
	// sum writes to sums, 32 bytes each, those of the messages, each followed by
	// tail. There are at most eight messages, and they have one length.
	sum func(sums []byte, messages [][]byte, tail ...byte)
	// hashers is how many goroutines Read lets hash at most.
	hashers int
}

// chosen hashes everything: the fastest that the processor can do.
var chosen = implementations()[0]
