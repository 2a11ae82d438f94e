package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// withTLS has a client of go-sql-driver use TLS.
func withTLS(config *tls.Config) func(*mysql.Config) {
	return func(c *mysql.Config) { c.TLS = config }
}

// TestClientTLS has clients that use TLS, that don't, and a proxy that asks
// for it.
func TestClientTLS(t *testing.T) {
	pki := newPKI(t)
	t.Run("self-signed", func(t *testing.T) {
		c := startCluster(t, options{stores: 2, copies: 2})
		c.wantWorks(t, withTLS(&tls.Config{InsecureSkipVerify: true}))
		c.wantWorks(t, withTLS(nil))
		err := c.client(t, withTLS(&tls.Config{ServerName: "dsmproxy"})).Ping()
		if err == nil {
			t.Error("a client that checks the certificate accepts a self-signed one")
		}
	})
	t.Run("required", func(t *testing.T) {
		c := startCluster(t, options{stores: 2, copies: 2, sections: fmt.Sprintf(`
[tls]
cert = %q
key = %q
require = true
`, pki.cert, pki.key)})
		c.wantWorks(t, withTLS(&tls.Config{RootCAs: pki.pool, ServerName: "localhost"}))
		err := c.client(t, withTLS(nil)).Ping()
		var e *mysql.MySQLError
		if !errors.As(err, &e) || e.Number != 3159 {
			t.Errorf("without TLS: %v, want error 3159", err)
		}
	})
	t.Run("off", func(t *testing.T) {
		c := startCluster(t, options{stores: 2, copies: 2, sections: "\n[tls]\noff = true\n"})
		c.wantWorks(t, withTLS(nil))
		if err := c.client(t, withTLS(&tls.Config{InsecureSkipVerify: true})).Ping(); err == nil {
			t.Error("a client got TLS from a proxy that has it off")
		}
	})
	t.Run("client certificate", func(t *testing.T) {
		c := startCluster(t, options{stores: 2, copies: 2, sections: fmt.Sprintf(`
[tls]
cert = %q
key = %q
ca = %q
`, pki.cert, pki.key, pki.ca)})
		pair, err := tls.LoadX509KeyPair(pki.cert, pki.key)
		if err != nil {
			t.Fatal(err)
		}
		c.wantWorks(t, withTLS(&tls.Config{RootCAs: pki.pool, ServerName: "localhost", Certificates: []tls.Certificate{pair}}))
		stranger := newPKI(t)
		pair, err = tls.LoadX509KeyPair(stranger.cert, stranger.key)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.client(t, withTLS(&tls.Config{RootCAs: pki.pool, ServerName: "localhost", Certificates: []tls.Certificate{pair}})).Ping(); err == nil {
			t.Error("a client certificate of a stranger was accepted")
		}
	})
}

// TestStoreTLS has the proxy use TLS towards its stores.
func TestStoreTLS(t *testing.T) {
	pki := newPKI(t)
	storeArgs := []string{"--ssl-cert=" + pki.cert, "--ssl-key=" + pki.key, "--ssl-ca=" + pki.ca}
	for _, mode := range []string{"require", "verify-ca", "verify-identity"} {
		t.Run(mode, func(t *testing.T) {
			storeTLS := fmt.Sprintf("mode = %q\nserver_name = \"localhost\"\n", mode)
			if mode != "require" {
				storeTLS += fmt.Sprintf("ca = %q\n", pki.ca)
			}
			c := startSecureCluster(t, options{stores: 2, copies: 2, storeArgs: storeArgs, storeTLS: storeTLS}, pki)
			c.wantWorks(t)
		})
	}
	t.Run("stranger", func(t *testing.T) {
		stranger := newPKI(t)
		c := startSecureCluster(t, options{stores: 1, copies: 1, storeArgs: storeArgs,
			storeTLS: fmt.Sprintf("mode = \"verify-ca\"\nca = %q\n", stranger.ca)}, pki)
		if err := c.client(t).Ping(); err == nil {
			if _, err = c.client(t).Exec("INSERT INTO sessions (id, data) VALUES ('a', 'b')"); err == nil {
				t.Error("the proxy talks to a store whose certificate is a stranger's")
			}
		}
	})
}

// startSecureCluster starts a cluster whose stores want TLS of everybody.
func startSecureCluster(t *testing.T, o options, pki *pki) *cluster {
	t.Helper()
	o.direct = withTLS(&tls.Config{RootCAs: pki.pool, ServerName: "localhost"})
	o.storeSQL = "SET GLOBAL require_secure_transport = ON"
	c := startStores(t, o)
	c.Proxy = suite.Serve(t, c.config)
	return c
}

// wantWorks wants that a client can write, read and delete.
func (c *cluster) wantWorks(t *testing.T, change ...func(*mysql.Config)) {
	t.Helper()
	db := c.client(t, change...)
	var got string
	if _, err := db.Exec("REPLACE INTO sessions (id, data) VALUES (?, ?)", "works", "yes"); err != nil {
		t.Error(err)
	} else if err := db.QueryRow("SELECT data FROM sessions WHERE id = ?", "works").Scan(&got); err != nil || got != "yes" {
		t.Errorf("read %q, %v", got, err)
	}
}

// pki is a certificate authority and a certificate of it for localhost.
type pki struct {
	ca, cert, key string // files
	pool          *x509.CertPool
}

func newPKI(t *testing.T) *pki {
	t.Helper()
	dir := t.TempDir()
	p := &pki{ca: filepath.Join(dir, "ca.pem"), cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
			BasicConstraintsValid: true,
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := template(1, "test authority")
	ca.IsCA, ca.KeyUsage = true, x509.KeyUsageCertSign
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := template(2, "localhost")
	leaf.DNSNames, leaf.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		p.ca:   {Type: "CERTIFICATE", Bytes: caDER},
		p.cert: {Type: "CERTIFICATE", Bytes: leafDER},
		p.key:  {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.pool = x509.NewCertPool()
	parsed, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	p.pool.AddCert(parsed)
	return p
}
