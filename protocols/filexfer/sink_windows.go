package filexfer

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// syncFolder: Windows flushes the names of a folder by itself.
func syncFolder(*os.Root) error { return nil }

// alive is the byte that a running transfer locks in its temporary file: locks
// are mandatory here, so it lies where no file reaches.
func alive() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 0x7fffffff} }

// markAlive locks a temporary file for as long as it is open, so that
// SweepParts of whatever process leaves it alone.
func markAlive(temp *os.File) { _ = lock(temp) }

// isAlive tells whether some process still writes the file.
func isAlive(root *os.Root, name string) bool {
	file, err := root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return true
	}
	defer file.Close()
	return lock(file) != nil
}

func lock(file *os.File) error {
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
