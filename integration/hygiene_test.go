package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// abrupt makes connections that end with a TCP reset, without COM_QUIT.
type abrupt struct {
	mu    sync.Mutex // guards conns
	conns []*net.TCPConn
}

func (a *abrupt) config(c *mysql.Config) {
	c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			a.mu.Lock()
			a.conns = append(a.conns, nc.(*net.TCPConn))
			a.mu.Unlock()
		}
		return nc, err
	}
}

func (a *abrupt) vanish() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, nc := range a.conns {
		nc.SetLinger(0)
		nc.Close()
	}
	a.conns = nil
}

// TestNothingIsLeftBehind: what one client leaves in a session is never seen by
// another one, which gets the same store connections.
func TestNothingIsLeftBehind(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2, sections: "\n[pool]\nmax_conns = 2\n"})
	seed := c.client(t)
	for i := range 8 {
		mustExec(t, seed, "INSERT INTO sessions (id, data) VALUES (?, 'clean')", fmt.Sprint("clean", i))
	}
	// Each is tried with an orderly and with an abrupt end. Errors don't
	// matter: what is refused leaves nothing behind either.
	dirt := map[string][]string{
		"sql_mode":        {"SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'"},
		"user variable":   {"SET @leak = 'secret'"},
		"assignment":      {"SELECT @leak := 'secret'"},
		"time zone":       {"SET time_zone = '+05:00'"},
		"timestamp":       {"SET timestamp = 12345"},
		"names":           {"SET NAMES latin1"},
		"database":        {"USE second"},
		"temporary table": {"CREATE TEMPORARY TABLE sessions_leak (id INT)", "CREATE TEMPORARY TABLE sessions (id VARBINARY(128), data LONGBLOB, expires INT, owner INT)"},
		"transaction":     {"BEGIN", "UPDATE sessions SET data = 'dirty' WHERE id = 'clean0'", "UPDATE sessions SET data = 'dirty' WHERE id = 'clean1'"},
		"autocommit":      {"SET autocommit = 0", "UPDATE sessions SET data = 'dirty' WHERE id = 'clean2'"},
		"row lock":        {"BEGIN", "SELECT data FROM sessions WHERE id = 'clean3' FOR UPDATE"},
		"named lock":      {"SELECT GET_LOCK('leak', 0)"},
		"table lock":      {"LOCK TABLES sessions WRITE"},
		"isolation":       {"SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION READ ONLY"},
		"prepared in sql": {"PREPARE leak FROM 'SELECT 1'"},
		"last insert id":  {"SELECT LAST_INSERT_ID(77)"},
		"warnings":        {"INSERT IGNORE INTO sessions (id, data) VALUES ('clean4', 'secret')"},
		"limit":           {"SET SQL_SELECT_LIMIT = 0"},
		"read only":       {"SET SESSION TRANSACTION READ ONLY"},
		"cut answer":      {"SELECT REPEAT(data, 1000000) FROM sessions WHERE id = 'clean5'"},
	}
	ctx := context.Background()
	for name, statements := range dirt {
		for _, end := range []string{"orderly", "abrupt"} {
			t.Run(name+"/"+end, func(t *testing.T) {
				var gone abrupt
				db := c.client(t, gone.config)
				for range 4 {
					conn, err := db.Conn(ctx)
					if err != nil {
						t.Fatal(err)
					}
					for _, sql := range statements {
						conn.ExecContext(ctx, sql)
					}
					if end == "abrupt" {
						gone.vanish()
					}
					conn.Raw(func(dc any) error { return dc.(interface{ Close() error }).Close() })
					conn.Close()
				}
				c.wantClean(t)
			})
		}
	}
}

