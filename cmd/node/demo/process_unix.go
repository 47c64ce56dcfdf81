//go:build unix && !linux

package demo

import "syscall"

// ownGroup keeps Ctrl-C away from a child.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
