//go:build unix

package folder

import "syscall"

// waitForNobody keeps the opening of a FIFO, which took a file's place, from waiting.
const waitForNobody = syscall.O_NONBLOCK
