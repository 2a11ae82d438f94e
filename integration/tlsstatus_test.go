package integration

import (
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

// TestTLSStatus: SHOW STATUS tells a client of its own connection, in the words
// of a server that it asks directly.
func TestTLSStatus(t *testing.T) {
	pki := newPKI(t)
	c := startCluster(t, options{
		stores: 2, copies: 2,
		storeArgs: []string{"--ssl-cert=" + pki.cert, "--ssl-key=" + pki.key},
		sections:  fmt.Sprintf("\n[tls]\ncert = %q\nkey = %q\n", pki.cert, pki.key),
	})
	for name, config := range map[string]*tls.Config{
		"no TLS":             nil,
		"TLS 1.3":            {MinVersion: tls.VersionTLS13},
		"AES-128-GCM":        only(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
		"AES-256-GCM":        only(tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
		"ChaCha20, Poly1305": only(tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
	} {
		if config != nil {
			config.InsecureSkipVerify = true
		}
		t.Run(name, func(t *testing.T) {
			proxied := c.client(t, withTLS(config))
			direct := open(t, c.nodes[0].Addr(), withTLS(config))
			for _, query := range []string{
				"SHOW STATUS LIKE 'Ssl_cipher'", "show session status like 'ssl\\_version';",
				"SHOW LOCAL STATUS LIKE 'SSL%r'", "SHOW STATUS LIKE 'Threads\\_c%ache'",
			} {
				want, got := pairs(t, direct, query), pairs(t, proxied, query)
				if query == "SHOW LOCAL STATUS LIKE 'SSL%r'" { // more than is about the connection
					want, got = want[:1], got[:1]
				}
				// Of TLS 1.3's ciphers each side takes what it likes.
				if name == "TLS 1.3" && len(got) == 1 && len(got[0]) > len("[Ssl_cipher TLS_AES") && got[0][:19] == "[Ssl_cipher TLS_AES" {
					continue
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s: %v, directly %v", query, got, want)
				}
			}
		})
	}
}

// only lets a client agree on one cipher suite of TLS 1.2.
func only(suite uint16) *tls.Config {
	return &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}}
}

// pairs are the rows of a statement that answers with names and values, as
// text; prepared, too.
func pairs(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	ctx := proxytest.Within(t, 20*time.Second)
	read := func(rows *sql.Rows, err error) []string {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		defer rows.Close()
		var all []string
		for rows.Next() {
			var name, value string
			if err := rows.Scan(&name, &value); err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprint([]string{name, value}))
		}
		return all
	}
	asText := read(db.QueryContext(ctx, query))
	stmt, err := db.PrepareContext(context.Background(), query)
	if err != nil {
		t.Fatalf("prepare %s: %v", query, err)
	}
	defer stmt.Close()
	if binary := read(stmt.QueryContext(ctx)); fmt.Sprint(binary) != fmt.Sprint(asText) {
		t.Errorf("%s: %v, prepared %v", query, asText, binary)
	}
	return asText
}
