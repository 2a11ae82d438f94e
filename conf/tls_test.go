package conf

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestStoreTLSModes shakes hands with a server whose certificate is for
// "right.example", signed by an authority, and sees which modes accept it.
func TestStoreTLSModes(t *testing.T) {
	dir := t.TempDir()
	ca := makeCA(t, dir, "ca")
	makeCA(t, dir, "stranger")
	ca.sign(t, dir, "server", "right.example")
	file := func(name string) string { return filepath.Join(dir, name) }
	pair, err := tls.LoadX509KeyPair(file("server.pem"), file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	server := &tls.Config{Certificates: []tls.Certificate{pair}}

	for _, test := range []struct {
		name string
		tls  StoreTLS
		addr string
		err  string
	}{
		{"require checks nothing", StoreTLS{Mode: "require"}, "wrong.example:3306", ""},
		{"verify-ca ignores the name", StoreTLS{Mode: "verify-ca", CA: file("ca.pem")}, "wrong.example:3306", ""},
		{"verify-ca with another authority", StoreTLS{Mode: "verify-ca", CA: file("stranger.pem")}, "right.example:3306", "unknown authority"},
		{"verify-identity", StoreTLS{Mode: "verify-identity", CA: file("ca.pem")}, "right.example:3306", ""},
		{"verify-identity with another name", StoreTLS{Mode: "verify-identity", CA: file("ca.pem")}, "wrong.example:3306", "not wrong.example"},
		{"verify-identity with server_name", StoreTLS{Mode: "verify-identity", CA: file("ca.pem"), ServerName: "right.example"}, "10.0.0.1:3306", ""},
		{"verify-identity with another authority", StoreTLS{Mode: "verify-identity", CA: file("stranger.pem")}, "right.example:3306", "unknown authority"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := test.tls.Config(test.addr)
			if err != nil {
				t.Fatal(err)
			}
			err = shakeHands(t, server, c)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("handshake: %v, want %q", err, test.err)
			}
		})
	}

	if c, err := (StoreTLS{Mode: "off"}).Config("right.example:3306"); c != nil || err != nil {
		t.Errorf("mode off: %v, %v, want neither", c, err)
	}
}

// TestClientTLS checks that a client authority makes clients show a
// certificate, and that one signed by it passes.
func TestClientTLS(t *testing.T) {
	dir := t.TempDir()
	ca := makeCA(t, dir, "ca")
	ca.sign(t, dir, "server", "right.example")
	ca.sign(t, dir, "client", "client.example")
	c, err := Parse(filepath.Join(dir, "dsmproxy.toml"), []byte("tls = { cert = \"server.pem\", key = \"server.key\", ca = \"ca.pem\" }\n"+least))
	if err != nil {
		t.Fatal(err)
	}
	server, err := c.TLS.Config()
	if err != nil {
		t.Fatal(err)
	}
	without := StoreTLS{Mode: "require"}
	with := StoreTLS{Mode: "require", Cert: filepath.Join(dir, "client.pem"), Key: filepath.Join(dir, "client.key")}
	for _, test := range []struct {
		name string
		tls  StoreTLS
		ok   bool
	}{{"without a certificate", without, false}, {"with one", with, true}} {
		client, err := test.tls.Config("right.example:3306")
		if err != nil {
			t.Fatal(err)
		}
		if err := shakeHands(t, server, client); (err == nil) != test.ok {
			t.Errorf("a client %s: %v", test.name, err)
		}
	}
	if c, err := (ClientTLS{Off: true}).Config(); c != nil || err != nil {
		t.Errorf("off: %v, %v, want neither", c, err)
	}
}

// shakeHands returns the first error of either side.
func shakeHands(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	a, b := net.Pipe()
	deadline := time.Now().Add(time.Minute)
	a.SetDeadline(deadline)
	b.SetDeadline(deadline)
	done := make(chan error, 1)
	go func() {
		done <- tls.Server(a, server).Handshake()
		a.Close()
	}()
	c := tls.Client(b, client)
	err := c.Handshake()
	if err == nil {
		// With TLS 1.3 the server's verdict comes after the client's handshake.
		if _, readErr := c.Read(make([]byte, 1)); readErr != nil && strings.Contains(readErr.Error(), "certificate") {
			err = readErr
		}
	}
	b.Close()
	if serverErr := <-done; err == nil {
		err = serverErr
	}
	return err
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func makeCA(t *testing.T, dir, name string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := authority{key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	writeCert(t, filepath.Join(dir, name+".pem"), a.cert, a, key)
	return a
}

// sign writes name.pem and name.key, for the given host.
func (a authority) sign(t *testing.T, dir, name, host string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	writeCert(t, filepath.Join(dir, name+".pem"), cert, a, key)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+".key"), "EC PRIVATE KEY", der)
}

func writeCert(t *testing.T, path string, cert *x509.Certificate, by authority, key *ecdsa.PrivateKey) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, path, "CERTIFICATE", der)
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
