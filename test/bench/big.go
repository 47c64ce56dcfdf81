package main

import (
	"context"
	"path/filepath"
)

// bigSize is more than the files that tests send, and more than 32 bits count.
const bigSize = 10 << 30

// bigField is one host with two nodes that have done nothing yet. How much memory
// they have had at most is read when a tenth has crossed and at the end.
func bigField(s *stage, o options) []contender {
	h := oneHost(s)
	two := homes(s, h, newDHT(s, h), unsyncedBy(s)...)
	file := filepath.Join(s.TempDir(), "big")
	size := o.bytes(bigSize)
	newSparse(s, file, size, 1)
	return []contender{{name: "passeur", title: "passeur", run: func(int) figures {
		early := make(chan int64, 1)
		go func() { early <- two.peakAt(s, size/10) }()
		x := two.cross(file)
		most := two.peak(s)
		same(s, file, x.received.File)
		f := pace(size, x.wall)
		f[memory] = float64(most) / (1 << 20)
		if at := <-early; at > 0 {
			f[growth] = float64(most) / float64(at)
		}
		return f
	}}}
}

// peak is the most memory that one of the two nodes has had.
func (p pair) peak(s *stage) int64 { return max(peak(s, p.from.pid()), peak(s, p.to.pid())) }

// peakAt is peak when so many bytes of the next file have come; 0 if that was not to
// be seen.
func (p pair) peakAt(s *stage, bytes int64) int64 {
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	happens, err := p.to.Events(ctx, "")
	if err != nil {
		return 0
	}
	defer happens.Close()
	for {
		e, err := happens.Next()
		if err != nil || e.Transfer != nil && e.Transfer.State.Final() {
			return 0
		}
		if e.Transfer != nil && e.Transfer.Direction == incoming && e.Transfer.Bytes >= bytes {
			return p.peak(s)
		}
	}
}
