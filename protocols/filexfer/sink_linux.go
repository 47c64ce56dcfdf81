package filexfer

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate claims the blocks for the bytes that are to follow byte from, size of
// them, and leaves the file as long as it is. File systems that cannot are
// forgiven.
func allocate(file *os.File, from, size int64) error {
	return fallocate(file, unix.FALLOC_FL_KEEP_SIZE, from, size)
}

// punch gives back the blocks of these bytes, which read as zeros then.
func punch(file *os.File, from, size int64) error {
	return fallocate(file, unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_PUNCH_HOLE, from, size)
}

func fallocate(file *os.File, mode uint32, from, size int64) error {
	if size == 0 {
		return nil
	}
	var err error = unix.EINTR
	for errors.Is(err, unix.EINTR) { // tmpfs gives up for any signal
		err = unix.Fallocate(int(file.Fd()), mode, from, size)
	}
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// renameNew gives the file another name that must be free.
func renameNew(root *os.Root, from, to string) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	fd := int(dir.Fd())
	err = unix.Renameat2(fd, from, fd, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return renameAnywhere(root, from, to)
	}
	return err
}
