package filexfer

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// SyncFolder flushes the names of a folder to the disk; Windows does by itself.
func SyncFolder(*os.Root) error { return nil }

// alive is the byte that a running transfer locks in its temporary file: locks
// are mandatory here, so it lies where no file reaches.
func alive() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 0x7fffffff} }

// openExisting opens a temporary file that is there.
func openExisting(root *os.Root, name string) (*os.File, error) {
	return root.OpenFile(name, os.O_RDWR, 0)
}

// hasOtherName tells whether a file has more than one name.
func hasOtherName(file *os.File) bool {
	var info windows.ByHandleFileInformation
	err := windows.GetFileInformationByHandle(windows.Handle(file.Fd()), &info)
	return err == nil && info.NumberOfLinks > 1
}

// isLocked tells a lock that another has from one that does not work here.
func isLocked(err error) bool { return errors.Is(err, windows.ERROR_LOCK_VIOLATION) }

// tryLock locks a temporary file for as long as it is open, against every other
// opening of it, in this process and others.
func tryLock(file *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, alive())
}

// freeSpace is the number of bytes that the user may still write there.
func freeSpace(file *os.File) (uint64, error) {
	path, err := windows.UTF16PtrFromString(filepath.Dir(file.Name()))
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(path, &free, nil, nil)
	return free, err
}
