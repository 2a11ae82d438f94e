package store

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

const state = "SELECT @@sql_mode, @@time_zone, @@character_set_client, @@collation_connection, @@autocommit, DATABASE(), @a"

var (
	ansi     = set{"SET sql_mode='ANSI_QUOTES'", "sql_mode"}
	noBack   = set{"SET sql_mode='NO_BACKSLASH_ESCAPES'", "sql_mode"}
	addMode  = set{"SET SESSION sql_mode=CONCAT(@@sql_mode, ',PAD_CHAR_TO_FULL_LENGTH')", "sql_mode=?"}
	zoneTwo  = set{"SET time_zone='+02:00'", "time_zone"}
	latin1   = set{"SET NAMES latin1", "names"}
	userVar  = set{"SET @a=7", "@a"}
	wrongSet = set{"SET sql_mode='nonsense'", "sql_mode"}
)

// statements counts what the store was asked on this connection.
func statements(t *testing.T, c *Conn) string {
	t.Helper()
	return ask(t, c, "SHOW SESSION STATUS LIKE 'Questions'")
}

func TestAlign(t *testing.T) {
	srv := startServer(t)
	s := New(config(t, srv.Addr()))
	c := get(t, s, nil)
	exec(t, c, "CREATE DATABASE a")
	exec(t, c, "CREATE DATABASE b")
	login := ask(t, c, state)
	mode := strings.Fields(login)[0]
	var none *Session
	for _, tt := range []struct {
		name string
		want *Session
		got  string // "MODE" is the login's
	}{
		{"a variable", none.with(ansi), "ANSI_QUOTES SYSTEM utf8mb4 utf8mb4_general_ci 1 NULL NULL"},
		{"assigned anew", none.with(noBack), "NO_BACKSLASH_ESCAPES SYSTEM utf8mb4 utf8mb4_general_ci 1 NULL NULL"},
		{"one more", none.with(noBack, zoneTwo), "NO_BACKSLASH_ESCAPES +02:00 utf8mb4 utf8mb4_general_ci 1 NULL NULL"},
		{"reset", none.with(zoneTwo), "MODE +02:00 utf8mb4 utf8mb4_general_ci 1 NULL NULL"},
		{"an expression", none.with(zoneTwo, addMode), "MODE,PAD_CHAR_TO_FULL_LENGTH +02:00 utf8mb4 utf8mb4_general_ci 1 NULL NULL"},
		{"an expression after a constant", none.with(ansi, addMode), "ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH SYSTEM utf8mb4 utf8mb4_general_ci 1 NULL NULL"},
		{"charset", none.with(latin1, userVar), "MODE SYSTEM latin1 latin1_swedish_ci 1 NULL 7"},
		{"autocommit", none.with(latin1).WithAutocommit(false), "MODE SYSTEM latin1 latin1_swedish_ci 0 NULL NULL"},
		{"back to the login", nil, login},
		{"database", none.WithDB("a"), strings.Replace(login, "NULL", "a", 1)},
		{"another database", none.WithDB("b").WithAutocommit(false), strings.Replace(strings.Replace(login, "NULL", "b", 1), " 1 ", " 0 ", 1)},
		{"reset keeps the database", none.WithDB("b").with(ansi, userVar), "ANSI_QUOTES SYSTEM utf8mb4 utf8mb4_general_ci 1 b 7"},
		{"reset to another database", none.WithDB("a"), strings.Replace(login, "NULL", "a", 1)},
	} {
		if err := c.Align(context.Background(), tt.want); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got, want := ask(t, c, state), strings.Replace(tt.got, "MODE", mode, 1); got != want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, want)
		}
		if c.Status().Has(protocol.StatusAutocommit) != tt.want.Autocommit() {
			t.Errorf("%s: status %#x", tt.name, c.Status())
		}
		before := c.ThreadID()
		asked := statements(t, c)
		if err := c.Align(context.Background(), tt.want.WithDB(tt.want.DB())); err != nil {
			t.Fatal(err)
		}
		c.Release()
		c = get(t, s, tt.want)
		if c.ThreadID() != before {
			t.Errorf("%s: another connection", tt.name)
		}
		if after := statements(t, c); len(after) == len(asked) && after[len(after)-1]-asked[len(asked)-1] > 1 {
			t.Errorf("%s: %s statements, then %s: more than the question was asked", tt.name, asked, after)
		}
	}
	// A database can't be left, so another connection must serve.
	before := c.ThreadID()
	c.Release()
	c = get(t, s, nil)
	if c.ThreadID() == before {
		t.Error("a connection left its database")
	}
	if got := ask(t, c, state); got != login {
		t.Errorf("got %s, want %s", got, login)
	}
	c.Release()
}

