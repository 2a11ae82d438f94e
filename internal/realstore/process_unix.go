//go:build unix && !linux

package realstore

import "syscall"

// ownGroup puts a child into a process group of its own, so that a Ctrl-C in
// the terminal reaches only its parent.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
