package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"os"

	"github.com/dsmproxy/dsmproxy/conf"
)

// Certificates are renewed by programs that nobody tells of the proxy, under the
// names that the configuration has. So the files are looked at, and taken over
// when they have changed: all of them, or none if one can't be used.

// certificateFiles are the files of TLS that cfg names: towards clients, towards
// stores and witnesses, and at the admin address.
func certificateFiles(cfg *conf.Config) []string {
	list := []string{cfg.TLS.Cert, cfg.TLS.Key, cfg.TLS.CA, cfg.Admin.Cert, cfg.Admin.Key}
	for _, s := range cfg.Stores {
		list = append(list, s.TLS.CA, s.TLS.Cert, s.TLS.Key)
	}
	for _, w := range cfg.Witnesses {
		list = append(list, w.TLS.CA, w.TLS.Cert, w.TLS.Key)
	}
	var named []string
	for _, file := range list {
		if file != "" {
			named = append(named, file)
		}
	}
	return named
}

// certificatesIn is the hash of what the files hold.
func certificatesIn(cfg *conf.Config) (sum content) {
	h := sha256.New()
	for _, file := range certificateFiles(cfg) {
		data, _ := os.ReadFile(file) // one that is not there is a change too
		fmt.Fprintf(h, "%s %d ", file, len(data))
		h.Write(data)
	}
	h.Sum(sum[:0])
	return sum
}

// watchCertificates takes the files over whenever they have changed, until ctx
// ends; when they have stayed the same for a look, for a certificate and its key
// are written one after the other. used is what the files held before they were
// read at the start.
func (p *proxy) watchCertificates(ctx context.Context, used content) {
	read := func() content { return certificatesIn(p.force.config()) }
	watch(ctx, used, read, func(now content) {
		if now != used {
			used = now
			p.renew()
		}
	})
}

// renew takes the files of TLS over.
func (p *proxy) renew() {
	p.force.reloading.Lock()
	defer p.force.reloading.Unlock()
	cfg := p.force.config()
	take, err := p.certificates(cfg)
	if err != nil {
		p.log.Error("certificates not renewed", "err", err, "action", "those in force stay; they are read again when the files change")
		return
	}
	take()
	p.log.Info("certificates renewed", "files", len(certificateFiles(cfg)))
}

// certificates loads the files of TLS; take puts them in force.
func (p *proxy) certificates(cfg *conf.Config) (take func(), err error) {
	front, err := p.tls.load(cfg)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	operators, err := cfg.Admin.TLS()
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	to, err := accesses(cfg, cfg, nil)
	if err != nil {
		return nil, err
	}
	return func() {
		if front != nil {
			p.tls.now.Store(front)
		}
		p.adminTLS.Store(operators)
		for i, access := range to {
			p.servers()[i].SetAccess(access)
		}
		p.shown.note(cfg, front, operators, to)
	}, nil
}

// liveAdminTLS is TLS at the admin address; nil if there is none.
func (p *proxy) liveAdminTLS(cfg *conf.Config) (*tls.Config, error) {
	c, err := cfg.Admin.TLS()
	if c == nil || err != nil {
		return nil, err
	}
	p.adminTLS.Store(c)
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return p.adminTLS.Load(), nil },
	}, nil
}
