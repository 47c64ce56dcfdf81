//go:build !linux

package filexfer

import "os"

// currentEra is not known here: what is there is always verified by reading.
func currentEra(*os.File) (era [32]byte) { return era }
