package protocol

import (
	"context"
	"net"
	"time"
)

// keepAlive finds clients whose machine has gone without a word within a
// minute.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// Listener accepts clients whose connections are kept alive as Serve wants it
// from the beginning. Serve takes any other listener too, at eight system calls
// more for each client, which count where clients connect for each request.
type Listener struct{ *net.TCPListener }

// Listen opens a Listener, or that of a unix socket.
func Listen(network, addr string) (net.Listener, error) {
	if network == "unix" {
		return net.Listen(network, addr)
	}
	l, err := listenConfig().Listen(context.Background(), network, addr)
	if t, ok := l.(*net.TCPListener); ok {
		return Listener{t}, nil
	}
	return l, err
}
