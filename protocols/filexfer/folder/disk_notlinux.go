//go:build !linux

package folder

import "os"

// flush makes all that is in a folder durable.
func flush(dir *os.Root) error { return flushAll(dir) }

// moveDir gives a folder another name, which must be free.
func moveDir(from *os.Root, name string, to *os.Root, as string) error {
	return moveAnywhere(from, name, to, as)
}

// allocate: nothing is claimed here; freeSpace has been asked.
func allocate(*os.File, int64) error { return nil }
