package realstore

import "syscall"

// ownGroup puts a child into a process group of its own, so that a Ctrl-C in
// the terminal reaches only its parent, and has it killed if the parent dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