// wantClean looks around in the sessions of new clients.
func (c *cluster) wantClean(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	db := c.client(t)
	for i := range 8 {
		conn, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		id := "clean" + strconv.Itoa(i)
		var data, mode, zone, database, charset, isolation string
		var leak sql.NullString
		var autocommit, year, readOnly int
		err = conn.QueryRowContext(ctx, `SELECT data, @leak, @@sql_mode, @@time_zone, DATABASE(), @@character_set_client, @@autocommit, YEAR(NOW()), `+transactionVariables()+`
			FROM sessions WHERE id = ?`, id).Scan(&data, &leak, &mode, &zone, &database, &charset, &autocommit, &year, &isolation, &readOnly)
		if err != nil {
			t.Fatalf("a new client reads %s: %v", id, err)
		}
		got := fmt.Sprint(data, leak, mode, zone, database, charset, autocommit, year > 2000, isolation, readOnly)
		want := fmt.Sprint("clean", sql.NullString{}, defaultMode(),
			"SYSTEM", "app", "utf8mb4", 1, true, "REPEATABLE-READ", 0)
		if got != want {
			t.Errorf("a new client reads %s\nand finds %s\nwant      %s", id, got, want)
		}
		var warnings int
		rows, err := conn.QueryContext(ctx, "SHOW WARNINGS")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			warnings++
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Error(err)
		}
		if warnings != 0 {
			t.Errorf("a new client finds %d warnings", warnings)
		}
		if _, err := conn.ExecContext(ctx, "SELECT * FROM sessions_leak"); err == nil {
			t.Error("a new client finds a temporary table")
		}
		if _, err := conn.ExecContext(ctx, "EXECUTE leak"); err == nil {
			t.Error("a new client finds a prepared statement")
		}
		var last int64
		if err := conn.QueryRowContext(ctx, "SELECT LAST_INSERT_ID()").Scan(&last); err == nil && last != 0 {
			t.Errorf("a new client finds LAST_INSERT_ID() = %d", last)
		}
		// Neither a row lock nor a named lock is left, nor a table lock.
		if _, err := conn.ExecContext(ctx, "UPDATE sessions SET expires = expires + 1 WHERE id = ?", id); err != nil {
			t.Errorf("a new client writes %s: %v", id, err)
		}
		var free int
		var refused *mysql.MySQLError
		if err := conn.QueryRowContext(ctx, "SELECT IS_FREE_LOCK('leak')").Scan(&free); err == nil && free != 1 {
			t.Error("a new client finds a named lock taken")
		} else if err != nil && !errors.As(err, &refused) {
			t.Errorf("IS_FREE_LOCK: %v", err)
		}
	}
}

// ownForms is how many statements of the proxy's own may be prepared at a store:
// at the levels safe and strict, those of its writes on each connection.
const ownForms = "4*(SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app')" +
	"*(SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'dsm')"

// TestPreparedStatementsAreClosed: once all clients have gone, no store holds a
// prepared statement.
func TestPreparedStatementsAreClosed(t *testing.T) {
	c := startCluster(t, options{stores: 3, copies: 2})
	ctx := context.Background()
	for _, end := range []string{"closed", "left", "abrupt"} {
		t.Run(end, func(t *testing.T) {
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() {
					var gone abrupt
					db := c.client(t, gone.config)
					conn, err := db.Conn(ctx)
					if err != nil {
						t.Error(err)
						return
					}
					for j := range 10 {
						s, err := conn.PrepareContext(ctx, fmt.Sprintf("REPLACE INTO sessions (id, data, expires) VALUES (?, ?, %d)", i*100+j))
						if err != nil {
							t.Error(err)
							return
						}
						for k := range 5 {
							if _, err := s.Exec(fmt.Sprintf("prepared-%d-%d", i, k), "x"); err != nil {
								t.Error(err)
							}
						}
						if end == "closed" {
							s.Close()
						}
					}
					if end == "abrupt" {
						gone.vanish()
					}
					conn.Raw(func(dc any) error { return dc.(interface{ Close() error }).Close() })
					conn.Close()
				})
			}
			wg.Wait()
			for _, n := range c.nodes {
				eventually(t, 20*time.Second, n.name+" holds no prepared statement", func() bool {
					var name string
					var count, own int
					if err := n.db.QueryRow("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'").Scan(&name, &count); err != nil {
						t.Fatal(err)
					}
					if err := n.db.QueryRow("SELECT " + ownForms).Scan(&own); err != nil {
						t.Fatal(err)
					}
					return count <= own
				})
			}
		})
	}
}

// TestVanishedClientLosesItsLocks: what a client held that has vanished is free
// for others soon.
func TestVanishedClientLosesItsLocks(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2})
	db := c.client(t)
	mustExec(t, db, "INSERT INTO sessions (id, data) VALUES ('held', 'x')")
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	var gone abrupt
	conn, err := c.client(t, gone.config).Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE sessions SET data = 'y' WHERE id = 'held'"); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	gone.vanish()
	if _, err := db.ExecContext(ctx, "UPDATE sessions SET data = 'z' WHERE id = 'held'"); err != nil {
		t.Fatal(err)
	}
	t.Logf("the lock was free after %v", time.Since(begin).Round(time.Millisecond))
	c.wantPlaced(t, []string{"held"}, nil)
}
