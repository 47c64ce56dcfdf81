package folder

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// syncDir: Windows flushes the names of a folder by itself.
func syncDir(*os.Root) error { return nil }

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
