package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

const schema = "CREATE TABLE app.sessions (id VARCHAR(128) NOT NULL PRIMARY KEY, data LONGBLOB NOT NULL," +
	" expires INT UNSIGNED NOT NULL DEFAULT 0, changed TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6))"

// embedded is the program, run with count stores.
type embedded struct {
	t     *testing.T
	in    io.Writer
	out   *bufio.Scanner
	addrs map[string]string
}

func start(t *testing.T, count int) *embedded {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	getenv := func(name string) string { return map[string]string{envPassword: "secret"}[name] }
	ended := make(chan int, 1)
	go func() {
		code := run([]string{"-count", fmt.Sprint(count)}, getenv, inR, outW, io.Discard)
		outW.Close()
		ended <- code
	}()
	e := &embedded{t: t, in: inW, out: bufio.NewScanner(outR), addrs: make(map[string]string)}
	t.Cleanup(func() {
		inW.Close()
		if code := <-ended; code != 0 {
			t.Errorf("exit %d after the end of standard input, want 0", code)
		}
	})
	for e.out.Scan() && e.out.Text() != "ready" {
		words := strings.Fields(e.out.Text())
		if len(words) != 3 || words[0] != "store" {
			t.Fatalf("at start: %q", e.out.Text())
		}
		e.addrs[words[1]] = words[2]
	}
	if len(e.addrs) != count {
		t.Fatalf("stores %v, want %d", e.addrs, count)
	}
	return e
}

// do sends a command and returns its answer.
func (e *embedded) do(command string) string {
	e.t.Helper()
	fmt.Fprintln(e.in, command)
	if !e.out.Scan() {
		e.t.Fatalf("%s: the program ended", command)
	}
	return e.out.Text()
}

func (e *embedded) must(command string) {
	e.t.Helper()
	if answer := e.do(command); !strings.HasPrefix(answer, "ok") {
		e.t.Fatalf("%s: %s", command, answer)
	}
}

