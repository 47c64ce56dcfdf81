package folder

import (
	"iter"
	"sort"
	"sync"
	"time"

	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// Kind tells what an [Entry] is: the byte that it begins with in the manifest.
type Kind byte

// The kinds of entries.
const (
	Dir        Kind = 'd'
	File       Kind = 'f'
	Executable Kind = 'x' // a file that its owner may execute
	Link       Kind = 'l'

	endOfDir = '.'
)

// IsFile tells whether entries of this kind have bytes.
func (k Kind) IsFile() bool { return k == File || k == Executable }

// Entry is one thing in a folder, as it is shown.
type Entry struct {
	// Path is what the sender calls it, from the folder's root, with "/" between
	// the elements. Any bytes: never open or print it.
	Path string
	// Saved is the path under which a [Place] creates it: every element is made
	// safe as [filexfer.SafeName] does, and numbered where two in a folder would be
	// one for a file system that does not tell upper from lower case.
	Saved string
	// Kind tells which of the fields below mean something.
	Kind Kind
	// Modified is when a file or folder was last changed.
	Modified time.Time
	// Size is the number of bytes of a file, and Sum the root of its tree.
	Size int64
	Sum  sha3tree.Sum
	// Target is what a link points to, by the sender's names.
	Target string
}

// Manifest is what a folder contains. It does not change once it is parsed.
type Manifest struct {
	entries []entry
	text    string // what it was parsed from; names are pieces of it
	length  int64  // bytes of its encoding
	size    int64  // of the virtual file

	saving sync.Once
	saved  []string // the safe name of every entry
}

// entry is an [Entry] that takes little memory. A folder stands before what it
// contains.
type entry struct {
	name, target string
	parent       int32 // the index of its folder, top at the root
	kind         Kind
	modified     int64 // nanoseconds since 1970
	size         int64
	start        int64 // of its bytes, or of what follows, in the virtual file
	sum          sha3tree.Sum
}

const top = -1

// Len is the number of entries.
func (m *Manifest) Len() int { return len(m.entries) }

// Length is how many bytes the manifest has: so many are before the first file's.
func (m *Manifest) Length() int64 { return m.length }

// Size is how many bytes the virtual file has.
func (m *Manifest) Size() int64 { return m.size }

// All gives the entries in their order.
func (m *Manifest) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for i := range m.entries {
			if !yield(m.entry(int32(i))) {
				return
			}
		}
	}
}

func (m *Manifest) entry(i int32) Entry {
	e := &m.entries[i]
	return Entry{
		Path: m.path(i, m.name), Saved: m.path(i, m.savedName), Kind: e.kind,
		Modified: time.Unix(0, e.modified), Size: e.size, Sum: e.sum, Target: e.target,
	}
}

func (m *Manifest) name(i int32) string { return m.entries[i].name }

// path joins the names of the folders around entry i and its own.
func (m *Manifest) path(i int32, name func(int32) string) string {
	path := name(i)
	for i = m.entries[i].parent; i != top; i = m.entries[i].parent {
		path = name(i) + "/" + path
	}
	return path
}

// seal notes where the bytes of each file begin, and how many there are in all.
func (m *Manifest) seal(length int64) {
	m.length, m.size = length, length
	for i := range m.entries {
		m.entries[i].start = m.size
		m.size += m.entries[i].size
	}
}

// from gives the first entry that has a byte at offset off, or after it.
func (m *Manifest) from(off int64) int32 {
	return int32(sort.Search(len(m.entries), func(i int) bool { return m.entries[i].end() > off }))
}

func (e *entry) end() int64 { return e.start + e.size }

// pieces calls do for each file that has some of the bytes b, which lie at off in the
// virtual file, behind the manifest: with those, and where they lie in the file.
func (m *Manifest) pieces(b []byte, off int64, do func(i int32, b []byte, off int64) error) error {
	for i := m.from(off); len(b) > 0; i++ {
		e := &m.entries[i]
		n := min(e.end()-off, int64(len(b)))
		if n == 0 {
			continue
		}
		if err := do(i, b[:n], off-e.start); err != nil {
			return err
		}
		b, off = b[n:], off+n
	}
	return nil
}