func TestAlignErrors(t *testing.T) {
	srv := startServer(t)
	s := New(config(t, srv.Addr()))
	c := get(t, s, nil)
	exec(t, c, "CREATE DATABASE a")
	login := ask(t, c, state)
	c.Release()
	var none *Session
	for _, tt := range []struct {
		name string
		want *Session
		code uint16
	}{
		{"unknown database", none.WithDB("nowhere"), protocol.ErrBadDB},
		{"wrong value", none.with(wrongSet), 1231},
		{"wrong value among right ones", none.WithDB("a").with(zoneTwo, wrongSet, userVar), 1231},
	} {
		_, err := s.Get(context.Background(), app, tt.want, false)
		var e *protocol.Error
		if !errors.As(err, &e) || e.Code != tt.code {
			t.Errorf("%s: %v, want error %d", tt.name, err, tt.code)
		}
		c := get(t, s, nil)
		if got := ask(t, c, state); got != login {
			t.Errorf("%s: left behind %s, want %s", tt.name, got, login)
		}
		c.Release()
	}
	if s.State() != Up {
		t.Errorf("the store is %v", s.State())
	}
}

// What a connection holds is never lost to an alignment.
func TestAlignNeverResetsATransaction(t *testing.T) {
	s := New(config(t, startServer(t).Addr()))
	c := get(t, s, (*Session)(nil).with(ansi, zoneTwo))
	exec(t, c, "START TRANSACTION")
	err := c.Align(context.Background(), (*Session)(nil).with(ansi))
	var e *protocol.Error
	if !errors.As(err, &e) || e.Code != protocol.ErrNotSupportedYet {
		t.Fatalf("Align = %v", err)
	}
	if err := c.Align(context.Background(), (*Session)(nil).with(noBack, zoneTwo)); err != nil {
		t.Fatalf("Align without a reset = %v", err)
	}
	exec(t, c, "ROLLBACK")
	c.Release()
}

// What one client leaves behind must not reach the next one.
func TestReleaseOfADirtyConnection(t *testing.T) {
	srv := startServer(t)
	s := New(config(t, srv.Addr()))
	other := New(config(t, srv.Addr()))
	c := get(t, other, nil)
	exec(t, c, "CREATE DATABASE a")
	exec(t, c, "CREATE TABLE a.t (a INT) ENGINE=InnoDB")
	c.Release()
	var none *Session
	for _, tt := range []struct {
		name  string
		do    []string
		taint bool
		check string // on the next connection
		want  string
	}{
		{"lock", []string{"SELECT GET_LOCK('l', 1)"}, true, "SELECT IS_FREE_LOCK('l')", "1"},
		{"temporary table", []string{"CREATE TEMPORARY TABLE a.x (a INT)"}, true,
			"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='a' AND table_name='x'", "0"},
		{"user variable", []string{"SET @a=1"}, true, "SELECT @a", "NULL"},
		{"sql_mode", []string{"SET sql_mode=''"}, true, "SELECT @@sql_mode<>''", "1"},
		{"prepared statement", []string{"PREPARE p FROM 'SELECT 1'"}, true,
			stmtCount, "Prepared_stmt_count 0"},
		{"transaction", []string{"START TRANSACTION", "INSERT INTO a.t VALUES (1)"}, false, "SELECT COUNT(*) FROM a.t", "0"},
		{"autocommit off", []string{"SET autocommit=0", "INSERT INTO a.t VALUES (1)"}, false, "SELECT @@autocommit, (SELECT COUNT(*) FROM a.t)", "1 0"},
		{"charset", []string{"SET NAMES latin1"}, true, "SELECT @@character_set_client", "utf8mb4"},
		{"isolation", []string{"SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"}, true, "SELECT @@" + isolation(), "REPEATABLE-READ"},
	} {
		// A reset that takes longer than resetPatience, as on a busy machine, is
		// not waited for: another connection is right then.
		for deadline := time.Now().Add(30 * time.Second); ; c.Release() {
			c = get(t, s, none.with(userVar))
			id := c.ThreadID()
			for _, sql := range tt.do {
				if strings.HasPrefix(sql, "SELECT") {
					ask(t, c, sql)
				} else {
					exec(t, c, sql)
				}
			}
			if tt.taint {
				c.Taint()
			}
			c.Release()
			c = get(t, s, nil)
			if c.ThreadID() == id {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("%s: another connection each time", tt.name)
				break
			}
		}
		if got := ask(t, c, tt.check); got != tt.want {
			t.Errorf("%s: %s = %s, want %s", tt.name, tt.check, got, tt.want)
		}
		c.Release()
	}
}

