//go:build compat

package compat

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// sysbenchDifferences are the runs that work directly and do not through the
// proxy, with what the proxy says. One that works after all fails TestSysbench.
var sysbenchDifferences = map[string]string{}

// TestSysbench loads a table with a numeric key through the proxy, in small
// measure: what is asked is whether sysbench's statements work.
func TestSysbench(t *testing.T) {
	const database = "CREATE DATABASE sbtest CHARACTER SET utf8mb4"
	const tables = "\n[[table]]\nname = \"sbtest1\"\nkey = \"id\"\n"
	plain := startStores(t, 1, database)
	c := startCluster(t, 4, 2, database, "", tables)
	ok := t.Run("prepare", func(t *testing.T) {
		if out, err := sysbench(t, plain[0].Addr(), "oltp_read_write", "disable", "prepare"); err != nil {
			t.Fatalf("directly: %v\n%.3000s", err, out)
		}
		out, err := sysbench(t, c.Addr, "oltp_read_write", "disable", "prepare")
		judge(t, "prepare", out, err)
		load(t, plain[0], c)
	})
	if !ok {
		return
	}
	for _, script := range []string{"oltp_point_select", "oltp_read_write"} {
		for _, ps := range []string{"disable", "auto"} {
			t.Run(script+" "+ps, func(t *testing.T) {
				direct, err := sysbench(t, plain[0].Addr(), script, ps, "run")
				if err != nil {
					t.Fatalf("directly: %v\n%.3000s", err, direct)
				}
				out, err := sysbench(t, c.Addr, script, ps, "run")
				judge(t, script+" "+ps, out, err)
				t.Logf("directly %s; through the proxy %s", figures.FindString(direct), figures.FindString(out))
			})
		}
	}
	wantSameTable(t, plain[0], c)
}

// judge holds what a run through the proxy said against what is known.
func judge(t *testing.T, name, out string, err error) {
	t.Helper()
	want, known := sysbenchDifferences[name]
	switch {
	case err == nil && known:
		t.Errorf("no difference any more: take it out of sysbenchDifferences (%s)", want)
	case err != nil && !known, known && !strings.Contains(out, want):
		t.Errorf("%v\n%.3000s", err, out)
	}
}

// load gives the proxy the records of the plain server, one at a time.
func load(t *testing.T, plain *node, c *cluster) {
	t.Helper()
	db := open(t, c.Addr, in("sbtest"))
	rows, err := plain.db.Query("SELECT id, k, c, pad FROM sbtest.sbtest1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, k int
		var text, pad string
		if err := rows.Scan(&id, &k, &text, &pad); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("REPLACE INTO sbtest1 (id, k, c, pad) VALUES (?, ?, ?, ?)", id, k, text, pad); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

var figures = regexp.MustCompile(`transactions: +[^)]*\)`)

func sysbench(t *testing.T, addr, script, ps, command string) (string, error) {
	t.Helper()
	host, port := hostPort(t, addr)
	args := []string{script, "--mysql-host=" + host, "--mysql-port=" + port, "--mysql-user=" + mariadbtest.User,
		"--mysql-password=" + mariadbtest.Password, "--mysql-db=sbtest", "--db-driver=mysql", "--db-ps-mode=" + ps,
		// The proxy hands out the stores' records by key: sysbench gives it.
		"--tables=1", "--table-size=500", "--auto-inc=off",
		// Both runs do the same.
		"--rand-seed=42", "--threads=1", "--time=0", "--events=50", command}
	out, err := exec.CommandContext(within(t, 5*time.Minute), tool(t, "sysbench"), args...).CombinedOutput()
	return string(out), err
}

// wantSameTable wants the records of the plain server, each on its stores.
func wantSameTable(t *testing.T, plain *node, c *cluster) {
	t.Helper()
	want := rowsOf(t, plain, "sbtest.sbtest1", "id")
	var keys []string
	for key := range want {
		keys = append(keys, key)
	}
	orders := c.orders(t, "sbtest1", keys)
	bad := 0
	found := make(map[string]int)
	for _, n := range c.nodes {
		for key, row := range rowsOf(t, n, "sbtest.sbtest1", "id") {
			found[key]++
			if want[key] != row || !slices.Contains(orders[key][:c.copies], n.name) {
				if bad++; bad < 5 {
					t.Errorf("record %s on %s (order %v):\n%s\ndirectly:\n%s", key, n.name, orders[key], row, want[key])
				}
			}
		}
	}
	for _, key := range keys {
		if found[key] != c.copies {
			if bad++; bad < 5 {
				t.Errorf("record %s has %d copies, want %d", key, found[key], c.copies)
			}
		}
	}
	t.Logf("%d records, %d not as they should be", len(want), bad)
}
