package conf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
)

// clientTLS checks [tls] and makes its paths final.
func (r *reader) clientTLS(t *ClientTLS) {
	t.Cert, t.Key, t.CA = r.path(t.Cert), r.path(t.Key), r.path(t.CA)
	if t.Off {
		if t.Require {
			r.report("tls.off", "contradicts require = true")
		}
		for key, value := range map[string]string{"cert": t.Cert, "key": t.Key, "ca": t.CA} {
			if value != "" {
				r.report("tls."+key, "would be ignored: off = true")
			}
		}
		return
	}
	r.keyPair("tls", t.Cert, t.Key)
	r.certPool("tls.ca", t.CA)
}

// Config is the TLS configuration of the listener; nil if it offers none. It
// holds no certificate where none is configured: who starts the listener makes
// one.
func (t ClientTLS) Config() (*tls.Config, error) {
	if t.Off {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if c.Certificates, c.ClientCAs, err = loadFiles(t.Cert, t.Key, t.CA); err != nil {
		return nil, err
	}
	if c.ClientCAs != nil {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// storeTLS checks a store's tls table and makes its paths final.
func (r *reader) storeTLS(path string, t *StoreTLS) {
	t.CA, t.Cert, t.Key = r.path(t.CA), r.path(t.Cert), r.path(t.Key)
	r.oneOf(path+".mode", t.Mode, []string{"off", "require", "verify-ca", "verify-identity"})
	if t.Mode == "off" {
		for key, value := range map[string]string{"ca": t.CA, "server_name": t.ServerName, "cert": t.Cert, "key": t.Key} {
			if value != "" {
				r.report(path+"."+key, `would be ignored: mode is "off"`)
			}
		}
		return
	}
	if t.Mode == "require" && t.CA != "" {
		r.report(path+".ca", `would be ignored: mode = "require" checks no certificate; "verify-ca" does`)
	}
	r.keyPair(path, t.Cert, t.Key)
	r.certPool(path+".ca", t.CA)
}

// Config is the TLS configuration for a store at addr, host:port; nil if the
// mode is off.
func (t StoreTLS) Config(addr string) (*tls.Config, error) {
	if t.Mode == "off" || t.Mode == "" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if host, _, err := net.SplitHostPort(addr); c.ServerName == "" && err == nil {
		c.ServerName = host
	}
	var err error
	if c.Certificates, c.RootCAs, err = loadFiles(t.Cert, t.Key, t.CA); err != nil {
		return nil, err
	}
	switch t.Mode {
	case "require":
		c.InsecureSkipVerify = true
	case "verify-ca":
		c.InsecureSkipVerify = true
		c.VerifyConnection = verifyChain(c.RootCAs)
	}
	return c, nil
}

// verifyChain checks that a server's certificate comes from one of roots (the
// system's if nil), whatever name is in it.
func verifyChain(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errors.New("the store sent no certificate")
		}
		o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range s.PeerCertificates[1:] {
			o.Intermediates.AddCert(c)
		}
		_, err := s.PeerCertificates[0].Verify(o)
		return err
	}
}

// keyPair reports a certificate without a key, and one that can't be used.
func (r *reader) keyPair(path, cert, key string) {
	switch {
	case cert == "" && key == "":
	case key == "":
		r.report(path+".key", "must be given with cert")
	case cert == "":
		r.report(path+".cert", "must be given with key")
	default:
		if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
			r.report(path+".cert", "%s with %s: %v", cert, key, err)
		}
	}
}

func (r *reader) certPool(path, file string) {
	if file == "" {
		return
	}
	if _, err := loadPool(file); err != nil {
		r.report(path, "%v", err)
	}
}

// loadFiles loads what both sides of TLS are configured with: a certificate of
// one's own and an authority for the peer's, each only if it is given.
func loadFiles(cert, key, ca string) (own []tls.Certificate, authority *x509.CertPool, err error) {
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, nil, err
		}
		own = []tls.Certificate{pair}
	}
	if ca != "" {
		authority, err = loadPool(ca)
	}
	return own, authority, err
}

func loadPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return pool, nil
}
