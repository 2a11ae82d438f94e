package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// visitor is one client of the crowd. It knows what its session must look like
// and looks again and again.
type visitor struct {
	crowd *crowd
	id    int
	rng   *rand.Rand
	ctx   context.Context

	db   *sql.DB
	conn *sql.Conn
	nc   *net.TCPConn

	state map[string]string // what differs from the defaults, by expression
	held  []string          // named locks
	open  bool              // a transaction, perhaps an implicit one
	key   string            // of its own record
	data  string            // of it; "" for none
}

// expressions are what a visitor looks at, in a fixed order.
var expressions = []string{
	"@@sql_mode", "@@autocommit", "@@time_zone", "@@tx_isolation", "@@tx_read_only", "@@character_set_client",
	"@@collation_connection", "@@sql_select_limit", "@@insert_id", "@@innodb_lock_wait_timeout", "@@unique_checks",
	"IF(@@timestamp > 1000000, 0, FLOOR(@@timestamp))", "DATABASE()", "COALESCE(@leak, 'none')", "COALESCE(@other, 'none')",
}

// expressionList is all of them, as the server under test spells them.
func expressionList() string {
	list := strings.Join(expressions, ", ")
	return strings.Replace(list, "@@tx_isolation, @@tx_read_only", transactionVariables(), 1)
}

// settings are statements that change the session, with what they change. A %d
// is the visitor's own number.
var settings = []struct {
	sql     string
	changes map[string]string
}{
	{"SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", map[string]string{"@@sql_mode": "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"}},
	{"SET sql_mode = ''", map[string]string{"@@sql_mode": ""}},
	{"SET time_zone = '+05:00'", map[string]string{"@@time_zone": "+05:00"}},
	{"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", map[string]string{"@@tx_isolation": "READ-COMMITTED"}},
	{"SET NAMES latin1", map[string]string{"@@character_set_client": "latin1", "@@collation_connection": "latin1_swedish_ci"}},
	{"SET SQL_SELECT_LIMIT = %d", map[string]string{"@@sql_select_limit": "%d"}},
	{"SET insert_id = %d", map[string]string{"@@insert_id": "%d"}},
	{"SET timestamp = %d", map[string]string{"IF(@@timestamp > 1000000, 0, FLOOR(@@timestamp))": "%d"}},
	{"SET innodb_lock_wait_timeout = 2, unique_checks = 0", map[string]string{"@@innodb_lock_wait_timeout": "2", "@@unique_checks": "OFF"}},
	{"SET @leak = 'of %d'", map[string]string{"COALESCE(@leak, 'none')": "of %d"}},
	{"SET @other = 'of %d', @leak = 'too, of %d'", map[string]string{"COALESCE(@other, 'none')": "of %d", "COALESCE(@leak, 'none')": "too, of %d"}},
	{"USE second", map[string]string{"DATABASE()": "second"}},
}

// visit lives one visitor's life: it looks, does some things and goes in one of
// several ways.
func (v *visitor) visit() {
	var once sync.Once
	v.db = v.crowd.open(func(c *mysql.Config) {
		c.DBName = "app"
		c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, addr)
			once.Do(func() { v.nc, _ = nc.(*net.TCPConn) })
			return nc, err
		}
	})
	defer v.db.Close()
	v.db.SetMaxOpenConns(1)
	conn, err := v.db.Conn(v.ctx)
	if err != nil {
		v.failed("connect", err)
		return
	}
	v.conn = conn
	defer conn.Close()
	v.key = fmt.Sprintf("visitor-%d", v.id)
	if v.look("at first") && v.foreign() {
		deeds := []func() bool{v.set, v.set, v.set, v.write, v.write, v.begin, v.lock, v.lock, v.prepare, v.prepareSQL, v.temporary, v.autocommit}
		for range 3 + v.rng.IntN(8) {
			if !deeds[v.rng.IntN(len(deeds))]() || !v.look("later") {
				break
			}
		}
	}
	v.leave()
}