// db opens a store as a client does.
func (e *embedded) db(store string, change ...func(*mysql.Config)) *sql.DB {
	e.t.Helper()
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd = "tcp", e.addrs[store], "app", "secret"
	c.Logger = &mysql.NopLogger{}
	for _, f := range change {
		f(c)
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		e.t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	e.t.Cleanup(func() { db.Close() })
	return db
}

// withTable is db, with an empty session table on the store.
func (e *embedded) withTable(store string, change ...func(*mysql.Config)) *sql.DB {
	e.t.Helper()
	db := e.db(store, change...)
	exec(e.t, db, "CREATE DATABASE IF NOT EXISTS app")
	exec(e.t, db, schema)
	return db
}

type execer interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

func exec(t *testing.T, db execer, query string, args ...any) int64 {
	t.Helper()
	r, err := db.ExecContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

type queryer interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

func get(t *testing.T, db queryer, query string, args ...any) (value string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func number(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

func TestKillStartWipe(t *testing.T) {
	e := start(t, 2)
	db, other := e.withTable("s1"), e.withTable("s2")
	exec(t, db, "INSERT INTO app.sessions (id, data) VALUES (?, ?)", "k", []byte("\x00'\xff"))
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec(t, conn, "BEGIN")
	exec(t, conn, "UPDATE app.sessions SET data = 'never' WHERE id = 'k'")
	get(t, conn, "SELECT GET_LOCK('l', 0)")

	e.must("kill s1")
	if err := conn.PingContext(t.Context()); err == nil {
		t.Error("a connection outlives kill")
	}
	if c, err := net.Dial("tcp", e.addrs["s1"]); err == nil {
		c.Close()
		t.Error("a killed store accepts")
	}
	if answer := e.do("kill s1"); !strings.HasPrefix(answer, "error") {
		t.Errorf("the second kill: %q, want an error", answer)
	}
	if got := e.do("status s1"); got != "ok status s1 down "+e.addrs["s1"] {
		t.Errorf("status s1: %q", got)
	}
	if got := get(t, other, "SELECT COUNT(*) FROM app.sessions"); got != "0" {
		t.Errorf("s2 has %s records, want 0: stores are apart", got)
	}

	e.must("start s1")
	if got := get(t, db, "SELECT data FROM app.sessions WHERE id = 'k'"); got != "\x00'\xff" {
		t.Errorf("data after start: %q, want what was committed", got)
	}
	if got := get(t, db, "SELECT IS_FREE_LOCK('l')"); got != "1" {
		t.Error("a lock outlives kill")
	}
	exec(t, db, "UPDATE app.sessions SET data = 'new' WHERE id = 'k'")

	e.must("wipe s1")
	if _, err := db.ExecContext(t.Context(), "SELECT 1 FROM app.sessions"); number(err) != 1049 && number(err) != 1146 {
		t.Errorf("after wipe: %v, want no such table", err)
	}
}

// A statement that runs or waits must not keep a store from dying.
func TestKillEndsStatements(t *testing.T) {
	e := start(t, 1)
	db := e.withTable("s1")
	exec(t, db, "INSERT INTO app.sessions (id, data) VALUES ('k', 'v')")
	holder, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	exec(t, holder, "BEGIN")
	exec(t, holder, "UPDATE app.sessions SET data = 'w' WHERE id = 'k'")
	get(t, holder, "SELECT GET_LOCK('l', 0)")
	var running sync.WaitGroup
	for _, query := range []string{"SELECT SLEEP(100)", "SELECT GET_LOCK('l', 100)", "UPDATE app.sessions SET data = 'x' WHERE id = 'k'"} {
		running.Go(func() {
			if _, err := db.ExecContext(t.Context(), query); err == nil {
				t.Errorf("%s went well on a killed store", query)
			}
		})
	}
	for get(t, holder, "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%100)'") != "2" {
		time.Sleep(10 * time.Millisecond)
	}
	e.must("kill s1")
	running.Wait()
	e.must("start s1")
	exec(t, db, "UPDATE app.sessions SET data = 'y' WHERE id = 'k'")
}

func TestLogin(t *testing.T) {
	e := start(t, 1)
	wrong := e.db("s1", func(c *mysql.Config) { c.Passwd = "wrong" })
	if err := wrong.Ping(); number(err) != 1045 {
		t.Errorf("a wrong password: %v, want 1045", err)
	}
	if err := e.db("s1", func(c *mysql.Config) { c.User = "nobody" }).Ping(); err == nil {
		t.Error("an unknown user may log in")
	}
}

// Without the gate the engine loses many of these writes.
func TestConcurrentWritersLoseNothing(t *testing.T) {
	e := start(t, 1)
	db := e.withTable("s1")
	const clients, each = 8, 40
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", client, i)
				if _, err := db.Exec("INSERT INTO app.sessions (id, data) VALUES (?, 'v')", id); err != nil {
					t.Error(err)
				}
				if _, err := db.Exec("UPDATE app.sessions SET data = 'w' WHERE id = '" + id + "'"); err != nil {
					t.Error(err)
				}
				var n int
				if err := db.QueryRow("SELECT COUNT(*) FROM app.sessions WHERE id = ?", id).Scan(&n); err != nil || n != 1 {
					t.Errorf("%s: %d records, %v", id, n, err)
				}
			}
		})
	}
	all.Wait()
	if got, want := get(t, db, "SELECT COUNT(*) FROM app.sessions WHERE data = 'w'"), fmt.Sprint(clients*each); got != want {
		t.Errorf("%s records, want %s", got, want)
	}
}

