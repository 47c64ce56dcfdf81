//go:build !linux

package filexfer

import "os"

// allocate: nothing is claimed here; freeSpace has been asked.
func allocate(*os.File, int64, int64) error { return nil }

// punch: so there is nothing to give back.
func punch(*os.File, int64, int64) error { return nil }

// renameNew gives the file another name that must be free.
func renameNew(root *os.Root, from, to string) error { return renameAnywhere(root, from, to) }
