//go:build !linux

package protocol

import "net"

// listenConfig has each connection get the options of keepAlive.
func listenConfig() *net.ListenConfig { return &net.ListenConfig{KeepAliveConfig: keepAlive} }
