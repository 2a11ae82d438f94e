package main

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// TestWarnExpiry: a certificate is told of once a day in its last two weeks, and
// at once when it has expired.
func TestWarnExpiry(t *testing.T) {
	now := time.Now()
	c := admin.Certificate{Name: "tls.cert", Expires: now.Add(20 * 24 * time.Hour)}
	told := make(map[admin.Certificate]time.Time)
	for _, step := range []struct {
		at   time.Duration
		want string
	}{
		{0, ""},
		{7 * 24 * time.Hour, `level=WARN msg="certificate expires soon" certificate=tls.cert`},
		{7*24*time.Hour + time.Minute, ""},
		{8 * 24 * time.Hour, "expires soon"},
		{20*24*time.Hour - time.Minute, "in=1m0s"},
		{20*24*time.Hour + time.Minute, `level=ERROR msg="certificate has expired"`},
		{20*24*time.Hour + 2*time.Minute, ""},
		{21*24*time.Hour + 2*time.Minute, "has expired"},
	} {
		var out strings.Builder
		warnExpiry(newLogging(conf.Log{Level: "info"}, &out).Logger, []admin.Certificate{c}, told, now.Add(step.at))
		if got := out.String(); step.want == "" && got != "" || !strings.Contains(got, step.want) {
			t.Errorf("after %v the log has %q, want %q", step.at, got, step.want)
		}
	}
}

// TestShownCertificates names those that files give, and not one that the proxy
// has signed itself.
func TestShownCertificates(t *testing.T) {
	pair, err := protocol.SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	with := &tls.Config{Certificates: []tls.Certificate{*pair}}
	cfg := &conf.Config{Stores: []conf.Store{{Name: "s1"}}, Witnesses: []conf.Witness{{Name: "w"}}}
	names := func() string {
		var p proxy
		p.shown.note(cfg, with, with, map[int]store.Access{0: {TLS: with}, 1: {TLS: with}})
		var list []string
		for _, c := range *p.shown.Load() {
			if !c.Expires.Equal(pair.Leaf.NotAfter) {
				t.Errorf("%s expires at %v, want %v", c.Name, c.Expires, pair.Leaf.NotAfter)
			}
			list = append(list, c.Name)
		}
		return strings.Join(list, " ")
	}
	if got := names(); !strings.HasPrefix(got, "admin.cert ") || !strings.Contains(got, "store.s1.tls.cert") || !strings.Contains(got, "witness.w.tls.cert") {
		t.Errorf("without tls.cert there are %q", got)
	}
	cfg.TLS.Cert = "front.pem"
	if got := names(); !strings.HasPrefix(got, "tls.cert admin.cert ") {
		t.Errorf("with tls.cert there are %q", got)
	}
}
