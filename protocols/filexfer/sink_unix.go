//go:build unix

package filexfer

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// syncFolder flushes the names of a folder. File systems that have nothing to
// flush there say EINVAL or ENOTSUP.
func syncFolder(root *os.Root) error {
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

// markAlive locks a temporary file for as long as it is open, so that
// SweepParts of whatever process leaves it alone. Where locks do not work the
// file is not swept either.
func markAlive(temp *os.File) { _ = unix.Flock(int(temp.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// isAlive tells whether some process still writes the file.
func isAlive(root *os.Root, name string) bool {
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return true
	}
	defer file.Close()
	return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}