// look compares the session to what it must be.
func (v *visitor) look(when string) bool {
	query := fmt.Sprintf("SELECT CONCAT_WS('|', %s) FROM app.sessions WHERE id = 'still-%d'", expressionList(), v.rng.IntN(still))
	var got string
	if err := v.conn.QueryRowContext(v.ctx, query).Scan(&got); err != nil {
		return v.failed("look", err)
	}
	var want []string
	for i, e := range expressions {
		value, ok := v.state[e]
		if !ok {
			value = v.crowd.defaults[i]
		}
		want = append(want, value)
	}
	if got != strings.Join(want, "|") {
		v.crowd.report("visitor %d %s: its session is %q, want %q", v.id, when, got, strings.Join(want, "|"))
	}
	return true
}

// foreign looks for what others may have left behind.
func (v *visitor) foreign() bool {
	for _, q := range []string{"EXECUTE leak", "SELECT v FROM app.leak_temporary"} {
		var found string
		err := v.conn.QueryRowContext(v.ctx, q).Scan(&found)
		if err == nil {
			v.crowd.report("visitor %d finds what another has left: %s answers %q", v.id, q, found)
		} else if v.failed(q, err); !is(err, 1243, 1146) {
			return false
		}
	}
	return true
}

// exec carries a statement out; false: it failed in a way that may be.
func (v *visitor) exec(query string) bool {
	_, err := v.conn.ExecContext(v.ctx, query)
	return err == nil || v.failed(query, err)
}

// failed notes an error, and reports one that should not be. It is always
// false.
func (v *visitor) failed(what string, err error) bool {
	v.crowd.note(err)
	// 1040: a statement waited in vain for a connection; 1205: a lock timed out;
	// 1213: a deadlock; 1243, 1146: what another left is not there; 1235: the
	// proxy does not do that.
	if !is(err, 1040, 1205, 1213, 1243, 1146, 1235) {
		v.crowd.report("visitor %d, %s: %v", v.id, what, err)
	}
	return false
}

func is(err error, numbers ...uint16) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return false
	}
	for _, n := range numbers {
		if e.Number == n {
			return true
		}
	}
	return false
}

func (v *visitor) set() bool {
	s := settings[v.rng.IntN(len(settings))]
	own := func(text string) string { return strings.ReplaceAll(text, "%d", fmt.Sprint(100+v.id)) }
	if !v.exec(own(s.sql)) {
		return false
	}
	for e, value := range s.changes {
		if v.state[e] = own(value); value == "OFF" {
			v.state[e] = off()
		}
	}
	return true
}

// off is how a server shows a variable that is off.
func off() string {
	if suite.Servers.MariaDB() {
		return "OFF"
	}
	return "0"
}

// write writes the visitor's own record and reads it.
func (v *visitor) write() bool {
	data := fmt.Sprintf("%d of %s", v.rng.Uint32(), v.key)
	if !v.exec(fmt.Sprintf("REPLACE INTO app.sessions (id, data) VALUES ('%s', '%s')", v.key, data)) {
		return false
	}
	var got string
	if err := v.conn.QueryRowContext(v.ctx, "SELECT data FROM app.sessions WHERE id = ?", v.key).Scan(&got); err != nil {
		return v.failed("read", err)
	}
	if got != data {
		v.crowd.report("visitor %d reads %q of its record, wrote %q", v.id, got, data)
	}
	return true
}

// begin begins a transaction, writes, takes the lock of a record that others
// want too, and sometimes ends it.
func (v *visitor) begin() bool {
	if v.open {
		return true
	}
	v.open = true
	shared := fmt.Sprintf("shared-%d", v.rng.IntN(6))
	if !v.exec("BEGIN") || !v.write() || !v.exec("UPDATE app.sessions SET expires = expires + 1 WHERE id = '"+shared+"'") {
		return false
	}
	if end := v.rng.IntN(4); end < 2 {
		v.open = false
		return v.exec([]string{"COMMIT", "ROLLBACK"}[end])
	}
	return true
}