func TestReleaseClosesWhatIsNotClean(t *testing.T) {
	s := New(config(t, startServer(t).Addr()))
	query := func(sql string) []byte { return append([]byte{byte(protocol.ComQuery)}, sql...) }
	for _, tt := range []struct {
		name string
		do   func(c *Conn)
	}{
		{"an answer is unread", func(c *Conn) {
			c.Begin(time.Time{})
			c.Queue(query("SELECT 1"))
			c.Send()
			c.Await()
		}},
		{"one of two answers is unread", func(c *Conn) {
			c.Begin(time.Time{})
			c.Queue(query("SELECT 1"))
			c.Queue(query("SELECT 2"))
			c.Send()
			var f protocol.Framer
			f.Reset(protocol.AnswerResult, true, 1)
			c.Relay(io.Discard, &f)
		}},
		{"a command was not sent", func(c *Conn) { c.Queue(query("SELECT 1")) }},
		{"aborted", func(c *Conn) { c.Abort() }},
		{"killed", func(c *Conn) {
			k := get(t, s, nil)
			exec(t, k, "KILL "+itoa(c.ThreadID()))
			k.Release()
			eventually(t, "the store closes it", func() bool { return !c.pc.Alive() })
			if _, err := c.Exec(context.Background(), "SELECT 1"); err == nil {
				t.Error("killed: no error")
			} else if ne := new(NetError); !errors.As(err, &ne) {
				t.Errorf("killed: %v is no NetError", err)
			}
		}},
	} {
		c := get(t, s, (*Session)(nil).with(userVar))
		tt.do(c)
		c.Release()
		for range 3 {
			if next := get(t, s, nil); next == c {
				t.Errorf("%s: the connection was used again", tt.name)
			} else {
				defer next.Release()
			}
		}
	}
	if st := s.Stats(); st.Open != st.Idle+3*5 {
		t.Errorf("%d open, %d idle, want 15 more", st.Open, st.Idle)
	}
}

// Commands that are queued already are answered in order though a statement of
// the package's own must go in between.
func TestPrepareBehindQueuedCommands(t *testing.T) {
	s := New(config(t, startServer(t).Addr()))
	var none *Session
	c := get(t, s, none.with(ansi, zoneTwo, userVar))
	defer c.Release()
	// Its session differs in a variable that PREPARE does not look at, and in
	// one that it does and that can be assigned anew.
	st := &Stmt{Text: []byte("SELECT @@timestamp, @@sql_mode"), Session: none.with(zoneTwo, userVar, noBack)}
	c.Begin(time.Time{})
	if err := c.Queue([]byte("\x03SET timestamp=1000")); err != nil {
		t.Fatal(err)
	}
	if err := c.Queue([]byte("\x03SELECT 'early'")); err != nil {
		t.Fatal(err)
	}
	id, err := c.StmtID(context.Background(), st)
	if err != nil {
		t.Fatal(err)
	}
	c.Queue([]byte{byte(protocol.ComStmtExecute), byte(id), byte(id >> 8), 0, 0, 0, 1, 0, 0, 0})
	if err := c.Send(); err != nil {
		t.Fatal(err)
	}
	var answers [3]string
	for i := range answers {
		if e, err := c.Await(); e != nil || err != nil {
			t.Fatal(e, err)
		}
		var f protocol.Framer
		f.Reset(protocol.AnswerResult, c.DeprecateEOF(), 1)
		if i == 1 {
			var b strings.Builder
			if _, err := c.Relay(&b, &f); err != nil {
				t.Fatal(err)
			}
			answers[i] = b.String()
			continue
		}
		b, err := c.Read(&f, 1<<16)
		if err != nil {
			t.Fatal(err)
		}
		answers[i] = string(b)
	}
	// 1000 as a double, and the mode that the connection has again.
	if answers[0][4] != 0 || !strings.Contains(answers[1], "early") || !strings.Contains(answers[2], "\x00@\x8f@\vANSI_QUOTES") {
		t.Errorf("answers %q", answers)
	}
	if c.unread != 0 || c.early != nil {
		t.Errorf("%d answers left, %q", c.unread, c.early)
	}
}
