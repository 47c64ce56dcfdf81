package membership

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// pasts gives each set of control entries one number, and keeps it once. The
// bits of these sets number control entries in order of arrival, not rows. A run
// of data entries has one past, so there are about as many sets as control
// entries, plus one for each way in which data merged their branches.
type pasts struct {
	seed  maphash.Seed
	sets  []Bitmap // by number; never changed
	tops  []int32  // by number: the entry that follows all the others, -1 if none
	known map[uint64]int32
	bytes []byte // scratch of hash
}

func newPasts() pasts {
	p := pasts{seed: maphash.MakeSeed(), known: make(map[uint64]int32)}
	p.intern(nil, -1)
	return p
}

// find gives the number of a set that has one.
func (p *pasts) find(set Bitmap) (number int32, found bool) {
	set = set.trimmed()
	number, _, found = p.probe(set)
	return number, found
}

// intern gives a copy of the set a number, or finds the one it has.
func (p *pasts) intern(set Bitmap, top int32) int32 {
	set = set.trimmed()
	number, free, found := p.probe(set)
	if found {
		return number
	}
	number = int32(len(p.sets))
	p.sets, p.tops = append(p.sets, slices.Clone(set)), append(p.tops, top)
	p.known[free] = number
	return number
}

// probe looks under the set's hash and those that follow it. It returns where
// the set may be put if it is not found.
func (p *pasts) probe(set Bitmap) (number int32, free uint64, found bool) {
	for free = p.hash(set); ; free++ {
		number, taken := p.known[free]
		if !taken {
			return 0, free, false
		}
		if slices.Equal(p.sets[number], set) {
			return number, free, true
		}
	}
}

func (p *pasts) hash(set Bitmap) uint64 {
	p.bytes = p.bytes[:0]
	for _, w := range set {
		p.bytes = binary.LittleEndian.AppendUint64(p.bytes, w)
	}
	return maphash.Bytes(p.seed, p.bytes)
}
