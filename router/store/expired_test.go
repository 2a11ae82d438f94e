package store

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"
)

// TestCertificateExpiresMeanwhile: a store whose certificate expires is down as
// soon as a connection is needed, though those from before go on, the probe's
// among them; else statements would fail at a store that is said to be up.
func TestCertificateExpiresMeanwhile(t *testing.T) {
	p := newPKI(t, t.TempDir())
	srv := startServer(t, "--ssl-ca="+p.path("ca.pem"), "--ssl-cert="+p.path("server.pem"), "--ssl-key="+p.path("server.key"))
	var expired atomic.Bool
	l := &logged{}
	cfg := config(t, srv.Addr())
	cfg.Log = slog.New(slog.NewTextHandler(l, nil))
	cfg.TLS = &tls.Config{RootCAs: p.pool, Time: func() time.Time {
		if expired.Load() {
			return time.Now().AddDate(100, 0, 0)
		}
		return time.Now()
	}}
	s := New(cfg)
	run(t, s)
	eventually(t, "the store is up", func() bool { return s.State() == Up })
	before := get(t, s, nil)
	defer before.Discard()
	expired.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if c, err := s.Get(ctx, app, nil, false); err == nil {
		c.Discard()
		t.Fatal("a connection is made by a certificate that has expired")
	}
	eventually(t, "the store is down", func() bool { return s.State() == Down })
	eventually(t, "it is told", func() bool {
		return l.count("level=ERROR msg=\"store down\"") == 1 && l.count("renew the certificate") == 1
	})
	expired.Store(false)
	eventually(t, "the store is up again", func() bool { return s.State() == Up })
}
