package proxytest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// Config is a configuration of the proxy, for the account of package
// mariadbtest.
type Config struct {
	Copies   int
	Top      string // TOML before the first table
	Sections string // TOML after the stores; without [consistency] the level is the default
	Admin    string // TOML of the admin table, beside listen
	Stores   []StoreConfig
}

// StoreConfig is one store of a Config.
type StoreConfig struct {
	Name, Addr string
	TLS        string // TOML of its tls table; "" for none
}

// WriteConfig writes a configuration with an address of its own to listen on,
// and returns the file's path.
func WriteConfig(t testing.TB, c Config) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "listen = %q\ncopies = %d\n%s\n", FreeAddr(t), c.Copies, c.Top)
	fmt.Fprintf(&b, "[admin]\nlisten = %q\n%s\n", FreeAddr(t), c.Admin)
	fmt.Fprintf(&b, "[[user]]\nname = %q\npassword = %q\n", mariadbtest.User, mariadbtest.Password)
	for _, s := range c.Stores {
		fmt.Fprintf(&b, "\n[[store]]\nname = %q\naddr = %q\n", s.Name, s.Addr)
		if s.TLS != "" {
			fmt.Fprintf(&b, "[store.tls]\n%s\n", s.TLS)
		}
	}
	b.WriteString(c.Sections)
	path := filepath.Join(t.TempDir(), "dsmproxy.toml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// FreeAddr is an address for the proxy. It is some 127.x.y.z, where neither
// outgoing connections nor other tests take ports.
func FreeAddr(t testing.TB) string {
	t.Helper()
	ip := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil { // not on Linux
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	defer l.Close()
	return l.Addr().String()
}
