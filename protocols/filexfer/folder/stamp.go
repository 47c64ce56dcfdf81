package folder

import (
	"crypto/sha3"
	"encoding/binary"
	"io/fs"
)

// Stamp is what all entries of a folder are like together. While it is the same,
// nothing was changed; finding it reads no file. Its fields are those that a single
// file has, so that it can be kept in their place.
type Stamp struct {
	// Size is that of the virtual file.
	Size int64
	// Modified and Changed are the latest of all files and folders, in nanoseconds
	// since 1970; Changed is 0 where the system does not tell it.
	Modified, Changed int64
	// Inode stands for all names, kinds, sizes, times and inodes: the beginning of
	// their SHA3-256.
	Inode uint64
}

// StampOf is the stamp of a single file, whose fields mean just what their names say.
func StampOf(info fs.FileInfo) Stamp {
	changed, inode := changeAndInode(info)
	return Stamp{Size: info.Size(), Modified: info.ModTime().UnixNano(), Changed: changed, Inode: inode}
}

// stamping adds up what makes a stamp.
type stamping struct {
	Stamp
	sum *sha3.SHA3
}

func newStamping() *stamping { return &stamping{sum: sha3.New256()} }

func (s *stamping) add(name string, kind Kind, info fs.FileInfo) {
	one := StampOf(info)
	b := appendString([]byte{byte(kind)}, name)
	for _, n := range []uint64{uint64(one.Size), uint64(one.Modified), uint64(one.Changed), one.Inode} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	s.sum.Write(b)
	s.Modified, s.Changed = max(s.Modified, one.Modified), max(s.Changed, one.Changed)
}

func (s *stamping) end(size int64) Stamp {
	s.Size = size
	s.Inode = binary.BigEndian.Uint64(s.sum.Sum(nil))
	return s.Stamp
}
