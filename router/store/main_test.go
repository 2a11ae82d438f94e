package store

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/internal/realstore"
	"github.com/dsmproxy/dsmproxy/protocol"
)

var installation *mariadbtest.Installation

func TestMain(m *testing.M) { os.Exit(mariadbtest.Main(m, &installation)) }

// patience is how long a test waits for what is to happen soon.
const patience = 20 * time.Second

var app = Login{User: mariadbtest.User, Password: mariadbtest.Password, Capabilities: protocol.ClientDeprecateEOF}

// config is that of a store at addr, quiet unless the test fails.
func config(t testing.TB, addr string) Config {
	return Config{
		Name: "s1", Network: "tcp", Addr: addr, ProbeLogin: app,
		ConnectTimeout: 5 * time.Second, ProbeTimeout: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// testWriter logs to a test, which must not have ended.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(string(b))
	return len(b), nil
}

// run runs s until the test ends.
func run(t testing.TB, s *Store) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}

// startServer starts a MariaDB of the test's own.
func startServer(t testing.TB, args ...string) *realstore.Server {
	t.Helper()
	return installation.Start(t, 1, args...)[0]
}

func get(t testing.TB, s *Store, want *Session) *Conn {
	t.Helper()
	return getAs(t, s, app, want)
}

func getAs(t testing.TB, s *Store, l Login, want *Session) *Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := s.Get(ctx, l, want, false)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	return c
}

// ask returns the only row of a query, joined by blanks.
func ask(t testing.TB, c *Conn, sql string) string {
	t.Helper()
	rows, err := c.Query(context.Background(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if len(rows) != 1 {
		t.Fatalf("%s: %d rows, want 1", sql, len(rows))
	}
	s := ""
	for i, v := range rows[0] {
		if i > 0 {
			s += " "
		}
		if v == nil {
			s += "NULL"
		} else {
			s += string(v)
		}
	}
	return s
}

func exec(t testing.TB, c *Conn, sql string) {
	t.Helper()
	if _, err := c.Exec(context.Background(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// eventually waits until ok returns true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// isolation is the variable that the isolation level is in: MySQL has dropped
// the older of its names, MariaDB before 11.1 has no other.
func isolation() string {
	if installation.MariaDB() {
		return "tx_isolation"
	}
	return "transaction_isolation"
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
