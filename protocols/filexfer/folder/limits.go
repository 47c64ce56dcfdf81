package folder

import "math"

const (
	maxName = 255  // bytes of one element of a path
	maxPath = 4096 // bytes of a path, and of a link's target
)

// Limits bound what is sent and what is accepted. A field of 0 means its default.
type Limits struct {
	// Entries is how many files, folders and links there may be: 1,000,000.
	Entries int
	// Manifest is how long the manifest may be in bytes: 64 MiB. It is kept in
	// memory, with some 130 bytes an entry; reading it takes twice as much.
	Manifest int64
	// Depth is how many elements a path may have: 128.
	Depth int
	// Size is how many bytes the virtual file may have: 2^62.
	Size int64
}

func (l Limits) orDefaults() Limits {
	if l.Entries == 0 {
		l.Entries = 1_000_000
	}
	if l.Manifest == 0 {
		l.Manifest = 64 << 20
	}
	if l.Depth == 0 {
		l.Depth = 128
	}
	if l.Size == 0 {
		l.Size = math.MaxInt64 >> 1
	}
	return l
}
