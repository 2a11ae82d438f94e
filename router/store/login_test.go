package store

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

func TestLogin(t *testing.T) {
	srv := startServer(t)
	s := New(config(t, srv.Addr()))
	c := get(t, s, nil)
	accounts := []string{
		"CREATE USER nobody IDENTIFIED BY ''",
		"CREATE USER locked IDENTIFIED BY 'x' ACCOUNT LOCK",
	}
	locked := uint16(errAccountLocked)
	if installation.MariaDB() {
		accounts = append(accounts, "INSTALL SONAME 'auth_ed25519'",
			"CREATE USER ed IDENTIFIED VIA ed25519 USING PASSWORD('signed')")
		locked = 4151
	}
	for _, sql := range accounts {
		exec(t, c, sql)
	}
	if v := s.Version(); strings.Contains(v, "MariaDB") != installation.MariaDB() || strings.HasPrefix(v, "5.5.5-") {
		t.Errorf("Version = %q", v)
	}
	c.Release()

	unix := config(t, srv.Socket())
	unix.Network = "unix"
	type login struct {
		name string
		s    *Store
		l    Login
		code uint16
	}
	logins := []login{
		{"the server's plugin", s, app, 0},
		{"the server's plugin, unix socket", New(unix), app, 0},
		{"classic EOF", s, Login{User: app.User, Password: app.Password}, 0},
		{"empty password", s, Login{User: "nobody"}, 0},
		{"wrong password", s, Login{User: app.User, Password: "x"}, protocol.ErrAccessDenied},
		{"unknown user", s, Login{User: "unknown", Password: "x"}, protocol.ErrAccessDenied},
		{"locked", s, Login{User: "locked", Password: "x"}, locked},
	}
	if installation.MariaDB() {
		logins = append(logins,
			login{"ed25519", s, Login{User: "ed", Password: "signed"}, 0},
			login{"ed25519, wrong password", s, Login{User: "ed", Password: "x"}, protocol.ErrAccessDenied})
	}
	for _, tt := range logins {
		c, err := tt.s.Get(context.Background(), tt.l, nil, false)
		if tt.code == 0 {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			if got := ask(t, c, "SELECT USER()"); !strings.HasPrefix(got, tt.l.User+"@") {
				t.Errorf("%s: USER() = %s", tt.name, got)
			}
			if c.DeprecateEOF() != tt.l.Capabilities.Has(protocol.ClientDeprecateEOF) {
				t.Errorf("%s: DeprecateEOF = %v", tt.name, c.DeprecateEOF())
			}
			if got := ask(t, c, "SELECT connection_id()"); got != itoa(c.ThreadID()) {
				t.Errorf("%s: ThreadID = %d, connection_id() = %s", tt.name, c.ThreadID(), got)
			}
			c.Release()
			continue
		}
		var e *protocol.Error
		if !errors.As(err, &e) || e.Code != tt.code {
			t.Errorf("%s: %v, want error %d", tt.name, err, tt.code)
		}
		if st := tt.s.State(); st != Up {
			t.Errorf("%s: the store is %v", tt.name, st)
		}
	}
}

func TestFoundRows(t *testing.T) {
	s := New(config(t, startServer(t).Addr()))
	c := get(t, s, nil)
	exec(t, c, "CREATE DATABASE d")
	exec(t, c, "CREATE TABLE d.t (a INT)")
	exec(t, c, "INSERT INTO d.t VALUES (1)")
	found := app
	found.Capabilities |= protocol.ClientFoundRows
	for l, want := range map[Login]uint64{app: 0, found: 1} {
		c := getAs(t, s, l, nil)
		a, err := c.Exec(context.Background(), "UPDATE d.t SET a=1")
		if err != nil || a.AffectedRows != want {
			t.Errorf("%#x: %d rows, %v, want %d", l.Capabilities, a.AffectedRows, err, want)
		}
		c.Release()
	}
}

