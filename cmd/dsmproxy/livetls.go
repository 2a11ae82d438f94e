package main

import (
	"crypto/tls"
	"sync/atomic"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/protocol"
)

// liveTLS is TLS towards clients, whose certificates can be replaced: clients
// that are there keep theirs, the next ones get the new one.
type liveTLS struct {
	own *tls.Certificate // self-signed; nil until one is needed
	now atomic.Pointer[tls.Config]
}

// begin returns the configuration for the listener; nil if it offers no TLS.
func (l *liveTLS) begin(cfg *conf.Config) (*tls.Config, error) {
	c, err := l.load(cfg)
	if c == nil || err != nil {
		return nil, err
	}
	l.now.Store(c)
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return l.now.Load(), nil },
	}, nil
}

// load reads the certificates, with a self-signed one made now where none is
// configured, as MySQL does. The result is not in force yet.
func (l *liveTLS) load(cfg *conf.Config) (*tls.Config, error) {
	c, err := cfg.TLS.Config()
	if c == nil || err != nil {
		return nil, err
	}
	// An answer goes out in as few segments and system calls as can be.
	c.DynamicRecordSizingDisabled = true
	if len(c.Certificates) > 0 {
		return c, nil
	}
	if l.own == nil {
		if l.own, err = protocol.SelfSigned(); err != nil {
			return nil, err
		}
	}
	c.Certificates = []tls.Certificate{*l.own}
	return c, nil
}
