package filexfer

import (
	"bytes"
	"crypto/sha3"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// A sidecar is the file ".passeur-<id>.units" of a [Part]. Numbers are big endian:
//
//	16  "passeur units 1\n"
//	32  era: SHA3-256 of what names this life of the system; zeros when unknown
//	 8  size of the file
//	32  root of its tree
//	32  seal: SHA3-256 of the 88 bytes before
//	32  for each unit: its sum
//	 8  for each unit: its mark, once it is there and verified; zeros before
//
// The mark of unit i is the first 8 bytes of SHA3-256(seal ‖ i as 8 bytes). So it
// says nothing in another file's sidecar, or under another header, and no damage
// looks like one. The head is written after the rest, a mark after its unit: a
// process may die at any moment. A crash of the system, which may lose the one and
// keep the other, begins a new era; in another era no mark is believed.
//
// Anything else in it is as if there were no sidecar.
type sidecar struct {
	root  *os.Root
	file  *os.File
	name  string
	units int64
	size  int64
	era   [32]byte // of now
	seal  [32]byte
}

const (
	sidecarMagic = "passeur units 1\n"
	sealAt       = 16 + 32 + 8 + 32
	listAt       = sealAt + 32
	markSize     = 8
)

// saved is what a sidecar says.
type saved struct {
	root  sha3tree.Sum
	list  sha3tree.List
	there []bool
	// certain tells that there is right: written in this era, and not damaged.
	certain bool
}

// openSidecar makes the sidecar of t, or opens the one that is there, and locks
// it. It owns root.
func openSidecar(root *os.Root, t Target) (*sidecar, error) {
	file, err := openPart(root, t.unitsName())
	if err != nil {
		root.Close()
		return nil, err
	}
	return &sidecar{
		root:  root,
		file:  file,
		name:  t.unitsName(),
		units: sha3tree.Units(t.Size),
		size:  t.Size,
		era:   currentEra(file),
	}, nil
}

// suitPlace forgets everything when the place is not there: a new one has nothing
// of what the old one had.
func (s *sidecar) suitPlace(name string) error {
	if _, err := s.root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return s.file.Truncate(0)
	}
	return nil
}

// savedSize is how many bytes the sidecar of t says are there; is is false when
// there is none.
func savedSize(root *os.Root, t Target) (have int64, is bool) {
	file, err := openExisting(root, t.unitsName())
	if err != nil {
		return 0, false
	}
	defer file.Close()
	s := &sidecar{file: file, units: sha3tree.Units(t.Size), size: t.Size}
	said, ok := s.read()
	if !ok || t.Root != "" && t.Root != said.root.String() {
		return 0, true
	}
	for unit, there := range said.there {
		if there {
			have += unitSpan(int64(unit), t.Size).Len()
		}
	}
	return have, true
}

// head is the bytes before the list, without the seal.
func (s *sidecar) head(root sha3tree.Sum, era [32]byte) []byte {
	head := append(make([]byte, 0, listAt), sidecarMagic...)
	head = append(head, era[:]...)
	head = binary.BigEndian.AppendUint64(head, uint64(s.size))
	return append(head, root[:]...)
}

func (s *sidecar) markOf(unit int64) []byte {
	sum := sha3.Sum256(binary.BigEndian.AppendUint64(s.seal[:], uint64(unit)))
	return sum[:markSize]
}

// length of a sidecar that is whole.
func (s *sidecar) length() int64 { return listAt + s.units*(sha3tree.Size+markSize) }

// read gives what was saved; ok is false when that is nothing, or not sound.
func (s *sidecar) read() (said saved, ok bool) {
	info, err := s.file.Stat()
	if err != nil || info.Size() != s.length() {
		return said, false
	}
	all := make([]byte, s.length())
	if _, err := s.file.ReadAt(all, 0); err != nil && err != io.EOF {
		return said, false
	}
	return s.parse(all)
}

// parse reads a sidecar of the right length.
func (s *sidecar) parse(all []byte) (said saved, ok bool) {
	var era [32]byte
	copy(era[:], all[len(sidecarMagic):])
	copy(said.root[:], all[sealAt-sha3tree.Size:])
	s.seal = sha3.Sum256(all[:sealAt])
	if !bytes.Equal(all[:sealAt], s.head(said.root, era)) || !bytes.Equal(all[sealAt:listAt], s.seal[:]) {
		return said, false
	}
	marks := all[listAt+s.units*sha3tree.Size:]
	said.list = sha3tree.List{Size: s.size, Sums: bytes.Clone(all[listAt : listAt+s.units*sha3tree.Size])}
	if said.list.Check(said.root) != nil {
		return said, false
	}
	said.certain = era == s.era && era != [32]byte{}
	said.there = make([]bool, s.units)
	for i := range said.there {
		mark := marks[i*markSize:][:markSize]
		said.there[i] = bytes.Equal(mark, s.markOf(int64(i)))
		if !said.there[i] && !bytes.Equal(mark, make([]byte, markSize)) {
			said.certain = false
		}
	}
	return said, true
}

// write begins the sidecar anew. Until it is done the old one says nothing, or
// nothing certain.
func (s *sidecar) write(root sha3tree.Sum, list sha3tree.List, there []bool) error {
	head := s.head(root, s.era)
	s.seal = sha3.Sum256(head)
	rest := append(make([]byte, 0, s.length()-listAt), list.Sums...)
	for i, is := range there {
		if is {
			rest = append(rest, s.markOf(int64(i))...)
		} else {
			rest = append(rest, make([]byte, markSize)...)
		}
	}
	if err := s.file.Truncate(0); err != nil {
		return err
	}
	if _, err := s.file.WriteAt(rest, listAt); err != nil {
		return err
	}
	_, err := s.file.WriteAt(append(head, s.seal[:]...), 0)
	return err
}

// mark says that a unit is there.
func (s *sidecar) mark(unit int64) error {
	_, err := s.file.WriteAt(s.markOf(unit), listAt+s.units*sha3tree.Size+unit*markSize)
	return err
}

func (s *sidecar) isEmpty() bool {
	info, err := s.file.Stat()
	return err == nil && info.Size() == 0
}

func (s *sidecar) remove() error {
	return errors.Join(removeIfThere(s.root, s.name), s.close())
}

func (s *sidecar) close() error { return errors.Join(s.file.Close(), s.root.Close()) }
