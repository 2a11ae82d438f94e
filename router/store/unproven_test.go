package store

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"
)

// TestCertificateInTheLog: that a store's certificate is not accepted is logged
// once, also of a store that was down for another reason.
func TestCertificateInTheLog(t *testing.T) {
	l := &logged{}
	s := New(Config{Name: "s1", Log: slog.New(slog.NewTextHandler(l, nil))})
	s.down(errors.New("connection refused"), time.Now())
	expired := fmt.Errorf("TLS: %w", x509.CertificateInvalidError{Reason: x509.Expired})
	s.down(expired, time.Now())
	s.down(expired, time.Now())
	if all, these := l.count("store down"), l.count("renew the certificate"); all != 2 || these != 1 {
		t.Errorf("%d lines, %d of the certificate:\n%s", all, these, l.b.String())
	}
}
