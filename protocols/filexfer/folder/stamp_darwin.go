package folder

import (
	"io/fs"
	"syscall"
)

// changeAndInode gives the time of change in nanoseconds since 1970, and the inode.
func changeAndInode(info fs.FileInfo) (changed int64, inode uint64) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ctimespec.Nano(), stat.Ino
	}
	return 0, 0
}
