package protocol

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// listenConfig opens sockets that have the options of keepAlive themselves:
// connections inherit them.
func listenConfig() *net.ListenConfig {
	return &net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		set := func(fd uintptr) {
			seconds := func(d time.Duration) int { return int(d / time.Second) }
			err = errors.Join(
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1),
				syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, seconds(keepAlive.Idle)),
				syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, seconds(keepAlive.Interval)),
				syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, keepAlive.Count),
			)
		}
		return errors.Join(raw.Control(set), err)
	}}
}
