//go:build compat

package compat

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/internal/realstore"
)

// node is one store.
type node struct {
	*realstore.Server
	name string
	db   *sql.DB // straight to the server
}

// cluster is some stores named s0, s1, ... with the proxy before them.
type cluster struct {
	addr   string // of the proxy
	nodes  []*node
	config string // the proxy's file
	copies int

	cmd  *exec.Cmd
	done chan struct{} // closed when the proxy has ended
	err  error         // of its end; to be read after done

	mu  sync.Mutex // guards log
	log bytes.Buffer
}

// startStores starts n plain servers that have run some SQL.
func startStores(t testing.TB, n int, sql string, args ...string) []*node {
	t.Helper()
	var nodes []*node
	for i, s := range servers.Start(t, n, args...) {
		db := open(t, s.Addr(), "", true)
		if _, err := db.Exec(sql); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, &node{Server: s, name: "s" + strconv.Itoa(i), db: db})
	}
	return nodes
}

// startCluster starts stores that have run some SQL and a proxy whose
// configuration ends with sections.
func startCluster(t testing.TB, stores, copies int, sql, top, sections string) *cluster {
	t.Helper()
	c := &cluster{copies: copies, config: filepath.Join(t.TempDir(), "dsmproxy.toml"), done: make(chan struct{})}
	c.nodes = startStores(t, stores, sql)
	var toml strings.Builder
	fmt.Fprintf(&toml, "listen = %q\ncopies = %d\n%s\n", freeAddr(t), copies, top)
	fmt.Fprintf(&toml, "[[user]]\nname = %q\npassword = %q\n", mariadbtest.User, mariadbtest.Password)
	for _, n := range c.nodes {
		fmt.Fprintf(&toml, "\n[[store]]\nname = %q\naddr = %q\n", n.name, n.Addr())
	}
	toml.WriteString(sections)
	if err := os.WriteFile(c.config, []byte(toml.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c.serve(t)
	return c
}

var listening = regexp.MustCompile(`listening.*\baddr=([^\s"]+)`)

// serve starts the proxy and waits until it listens. It ends with the test, in
// an orderly way.
func (c *cluster) serve(t testing.TB) {
	t.Helper()
	c.cmd = exec.Command(dsmproxy(t), "serve", "-config", c.config)
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr := make(chan string, 1)
	go func() {
		for r := bufio.NewScanner(stderr); r.Scan(); {
			c.mu.Lock()
			fmt.Fprintln(&c.log, r.Text())
			c.mu.Unlock()
			if m := listening.FindStringSubmatch(r.Text()); m != nil {
				select {
				case addr <- m[1]:
				default:
				}
			}
		}
		io.Copy(io.Discard, stderr)
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	t.Cleanup(func() { c.end(t) })
	select {
	case c.addr = <-addr:
	case <-c.done:
		t.Fatalf("dsmproxy serve ended: %v\n%s", c.err, c.tail(40))
	case <-time.After(30 * time.Second):
		t.Fatalf("dsmproxy serve does not listen\n%s", c.tail(40))
	}
}

// end sends SIGTERM and judges how the proxy ends.
func (c *cluster) end(t testing.TB) {
	c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
		if c.err != nil {
			t.Errorf("dsmproxy serve ended with %v", c.err)
		}
	case <-time.After(45 * time.Second):
		c.cmd.Process.Signal(syscall.SIGQUIT) // prints all goroutines
		<-c.done
		t.Errorf("dsmproxy serve did not end within 45 s of SIGTERM\n%s", c.tail(200))
	}
	c.mu.Lock()
	panicked := strings.Contains(c.log.String(), "panic")
	c.mu.Unlock()
	if panicked {
		t.Error("panic in the proxy")
	}
	if t.Failed() {
		t.Logf("end of the proxy's log:\n%s", c.tail(60))
	}
}

// tail is the last n lines of the proxy's log.
func (c *cluster) tail(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(c.log.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// freeAddr is an address for the proxy. It is some 127.x.y.z, where neither
// outgoing connections nor other tests take ports.
func freeAddr(t testing.TB) string {
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

// open opens a pool of clients of a server or the proxy.
func open(t testing.TB, addr, database string, multi bool) *sql.DB {
	t.Helper()
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName = "tcp", addr, mariadbtest.User, mariadbtest.Password, database
	c.MultiStatements, c.Timeout = multi, 10*time.Second
	c.Logger = log.New(io.Discard, "", 0)
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

// orders asks `dsmproxy route` for the stores of each key.
func (c *cluster) orders(t testing.TB, keys []string) map[string][]string {
	t.Helper()
	orders := make(map[string][]string, len(keys))
	if len(keys) == 0 {
		return orders
	}
	out, err := exec.Command(dsmproxy(t), append([]string{"route", "--json", "-config", c.config}, keys...)...).Output()
	if err != nil {
		t.Fatalf("dsmproxy route: %v", err)
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var line struct {
			ID    string
			Order []string
		}
		if err := dec.Decode(&line); err != nil {
			t.Fatalf("dsmproxy route printed %q: %v", out, err)
		}
		orders[line.ID] = line.Order
	}
	return orders
}

// eventually waits until ok is true, with a generous limit.
func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// hostPort splits an address for clients that want it in two.
func hostPort(t testing.TB, addr string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// rowsOf reads a table of a store: each record's key and its columns.
func rowsOf(t testing.TB, n *node, table, key string) map[string]string {
	t.Helper()
	rows, err := n.db.QueryContext(within(t, time.Minute), fmt.Sprintf("SELECT CAST(%s AS BINARY), t.* FROM %s t", key, table))
	if err != nil {
		t.Fatalf("read %s on %s: %v", table, n.name, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var row []string
		for _, v := range values[1:] {
			row = append(row, fmt.Sprintf("%t %q", v.Valid, v.String))
		}
		all[values[0].String] = strings.Join(row, ", ")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
