package protocol

import (
	"crypto/x509"
	"testing"
)

func TestSelfSigned(t *testing.T) {
	cert, err := SelfSigned("proxy.test", "10.1.2.3", "")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	for _, name := range []string{"proxy.test", "10.1.2.3", "localhost", "127.0.0.1", "::1"} {
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: "other.test", Roots: roots}); err == nil {
		t.Error("valid for another name")
	}
}
