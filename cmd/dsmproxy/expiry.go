package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// A certificate that expires takes its clients away from one minute to the next:
// those that verify it. So the log, the status and a metric tell before it does,
// of the certificates that the proxy shows, as they are in force, and of those
// that stores have shown it and that it verifies. One that the proxy has signed
// itself is made anew at each start.

// expiryNotice is how long before its end the log tells of a certificate,
// expiryAgain how often it does so.
const (
	expiryNotice = admin.ExpiryNotice
	expiryAgain  = 24 * time.Hour
	expiryLook   = time.Minute
)

// shown are the certificates that the proxy shows, by the setting that names
// each, and when they expire.
type shown struct {
	atomic.Pointer[[]admin.Certificate]
}

// note takes the certificates that are in force from now on.
func (s *shown) note(cfg *conf.Config, front, operators *tls.Config, to map[int]store.Access) {
	var list []admin.Certificate
	add := func(name string, c *tls.Config) {
		if c == nil || len(c.Certificates) == 0 {
			return
		}
		if leaf, err := x509.ParseCertificate(c.Certificates[0].Certificate[0]); err == nil {
			list = append(list, admin.Certificate{Name: name, Expires: leaf.NotAfter})
		}
	}
	if cfg.TLS.Cert != "" {
		add("tls.cert", front)
	}
	add("admin.cert", operators)
	for i, access := range to {
		if i < len(cfg.Stores) {
			add("store."+cfg.Stores[i].Name+".tls.cert", access.TLS)
		} else {
			add("witness."+cfg.Witnesses[i-len(cfg.Stores)].Name+".tls.cert", access.TLS)
		}
	}
	s.Store(&list)
}

// certificateEnds are the certificates of which the proxy knows when they expire,
// by their names.
func (p *proxy) certificateEnds() []admin.Certificate {
	list := []admin.Certificate{}
	if own := p.shown.Load(); own != nil {
		list = append(list, *own...)
	}
	for _, st := range p.servers() {
		if end := st.CertificateEnd(); !end.IsZero() {
			list = append(list, admin.Certificate{Name: "store " + st.Name(), Expires: end})
		}
	}
	slices.SortFunc(list, func(a, b admin.Certificate) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// tellExpiry logs of certificates that expire soon, or have expired, once a day,
// until ctx ends.
func (p *proxy) tellExpiry(ctx context.Context) {
	told := make(map[admin.Certificate]time.Time)
	t := time.NewTicker(expiryLook)
	defer t.Stop()
	for {
		warnExpiry(p.log.Logger, p.certificateEnds(), told, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// warnExpiry logs of those in list that expire soon. told is when it has done so.
func warnExpiry(log *slog.Logger, list []admin.Certificate, told map[admin.Certificate]time.Time, now time.Time) {
	for _, c := range list {
		left := c.Expires.Sub(now)
		if left > expiryNotice || now.Sub(told[c]) < expiryAgain && (left > 0 || told[c].After(c.Expires)) {
			continue
		}
		told[c] = now
		const action = "renew it; the new one is taken over when the file changes, or the store shows it"
		if left <= 0 {
			log.Error("certificate has expired", "certificate", c.Name, "at", c.Expires, "action", action)
			continue
		}
		log.Warn("certificate expires soon", "certificate", c.Name, "at", c.Expires, "in", left.Round(time.Minute), "action", action)
	}
}

// expiryText is what the status says of a certificate that expires soon; "" of
// another one.
func expiryText(c admin.Certificate, now time.Time) string {
	switch left := c.Expires.Sub(now); {
	case left <= 0:
		return fmt.Sprintf("the certificate %s has expired: renew it", c.Name)
	case left < expiryNotice:
		return fmt.Sprintf("the certificate %s expires in %s: renew it", c.Name, left.Round(time.Minute))
	}
	return ""
}
