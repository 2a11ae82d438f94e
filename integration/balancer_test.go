package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

// TestBehindHAProxy puts HAProxy before the proxy: clients have their own
// addresses, and its checks, which say that they are for nobody, pass.
func TestBehindHAProxy(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2, top: `proxy_protocol = ["127.0.0.0/8"]`})
	for _, way := range []string{"send-proxy", "send-proxy-v2"} {
		t.Run(way, func(t *testing.T) {
			front := proxytest.FreeAddr(t)
			config := filepath.Join(t.TempDir(), "haproxy.cfg")
			err := os.WriteFile(config, []byte(fmt.Sprintf(`
defaults
  mode tcp
  timeout connect 10s
  timeout client 60s
  timeout server 60s
listen mysql
  bind %s
  option mysql-check
  server proxy %s %s check inter 100ms check-%s
`, front, c.Addr, way, "send-proxy")), 0o600)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(tool(t, "haproxy"), "-db", "-f", config)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				cmd.Process.Kill()
				cmd.Wait()
			})
			eventually(t, 30*time.Second, "a client gets through", func() bool {
				return open(t, front, func(c *mysql.Config) { c.DBName = "app" }).Ping() == nil
			})
			// A second of checks: one that fails would take the server out.
			for begin := time.Now(); time.Since(begin) < time.Second; {
				db := open(t, front, func(c *mysql.Config) { c.DBName = "app" })
				if _, err := db.Exec("REPLACE INTO sessions (id, data) VALUES ('balanced', 'x')"); err != nil {
					t.Fatal(err)
				}
				db.Close()
			}
			// The balancer dials from an address of its own, the client's is another.
			err = open(t, front, func(c *mysql.Config) { c.Passwd = "wrong" }).Ping()
			if err == nil || !strings.Contains(err.Error(), "Access denied for user") {
				t.Errorf("wrong password: %v", err)
			}
		})
	}
	c.wantPlaced(t, []string{"balanced"}, nil)
	eventually(t, 30*time.Second, "a denied client in the log, with the balancer", func() bool {
		return strings.Contains(c.Log.String(), "client.via=127.0.0.1")
	})
}
