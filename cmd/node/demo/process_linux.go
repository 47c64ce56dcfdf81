package demo

import "syscall"

// ownGroup keeps Ctrl-C away from a child and ends it if this process is killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