// A login must leave the charset that the client asked for, whatever the store
// knows of it.
func TestCollations(t *testing.T) {
	s := New(config(t, startServer(t).Addr()))
	wants := map[uint8]string{
		0:   "utf8mb4 utf8mb4_general_ci",
		8:   "latin1 latin1_swedish_ci",
		45:  "utf8mb4 utf8mb4_general_ci",
		63:  "binary binary",
		224: "utf8mb4 utf8mb4_unicode_ci",
		255: "utf8mb4 utf8mb4_general_ci",
		76:  "utf8mb3 utf8mb3_general_ci",
		248: "gbk gbk_chinese_ci",
	}
	if !installation.MariaDB() {
		wants[255] = "utf8mb4 utf8mb4_0900_ai_ci"
		wants[76] = "utf8mb3 utf8mb3_tolower_ci"
		wants[248] = "gb18030 gb18030_chinese_ci"
	}
	for id, want := range wants {
		l := app
		l.Collation = id
		c := getAs(t, s, l, nil)
		if got := ask(t, c, "SELECT @@character_set_client, @@collation_connection"); got != want {
			t.Errorf("collation %d: %s, want %s", id, got, want)
		}
		c.Release()
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // the server runs as another user
		t.Fatal(err)
	}
	pki := newPKI(t, dir)
	srv := startServer(t, "--ssl-ca="+pki.path("ca.pem"), "--ssl-cert="+pki.path("server.pem"), "--ssl-key="+pki.path("server.key"))
	plain := New(config(t, srv.Addr()))
	c := get(t, plain, nil)
	exec(t, c, "CREATE USER x509 IDENTIFIED BY 'cert' REQUIRE X509")
	c.Release()
	with := Login{User: "x509", Password: "cert"}
	for _, tt := range []struct {
		name string
		tls  *tls.Config
		l    Login
		err  string // part of it; "" for none
	}{
		{"CA and name", &tls.Config{RootCAs: pki.pool}, app, ""},
		{"named", &tls.Config{RootCAs: pki.pool, ServerName: "store.example"}, app, ""},
		{"another name", &tls.Config{RootCAs: pki.pool, ServerName: "other.example"}, app, "not other.example"},
		{"unknown CA", &tls.Config{RootCAs: x509.NewCertPool()}, app, "unknown authority"},
		{"client certificate", &tls.Config{RootCAs: pki.pool, Certificates: []tls.Certificate{pki.client}}, with, ""},
		{"no client certificate", &tls.Config{RootCAs: pki.pool}, with, "1045"},
	} {
		cfg := config(t, srv.Addr())
		cfg.TLS = tt.tls
		s := New(cfg)
		c, err := s.Get(context.Background(), tt.l, nil, false)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %s", tt.name, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := ask(t, c, "SHOW STATUS LIKE 'Ssl_version'"); !strings.Contains(got, "TLSv1") {
			t.Errorf("%s: %s", tt.name, got)
		}
		c.Taint()
		c.Release()
		if c = getAs(t, s, tt.l, nil); ask(t, c, "SELECT 1") != "1" {
			t.Errorf("%s: no answer after the reset", tt.name)
		}
		c.Release()
	}

	noTLS := "--skip-ssl"
	if !installation.MariaDB() {
		noTLS = "--tls-version="
	}
	cfg := config(t, startServer(t, noTLS).Addr())
	cfg.TLS = &tls.Config{RootCAs: pki.pool}
	_, err := New(cfg).Get(context.Background(), app, nil, false)
	if err == nil || !strings.Contains(err.Error(), "does not offer TLS") {
		t.Errorf("a store without TLS: %v", err)
	}
}

// pki is a CA with a server's and a client's certificate.
type pki struct {
	dir    string
	pool   *x509.CertPool
	client tls.Certificate
}

func (p *pki) path(name string) string { return filepath.Join(p.dir, name) }

func newPKI(t testing.TB, dir string) *pki {
	p := &pki{dir: dir, pool: x509.NewCertPool()}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caKey := p.write(t, "ca", ca, ca, nil)
	p.pool.AddCert(p.read(t, "ca"))
	p.write(t, "server", &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "store"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, DNSNames: []string{"store.example"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
	}, ca, caKey)
	p.write(t, "client", &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "dsmproxy"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, ca, caKey)
	var err error
	if p.client, err = tls.LoadX509KeyPair(p.path("client.pem"), p.path("client.key")); err != nil {
		t.Fatal(err)
	}
	return p
}

// write makes a key and a certificate of it; parent's key is nil for its own.
func (p *pki) write(t testing.TB, name string, cert, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, b := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der},
		name + ".key": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(p.path(file), pem.EncodeToMemory(b), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return key
}

func (p *pki) read(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	b, err := os.ReadFile(p.path(name + ".pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
