//go:build mysql9

package store

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// TestMySQLLogin logs in by each of MySQL's plugins: by the whole exchange when
// the server has not seen the password since it started, and by the short one
// after that.
func TestMySQLLogin(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	pki := newPKI(t, dir)
	srv := startServer(t, "--ssl-ca="+pki.path("ca.pem"), "--ssl-cert="+pki.path("server.pem"), "--ssl-key="+pki.path("server.key"))
	plain := New(config(t, srv.Addr()))
	secure := config(t, srv.Addr())
	secure.TLS = &tls.Config{RootCAs: pki.pool}
	unix := config(t, srv.Socket())
	unix.Network = "unix"
	admin := get(t, plain, nil)
	defer admin.Release()
	for _, way := range []struct {
		name string
		s    *Store
	}{{"tcp", plain}, {"tls", New(secure)}, {"unix", New(unix)}} {
		for _, plugin := range []string{cachingSha2, sha256Password} {
			for _, password := range []string{"secret", strings.Repeat("long", 20), ""} {
				exec(t, admin, "CREATE USER someone IDENTIFIED WITH "+plugin+" BY '"+password+"'")
				for _, time := range []string{"first", "second"} {
					c, err := way.s.Get(context.Background(), Login{User: "someone", Password: password}, nil, false)
					if err != nil {
						t.Errorf("%s, %s, password of %d bytes, %s time: %v", way.name, plugin, len(password), time, err)
						continue
					}
					if got := ask(t, c, "SELECT USER()"); !strings.HasPrefix(got, "someone@") {
						t.Errorf("USER() = %s", got)
					}
					c.Discard()
				}
				_, err := way.s.Get(context.Background(), Login{User: "someone", Password: "wrong"}, nil, false)
				var e *protocol.Error
				if !errors.As(err, &e) || e.Code != protocol.ErrAccessDenied || way.s.State() != Up {
					t.Errorf("%s, %s, wrong password: %v, the store is %v", way.name, plugin, err, way.s.State())
				}
				exec(t, admin, "DROP USER someone")
			}
		}
		// For those that it does not know, MySQL asks by any of its plugins.
		for _, user := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			_, err := way.s.Get(context.Background(), Login{User: user, Password: "x"}, nil, false)
			var e *protocol.Error
			if !errors.As(err, &e) || e.Code != protocol.ErrAccessDenied || way.s.State() != Up {
				t.Errorf("%s, unknown user: %v, the store is %v", way.name, err, way.s.State())
			}
		}
	}
}
