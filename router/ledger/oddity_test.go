package ledger

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

var sampleView = view.New(3).WithState(1, view.Down).WithTerm(3)

// oddity is a state of a client's session that could be in the way of the
// proxy's own statements.
type oddity struct {
	name  string
	modes []string
	sets  []string
	maria bool // what MySQL does not have
}

var odd = []oddity{
	{name: "none"},
	{name: "quotes", modes: []string{"ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT", "HIGH_NOT_PRECEDENCE", "IGNORE_SPACE"}},
	{name: "padding", modes: []string{"PAD_CHAR_TO_FULL_LENGTH", "NO_UNSIGNED_SUBTRACTION", "REAL_AS_FLOAT"}},
	{name: "strict", modes: []string{"STRICT_ALL_TABLES", "ERROR_FOR_DIVISION_BY_ZERO"}},
	{name: "gbk", sets: []string{"SET NAMES gbk"}},
	{name: "sjis", sets: []string{"SET NAMES sjis"}},
	{name: "utf16 results", sets: []string{"SET character_set_results=utf16", "SET collation_connection=utf16_general_ci"}},
	{name: "time", sets: []string{"SET time_zone='-11:30'", "SET timestamp=1698544800"}},
	{name: "small", sets: []string{"SET sql_select_limit=1", "SET sql_safe_updates=1", "SET innodb_lock_wait_timeout=1", "SET lock_wait_timeout=1"}},
	{name: "joins", sets: []string{"SET sql_big_selects=0", "SET max_join_size=1000"}},
	{name: "read uncommitted", sets: []string{"SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED"}},
	{name: "serializable", sets: []string{"SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"}},
	{name: "chain", sets: []string{"SET completion_type=1"}},
	{name: "release", sets: []string{"SET completion_type=2"}},
	{name: "no keys", sets: []string{"SET foreign_key_checks=0", "SET unique_checks=0", "SET sql_auto_is_null=1"}},
	{name: "oracle", modes: []string{"ORACLE"}, maria: true},
	{name: "mssql", modes: []string{"MSSQL", "SIMULTANEOUS_ASSIGNMENT", "EMPTY_STRING_IS_NULL"}, maria: true},
}

// and is the session of the oddity with a SET more.
func (o oddity) and(sets ...string) *store.Session {
	var s *store.Session
	for _, set := range append(append([]string(nil), sets...), o.sets...) {
		if o.maria && !installation.MariaDB() {
			continue
		}
		s = s.WithSet([]byte(set), []string{"any"}, false)
	}
	return s
}

// TestOddSessions: the ledger's statements mean the same in any session, and
// leave what the client can ask of it alone.
func TestOddSessions(t *testing.T) {
	o := found(t)
	o.exec("CREATE TABLE app.numbered (no INT NOT NULL AUTO_INCREMENT PRIMARY KEY, id VARCHAR(50) UNIQUE)")
	for n, c := range odd {
		t.Run(c.name, func(t *testing.T) {
			session := c.and("SET sql_mode='" + strings.Join(c.modes, ",") + "'")
			id := fmt.Sprintf("o%d", n)
			k := []fence.Key{key(id)}
			run := func(sql string, wid uint64) (*text, []fence.Entry) {
				t.Helper()
				st := &text{sql: sql, session: session}
				entries := make([]fence.Entry, 1)
				changed, err := o.Write(t.Context(), o.guard(), st, k, wid, entries)
				if err != nil || !changed || st.answer.Err != nil {
					t.Fatalf("%s: Write = %v, %v, %+v", sql, changed, err, st.answer.Err)
				}
				return st, entries
			}
			run("INSERT INTO app.sessions (id, data) VALUES ('"+id+"', 'x')", 1)
			st, entries := run("UPDATE app.sessions SET n=LAST_INSERT_ID(77), data='y' WHERE id='"+id+"'", 2)
			if entries[0].Version.N != 2 || entries[0].Image == nil || st.answer.InsertID != 77 || st.answer.Warnings != 0 {
				t.Errorf("Write: %+v, answer %+v", entries[0], st.answer)
			}
			marks := make([]fence.Entry, 1)
			read := &text{sql: "SELECT n FROM app.sessions WHERE id='" + id + "'", session: session}
			if err := o.Read(t.Context(), o.guard(), read, k, marks); err != nil || marks[0].Version.ID != 2 {
				t.Errorf("Read: %v, %+v", err, marks[0])
			}
			_, entries = run("DELETE FROM app.sessions WHERE id='"+id+"'", 3)
			if !entries[0].Flags.Has(view.Deleted) {
				t.Errorf("DELETE: %+v", entries[0])
			}
			// What is asked on the same connection afterwards.
			c, err := o.st.Get(t.Context(), store.Login{User: login.User, Password: login.Password, Capabilities: 1 << 24}, session, false)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Release()
			pinned := &text{sql: "UPDATE app.sessions SET n=LAST_INSERT_ID(78) WHERE id='nobody'", session: session, conn: c}
			pinned.sql = "INSERT INTO app.sessions (id, n) VALUES ('" + id + "', LAST_INSERT_ID(78))"
			if _, err := o.Write(t.Context(), o.guard(), pinned, k, 4, entries); err != nil {
				t.Fatal(err)
			}
			rows, err := c.Query(t.Context(), "SELECT CAST(LAST_INSERT_ID() AS BINARY)")
			if err != nil || string(rows[0][0]) != "78" {
				t.Errorf("LAST_INSERT_ID() = %q, %v, want 78", rows, err)
			}
		})
	}
}