// autocommit turns it off, so that a transaction is open without a BEGIN.
func (v *visitor) autocommit() bool {
	if v.open || !v.exec("SET autocommit = 0") {
		return v.open
	}
	v.state["@@autocommit"], v.open = off(), true
	return v.write()
}

// lock takes or gives back a named lock; the crowd knows who has which.
func (v *visitor) lock() bool {
	if len(v.held) > 0 {
		name := v.held[0]
		v.held = v.held[1:]
		v.crowd.released(name, v.id)
		return v.oneIs("SELECT RELEASE_LOCK('"+name+"')", 1)
	}
	name := fmt.Sprintf("leak-%d", v.rng.IntN(leakLocks))
	var got sql.NullInt64
	if err := v.conn.QueryRowContext(v.ctx, "SELECT GET_LOCK('"+name+"', 0)").Scan(&got); err != nil {
		return v.failed("GET_LOCK", err)
	}
	if got.Int64 == 1 {
		v.crowd.acquired(name, v.id)
		v.held = append(v.held, name)
	}
	return true
}

func (v *visitor) oneIs(query string, want int64) bool {
	var got sql.NullInt64
	if err := v.conn.QueryRowContext(v.ctx, query).Scan(&got); err != nil {
		return v.failed(query, err)
	}
	if !got.Valid || got.Int64 != want {
		v.crowd.report("visitor %d: %s answers %v, want %d", v.id, query, got, want)
	}
	return true
}

// prepare makes prepared statements and leaves them open.
func (v *visitor) prepare() bool {
	for i := range 3 {
		s, err := v.conn.PrepareContext(v.ctx, fmt.Sprintf("SELECT data, %d FROM app.sessions WHERE id = ?", i+10*v.id))
		if err != nil {
			return v.failed("prepare", err)
		}
		var data string
		var n int
		if err := s.QueryRowContext(v.ctx, fmt.Sprintf("still-%d", v.rng.IntN(still))).Scan(&data, &n); err != nil {
			return v.failed("execute", err)
		}
		if n != i+10*v.id {
			v.crowd.report("visitor %d executed another's statement: it answers %d", v.id, n)
		}
	}
	return true
}

func (v *visitor) prepareSQL() bool {
	return v.exec(fmt.Sprintf("PREPARE leak FROM 'SELECT %d'", v.id)) && v.oneIs("EXECUTE leak", int64(v.id))
}

func (v *visitor) temporary() bool {
	_, err := v.conn.ExecContext(v.ctx, "CREATE TEMPORARY TABLE IF NOT EXISTS app.leak_temporary (v INT)")
	if is(err, 1235) {
		v.crowd.note(err)
		return true
	}
	if err != nil {
		return v.failed("temporary table", err)
	}
	return v.exec(fmt.Sprintf("REPLACE INTO app.leak_temporary VALUES (%d)", v.id))
}

// leave ends the visit, mostly without a farewell.
func (v *visitor) leave() {
	for _, name := range v.held {
		v.crowd.released(name, v.id)
	}
	switch v.rng.IntN(6) {
	case 0: // orderly
		v.conn.Raw(func(dc any) error { return dc.(driver.Conn).Close() })
		return
	case 1: // the connection is closed
	case 2: // it is reset
		v.nc.SetLinger(0)
	case 3: // it is half open, for as long as the test runs
		v.nc.CloseWrite()
		v.crowd.keep(v.nc)
		return
	case 4: // in the middle of a packet
		v.nc.Write([]byte{200, 0, 0, 0, 0x03, 'U', 'P', 'D'})
		v.nc.SetLinger(v.rng.IntN(2) - 1)
	case 5: // during an answer
		v.nc.Write(frame(0, []byte("\x03SELECT REPEAT(data, 200000) FROM app.sessions WHERE id = 'still-1'")))
		v.nc.SetReadDeadline(time.Now().Add(20 * time.Second))
		v.nc.Read(make([]byte, 100))
		v.nc.SetLinger(0)
	}
	v.nc.Close()
}
