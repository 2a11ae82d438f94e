package protocol

import (
	"net"
	"syscall"
	"testing"
)

// TestKeepAlive looks at a connection's socket, whichever listener it is from.
func TestKeepAlive(t *testing.T) {
	own, err := Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := own.(Listener); !ok {
		t.Fatalf("Listen = %T, want a Listener", own)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]net.Listener{"own": own, "plain": plain} {
		t.Run(name, func(t *testing.T) {
			defer l.Close()
			nc, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, ok := l.(Listener); !ok {
				stayAlive(c)
			}
			raw, err := c.(*net.TCPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			raw.Control(func(fd uintptr) {
				for _, o := range []struct{ level, name, want int }{
					{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
					{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 30},
					{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 10},
					{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 3},
					{syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
				} {
					if got, err := syscall.GetsockoptInt(int(fd), o.level, o.name); err != nil || got != o.want {
						t.Errorf("option %d of level %d is %d, %v, want %d", o.name, o.level, got, err, o.want)
					}
				}
			})
		})
	}
}
