package integration

import (
	"database/sql"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// TestBesidePHP2006 runs the algorithm of 2006 in PHP itself, which connects
// straight to the stores, beside the proxy: each finds what the other wrote,
// with all stores alive and with one gone.
func TestBesidePHP2006(t *testing.T) {
	const ids = 240
	c := startCluster(t, options{stores: 5, copies: 2, top: `placement = "php"`})
	db := c.client(t)

	c.php2006(t, "write", "php-", 0, ids, "from php")
	c.wantRead(t, db, "php-", 0, ids, "from php")
	for i := range ids {
		mustExec(t, db, "REPLACE INTO sessions (id, data, expires) VALUES (?, ?, 1)", fmt.Sprint("proxy-", i), fmt.Sprint("from the proxy ", i))
	}
	c.php2006Reads(t, "proxy-", 0, ids, "from the proxy")
	// Each changes what the other has written.
	for i := range ids {
		mustExec(t, db, "UPDATE sessions SET data = ? WHERE id = ?", fmt.Sprint("changed by the proxy ", i), fmt.Sprint("php-", i))
	}
	c.php2006Reads(t, "php-", 0, ids, "changed by the proxy")
	c.php2006(t, "write", "proxy-", 0, ids, "changed by php")
	c.wantRead(t, db, "proxy-", 0, ids, "changed by php")
	var keys []string
	for i := range ids {
		keys = append(keys, fmt.Sprint("php-", i), fmt.Sprint("proxy-", i))
	}
	c.wantPlaced(t, keys, nil)
	isPHP := func(key string) bool { return strings.HasPrefix(key, "php-") }
	c.php2006(t, "destroy", "php-", 0, ids, "")
	c.wantPlaced(t, slices.DeleteFunc(slices.Clone(keys), isPHP), slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return !isPHP(k) }))

	// Without one store both move on to the next one in the order.
	if err := c.nodes[2].Kill(); err != nil {
		t.Fatal(err)
	}
	c.wantRead(t, db, "proxy-", 0, ids, "changed by php")
	c.php2006(t, "write", "less-php-", 0, ids, "four stores")
	c.wantRead(t, db, "less-php-", 0, ids, "four stores")
	for i := range ids {
		mustExec(t, db, "REPLACE INTO sessions (id, data, expires) VALUES (?, ?, 1)", fmt.Sprint("less-proxy-", i), fmt.Sprint("four stores, proxy ", i))
	}
	c.php2006Reads(t, "less-proxy-", 0, ids, "four stores, proxy")
	c.php2006Reads(t, "proxy-", 0, ids, "changed by php")
}

// php2006 runs the PHP program on all stores and returns its lines.
func (c *cluster) php2006(t *testing.T, what, prefix string, from, to int, value string) []string {
	t.Helper()
	cmd := exec.Command(tool(t, "php"), "clients/php/dsm2006.php", what, prefix, fmt.Sprint(from), fmt.Sprint(to), value)
	cmd.Env = append(cmd.Environ(), "DSM_USER="+mariadbtest.User, "DSM_PASSWORD="+mariadbtest.Password, "DSM_DB=app")
	var stores []string
	for _, n := range c.nodes {
		stores = append(stores, n.Addr())
	}
	cmd.Stdin = strings.NewReader(strings.Join(stores, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || len(lines) != to-from {
		t.Fatalf("dsm2006.php %s: %v\n%.2000s", what, err, out)
	}
	if what != "read" {
		for i, line := range lines {
			if line != "2" {
				t.Fatalf("dsm2006.php %s %s%d: %s copies, want 2", what, prefix, from+i, line)
			}
		}
	}
	return lines
}

func (c *cluster) php2006Reads(t *testing.T, prefix string, from, to int, value string) {
	t.Helper()
	for i, line := range c.php2006(t, "read", prefix, from, to, "") {
		if want := fmt.Sprint(value, " ", from+i); line != want {
			t.Fatalf("PHP reads %q of %s%d, want %q", line, prefix, from+i, want)
		}
	}
}

// wantRead reads records through the proxy.
func (c *cluster) wantRead(t *testing.T, db *sql.DB, prefix string, from, to int, value string) {
	t.Helper()
	begin := time.Now()
	for i := from; i < to; i++ {
		var got string
		id := fmt.Sprint(prefix, i)
		err := db.QueryRow("SELECT data FROM sessions WHERE id = ?", id).Scan(&got)
		if want := fmt.Sprint(value, " ", i); err != nil || got != want {
			t.Fatalf("the proxy reads %q, %v of %s, want %q", got, err, id, want)
		}
	}
	t.Logf("%d reads of %s* in %v", to-from, prefix, time.Since(begin).Round(time.Millisecond))
}
