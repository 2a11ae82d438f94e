package proxytest

import (
	"context"
	"database/sql"
	"io"
	"log"
	"net"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// Open opens a pool of clients of a server or the proxy, without a database
// unless one of the changes gives one. It is closed with the test.
func Open(t testing.TB, addr string, change ...func(*mysql.Config)) *sql.DB {
	t.Helper()
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd = "tcp", addr, mariadbtest.User, mariadbtest.Password
	c.MaxAllowedPacket = 64 << 20
	c.Timeout = 10 * time.Second
	c.Logger = log.New(io.Discard, "", 0)
	for _, f := range change {
		f(c)
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

// MustExec wants a statement to succeed.
func MustExec(t testing.TB, db *sql.DB, query string, args ...any) sql.Result {
	t.Helper()
	r, err := db.Exec(query, args...)
	if err != nil {
		t.Fatalf("%.200s: %v", query, err)
	}
	return r
}

// Eventually waits until ok is true, with a generous limit.
func Eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// Within is a context for work that ends in limit.
func Within(t testing.TB, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// HostPort splits an address for clients that want it in two.
func HostPort(t testing.TB, addr string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}
