package main

import (
	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/protocol"
)

// faceClients fills in what the configuration says of clients.
func faceClients(s *protocol.Server, cfg *conf.Config) error {
	s.MaxClients, s.MaxPendingLogins = cfg.Limits.MaxClients, cfg.Limits.MaxPendingLogins
	s.MaxPacket = int(cfg.Limits.MaxAllowedPacket)
	s.HandshakeTimeout, s.IdleTimeout = cfg.Limits.HandshakeTimeout, cfg.Limits.IdleTimeout
	s.RequireTLS = cfg.TLS.Require
	for _, name := range cfg.Compression {
		switch name {
		case "zlib":
			s.Compression |= protocol.ClientCompress
		case "zstd":
			s.Compression |= protocol.ClientZstdCompression
		}
	}
	var err error
	if s.ProxyNetworks, s.ProxyUnix, err = conf.ProxyNetworks(cfg.ProxyProtocol); err != nil {
		return err
	}
	s.TLS, err = clientTLS(cfg)
	return err
}
