//go:build unix

package show

import (
	"os"

	"golang.org/x/sys/unix"
)

// foreground tells whether the terminal f is this process's to draw on: of a command in
// the background of a shell (&) a line that is redrawn would cover what is typed.
func foreground(f *os.File) bool {
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp() // an error: it is not the terminal of a shell
}