func TestTransactions(t *testing.T) {
	e := start(t, 1)
	db := e.withTable("s1")
	exec(t, db, "INSERT INTO app.sessions (id, data) VALUES ('k', '1')")
	first, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Rollback()
	if got := get(t, first, "SELECT data FROM app.sessions WHERE id = 'k' FOR UPDATE"); got != "1" {
		t.Errorf("FOR UPDATE reads %q, want 1", got)
	}
	exec(t, first, "UPDATE app.sessions SET data = '2' WHERE id = 'k'")
	if got := get(t, db, "SELECT data FROM app.sessions WHERE id = 'k'"); got != "1" {
		t.Errorf("another reads %q before COMMIT, want 1", got)
	}
	// One that has only read holds up nobody, and undoes nobody's work.
	reader, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	get(t, reader, "SELECT data FROM app.sessions WHERE id = 'k'")

	written := make(chan error, 1)
	go func() {
		_, err := db.Exec("UPDATE app.sessions SET data = CONCAT(data, '3') WHERE id = 'k'")
		written <- err
	}()
	select {
	case err := <-written:
		t.Errorf("a second writer did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if err := reader.Commit(); err != nil {
		t.Error(err)
	}
	if got := get(t, db, "SELECT data FROM app.sessions WHERE id = 'k'"); got != "23" {
		t.Errorf("at the end %q, want 23", got)
	}
}

// The write lock must not stay behind when a statement fails or a client goes.
func TestWriteLockIsReleased(t *testing.T) {
	e := start(t, 1)
	db := e.withTable("s1")
	exec(t, db, "INSERT INTO app.sessions (id, data) VALUES ('k', '1')")
	fresh := func(f func(c *sql.Conn)) {
		c, err := e.db("s1").Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f(c)
		c.Close()
		exec(t, db, "UPDATE app.sessions SET expires = expires + 1 WHERE id = 'k'")
	}
	fails := func(c *sql.Conn, query string, num uint16) {
		if _, err := c.ExecContext(t.Context(), query); number(err) != num {
			t.Errorf("%s: %v, want %d", query, err, num)
		}
	}
	const duplicate = "INSERT INTO app.sessions (id, data) VALUES ('k', '2')"
	fresh(func(c *sql.Conn) { fails(c, duplicate, 1062) })
	fresh(func(c *sql.Conn) { fails(c, "INSERT INTO app.nothing VALUES (1)", 1146) })
	fresh(func(c *sql.Conn) { fails(c, "UPDATE app.sessions SET nothing = 1", 1054) })
	fresh(func(c *sql.Conn) { fails(c, "UPDAT app.sessions", 1064) })
	fresh(func(c *sql.Conn) { exec(t, c, "BEGIN"); fails(c, duplicate, 1062); exec(t, c, "ROLLBACK") })
	fresh(func(c *sql.Conn) {
		exec(t, c, "SET autocommit = 0")
		exec(t, c, "UPDATE app.sessions SET data = 'lost' WHERE id = 'k'")
		exec(t, c, "SET autocommit = 1")
	})
	// A client that vanishes in the middle.
	lost := e.db("s1")
	c, err := lost.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, c, "BEGIN")
	exec(t, c, "UPDATE app.sessions SET data = 'lost' WHERE id = 'k'")
	c.Close()
	lost.Close()
	exec(t, db, "UPDATE app.sessions SET expires = expires + 1 WHERE id = 'k'")
	if got := get(t, db, "SELECT expires FROM app.sessions WHERE id = 'k'"); got != "7" {
		t.Errorf("expires = %s, want 7", got)
	}
}

