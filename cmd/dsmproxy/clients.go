package main

import (
	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/protocol"
)

// faceClients fills in what the configuration says of clients.
func faceClients(s *protocol.Server, cfg *conf.Config) error {
	l := limits(cfg)
	s.MaxClients, s.MaxPendingLogins = l.MaxClients, l.MaxPendingLogins
	s.MaxUserClients, s.MaxLoginFailures = l.MaxUserClients, l.MaxLoginFailures
	s.HandshakeTimeout, s.IdleTimeout, s.StatementTimeout = l.HandshakeTimeout, l.IdleTimeout, l.StatementTimeout
	s.MaxPacket = l.MaxPacket
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
	s.ProxyNetworks, s.ProxyUnix, err = conf.ProxyNetworks(cfg.ProxyProtocol)
	return err
}

// limits are the configured limits as the server wants them.
func limits(cfg *conf.Config) protocol.Limits {
	l := cfg.Limits
	return protocol.Limits{
		MaxClients: l.MaxClients, MaxPendingLogins: l.MaxPendingLogins,
		MaxUserClients: l.MaxUserClients, MaxLoginFailures: l.MaxLoginFailures,
		HandshakeTimeout: l.HandshakeTimeout, IdleTimeout: l.IdleTimeout,
		StatementTimeout: l.StatementTimeout, MaxPacket: int(l.MaxAllowedPacket),
	}
}
