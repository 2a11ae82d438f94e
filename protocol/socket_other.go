//go:build !linux || race

package protocol

import "syscall"

// The race detector takes these calls for what they are: one side of a
// connection waits for the other.

func readSocket(fd uintptr, b []byte) (int, error)  { return syscall.Read(int(fd), b) }
func writeSocket(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }
