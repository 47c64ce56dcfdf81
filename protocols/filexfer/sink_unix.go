//go:build unix

package filexfer

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// SyncFolder flushes the names of a folder to the disk. File systems that have nothing
// to flush there say EINVAL or ENOTSUP, which is no error.
func SyncFolder(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	err = dir.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}

// openExisting opens a temporary file that is there. It follows no link and
// waits for nobody at a FIFO.
func openExisting(root *os.Root, name string) (*os.File, error) {
	return root.OpenFile(name, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

// hasOtherName tells whether a file has more than one name.
func hasOtherName(file *os.File) bool {
	var stat unix.Stat_t
	return unix.Fstat(int(file.Fd()), &stat) == nil && stat.Nlink > 1
}

// tryLock locks a temporary file for as long as it is open, against every other
// opening of it, in this process and others.
func tryLock(file *os.File) error { return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// isLocked tells a lock that another has from one that does not work here.
func isLocked(err error) bool { return errors.Is(err, unix.EWOULDBLOCK) }
