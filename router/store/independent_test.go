package store

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/server"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// independent is a server that others wrote: it knows caching_sha2_password
// with its fast path, over TLS and with the RSA key exchange.
type independent struct{ server.EmptyHandler }

// HandleQuery answers what a fresh connection is asked, and OK to the rest.
func (independent) HandleQuery(query string) (*mysql.Result, error) {
	if !strings.HasPrefix(query, "SELECT @@character_set_client") {
		return mysql.NewResultReserveResultset(0), nil
	}
	rs, err := mysql.BuildSimpleTextResultset([]string{"client", "results", "collation", "id"},
		[][]any{{"utf8mb4", "utf8mb4", "utf8mb4_general_ci", 45}})
	return mysql.NewResult(rs), err
}

func startIndependent(t *testing.T, method string, tlsConfig *tls.Config) net.Addr {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	conf := server.NewServer("8.4.0", mysql.DEFAULT_COLLATION_ID, method, key, tlsConfig)
	users := server.NewInMemoryAuthenticationHandler(method)
	if err := users.AddUser("app", "secret"); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer nc.Close()
				c, err := server.NewCustomizedConn(nc, conf, users, independent{})
				for err == nil && !c.Closed() {
					err = c.HandleCommand()
				}
			})
		}
	})
	return l.Addr()
}

func TestLoginAtAnIndependentServer(t *testing.T) {
	own, err := protocol.SelfSigned("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(own.Leaf)
	withTLS := &tls.Config{Certificates: []tls.Certificate{*own}}
	for _, c := range []struct {
		name, method string
		server       *tls.Config
		client       *tls.Config
	}{
		{name: "native", method: mysql.AUTH_NATIVE_PASSWORD},
		{name: "caching_sha2 by RSA, then fast", method: mysql.AUTH_CACHING_SHA2_PASSWORD},
		{name: "caching_sha2 by TLS, then fast", method: mysql.AUTH_CACHING_SHA2_PASSWORD,
			server: withTLS, client: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := startIndependent(t, c.method, c.server)
			s := New(Config{Name: "s", Network: "tcp", Addr: addr.String(), TLS: c.client,
				ConnectTimeout: 30 * time.Second, Log: slog.New(slog.DiscardHandler)})
			for range 2 { // the second login takes the fast path
				conn, err := s.Get(context.Background(), Login{User: "app", Password: "secret", Collation: 45}, nil, true)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Exec(context.Background(), "DO 1"); err != nil {
					t.Error(err)
				}
				conn.Discard()
			}
			var refused *protocol.Error
			_, err := s.Get(context.Background(), Login{User: "app", Password: "wrong", Collation: 45}, nil, true)
			if !errors.As(err, &refused) || refused.Code != protocol.ErrAccessDenied {
				t.Errorf("wrong password: %v, want error 1045", err)
			}
		})
	}
}
