package realstore

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports that servers get: below those that systems give to outgoing
// connections and to ":0" listeners, so that nobody takes a server's port
// while it is down, and above the one that the demo's proxy has.
const (
	firstPort = 14000
	lastPort  = 31999
)

// freePort returns a port of 127.0.0.1 on which nobody listens. Who uses it
// must be ready to find it taken all the same.
func freePort() (int, error) {
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port on 127.0.0.1")
}
