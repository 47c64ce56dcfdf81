//go:build !linux

package sockopt

func info(int) (i Info) { return i }

func pace(int) {}

func enlarge(int) {}

// Kernel tells what long paths get here: nothing, but on Linux.
func Kernel() (bbr bool, sendBuffer int) { return false, 0 }
