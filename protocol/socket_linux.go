//go:build !race

package protocol

import (
	"syscall"
	"unsafe"
)

// readSocket and writeSocket are read(2) and send(2) on a socket that does not
// block. They don't tell the scheduler, as syscall.Read and syscall.Write do:
// a send over loopback or to a near machine takes long enough, in the kernel,
// for the runtime to give the processor to another thread, and waking that
// costs more than the send.

func readSocket(fd uintptr, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func writeSocket(fd uintptr, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
