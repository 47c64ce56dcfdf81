//go:build linux || darwin

package folder

import (
	"os"

	"golang.org/x/sys/unix"
)

// freeSpace is the number of bytes that the user may still write there.
func freeSpace(file *os.File) (uint64, error) {
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &stat); err != nil {
		return 0, err
	}
	return stat.Bavail * uint64(stat.Bsize), nil
}