func TestAnswers(t *testing.T) {
	e := start(t, 1)
	db := e.withTable("s1")
	db.SetMaxOpenConns(1)
	for _, c := range []struct {
		query    string
		affected int64
	}{
		{"INSERT INTO app.sessions (id, data) VALUES ('a', x'00ff27')", 1},
		{"REPLACE INTO app.sessions (id, data) VALUES ('a', '1')", 2},
		{"INSERT INTO app.sessions (id, data) VALUES ('a', '2') ON DUPLICATE KEY UPDATE data = VALUES(data)", 2},
		{"INSERT INTO app.sessions (id, data) VALUES ('a', '2') ON DUPLICATE KEY UPDATE data = VALUES(data)", 0},
		{"INSERT IGNORE INTO app.sessions (id, data) VALUES ('a', '3')", 0},
		{"UPDATE app.sessions SET data = '2' WHERE id = 'a'", 0},
		{"DELETE FROM app.sessions WHERE id = 'b'", 0},
	} {
		if got := exec(t, db, c.query); got != c.affected {
			t.Errorf("%s: %d affected, want %d", c.query, got, c.affected)
		}
	}
	found := e.db("s1", func(c *mysql.Config) { c.ClientFoundRows = true })
	if got := exec(t, found, "UPDATE app.sessions SET data = '2' WHERE id = 'a'"); got != 1 {
		t.Errorf("with CLIENT_FOUND_ROWS: %d affected, want 1", got)
	}

	exec(t, db, "SET timestamp = 1700000000.25")
	if got := get(t, db, "SELECT UNIX_TIMESTAMP(NOW(6))"); got != "1700000000.25" && got != "1700000000.250000" {
		t.Errorf("NOW() after SET timestamp: %s", got)
	}
	exec(t, db, "INSERT INTO app.sessions (id, data) VALUES ('t', '')")
	if got := get(t, db, "SELECT UNIX_TIMESTAMP(changed) FROM app.sessions WHERE id = 't'"); !strings.HasPrefix(got, "1700000000.25") {
		t.Errorf("CURRENT_TIMESTAMP default after SET timestamp: %s", got)
	}
	exec(t, db, "SET timestamp = DEFAULT")
	if got := get(t, db, "SELECT UNIX_TIMESTAMP()"); got < "1750000000" {
		t.Errorf("UNIX_TIMESTAMP() after SET timestamp = DEFAULT: %s", got)
	}

	_, err := db.Exec("INSERT INTO app.sessions (id, data) VALUES ('a', '')")
	if want := "Error 1062 (23000): Duplicate entry 'a' for key 'PRIMARY'"; err == nil || err.Error() != want {
		t.Errorf("a duplicate: %v, want %s", err, want)
	}
	for query, num := range map[string]uint16{
		"SELEC 1":                               1064,
		"SELECT nothing(1)":                     1305,
		"SELECT nothing FROM app.sessions":      1054,
		"SELECT 1 FROM app.nothing":             1146,
		"SET sql_mode = 'NO_BACKSLASH_ESCAPES'": 1235,
	} {
		if _, err := db.Exec(query); number(err) != num {
			t.Errorf("%s: %v, want %d", query, err, num)
		}
	}
}

// COM_RESET_CONNECTION, which go-sql-driver never sends, over a raw connection.
func TestResetConnection(t *testing.T) {
	e := start(t, 1)
	raw := dialRaw(t, e.addrs["s1"])
	for _, query := range []string{"SET @x = 1", "SET autocommit = 0", "CREATE DATABASE app", "USE app", schema, "INSERT INTO sessions (id, data) VALUES ('k', '')"} {
		raw.command(0x03, query)
	}
	if got := raw.command(0x1f, ""); string(got) != "\x00\x00\x00\x02\x00\x00\x00" {
		t.Errorf("the answer is %q, want OK with autocommit and no transaction", got)
	}
	if got := raw.command(0x03, "SET @y = 1"); string(got) != "\x00\x01\x00\x02\x00\x00\x00" && string(got) != "\x00\x00\x00\x02\x00\x00\x00" {
		t.Errorf("the next answer is %q, want OK with autocommit", got)
	}
	// The transaction is gone, and with it the store's write lock.
	if got := exec(t, e.db("s1"), "INSERT INTO app.sessions (id, data) VALUES ('k', '')"); got != 1 {
		t.Errorf("%d affected after the reset, want 1", got)
	}
}
