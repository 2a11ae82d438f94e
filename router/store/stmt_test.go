package store

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/protocol"
)

const stmtCount = "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'"

func execute(t testing.TB, c *Conn, id uint32) (string, error) {
	t.Helper()
	c.Begin(time.Time{})
	b := []byte{byte(protocol.ComStmtExecute), byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24), 0, 1, 0, 0, 0}
	if err := errors.Join(c.Queue(b), c.Send()); err != nil {
		return "", err
	}
	var f protocol.Framer
	f.Reset(protocol.AnswerResult, c.DeprecateEOF(), 1)
	var out strings.Builder
	if _, err := c.Relay(&out, &f); err != nil {
		return "", err
	}
	if e := f.Answer().Err; e != nil {
		return "", e
	}
	return out.String(), nil
}

func TestStatements(t *testing.T) {
	srv := startServer(t)
	s := New(config(t, srv.Addr()))
	run(t, s)
	watch := New(config(t, srv.Addr()))
	count := func() string {
		c := get(t, watch, nil)
		defer c.Release()
		return strings.TrimPrefix(ask(t, c, stmtCount), "Prepared_stmt_count ")
	}
	ctx := context.Background()

	// On three connections, one of which is in use when it is closed.
	st, other := &Stmt{Text: []byte("SELECT 'one'")}, &Stmt{Text: []byte("SELECT 'two'")}
	var conns []*Conn
	for range 3 {
		conns = append(conns, get(t, s, nil))
	}
	for _, c := range conns {
		id, err := c.StmtID(ctx, st)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := c.StmtID(ctx, st); again != id || err != nil {
			t.Errorf("prepared again: %d, %v, want %d", again, err, id)
		}
		if out, err := execute(t, c, id); err != nil || !strings.Contains(out, "one") {
			t.Errorf("execute: %q, %v", out, err)
		}
	}
	if _, err := conns[0].StmtID(ctx, other); err != nil {
		t.Fatal(err)
	}
	if got := count(); got != "4" {
		t.Errorf("%s statements, want 4", got)
	}
	conns[1].Release()
	conns[2].Release()
	st.Close()
	eventually(t, "the idle ones are closed", func() bool { return count() == "2" })
	if got := ask(t, conns[0], stmtCount); got != "Prepared_stmt_count 1" { // the close goes first
		t.Errorf("%s statements after the next command, want 1", got)
	}
	other.Close()
	conns[0].Release()
	eventually(t, "all are closed", func() bool { return count() == "0" })

	// A reset forgets them, and a closed statement is not prepared for good.
	c := get(t, s, nil)
	var e *protocol.Error
	if _, err := c.StmtID(ctx, st); !errors.As(err, &e) || e.Code != protocol.ErrUnknownStmtHandler {
		t.Errorf("StmtID of a closed Stmt = %v", err)
	}
	ask(t, c, "SELECT 1")
	if got := count(); got != "0" {
		t.Errorf("%s statements of a closed Stmt", got)
	}
	st = &Stmt{Text: []byte("SELECT 'three'")}
	if _, err := c.StmtID(ctx, st); err != nil {
		t.Fatal(err)
	}
	c.Taint()
	c.Release()
	c = get(t, s, nil)
	id, err := c.StmtID(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := execute(t, c, id); err != nil || !strings.Contains(out, "three") {
		t.Errorf("execute after a reset: %q, %v", out, err)
	}
	st.Close()
	c.Release()
	eventually(t, "all are closed", func() bool { return count() == "0" })

	// An error of PREPARE is the store's word.
	c = get(t, s, nil)
	_, err = c.StmtID(ctx, &Stmt{Text: []byte("SELEC 1")})
	if !errors.As(err, &e) || e.Code != protocol.ErrParse {
		t.Errorf("StmtID = %v", err)
	}
	ask(t, c, "SELECT 1")
	c.Release()
}

// A statement is prepared in the state it was prepared in by its client.
func TestStatementsKeepTheirSession(t *testing.T) {
	s := New(config(t, startServer(t).Addr()))
	var none *Session
	ctx := context.Background()
	st := &Stmt{Text: []byte(`SELECT "text"`), Session: none.with(noBack)}
	now := none.with(ansi, zoneTwo)
	c := get(t, s, now)
	defer c.Release()
	id, err := c.StmtID(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := execute(t, c, id); err != nil || !strings.Contains(out, "text") {
		t.Errorf("execute: %q, %v", out, err)
	}
	if got := ask(t, c, "SELECT @@sql_mode, @@time_zone"); got != "ANSI_QUOTES +02:00" {
		t.Errorf("the connection is left with %s", got)
	}
	// In a transaction, where a reset would be needed, it is refused.
	exec(t, c, "START TRANSACTION")
	_, err = c.StmtID(ctx, &Stmt{Text: []byte(`SELECT "more"`), Session: none.with(noBack)})
	var e *protocol.Error
	if !errors.As(err, &e) || e.Code != protocol.ErrNotSupportedYet {
		t.Errorf("StmtID in a transaction = %v", err)
	}
	// A variable that the parser does not look at is no reason to refuse.
	if _, err = c.StmtID(ctx, &Stmt{Text: []byte(`SELECT 1`), Session: none.with(ansi)}); err != nil {
		t.Errorf("StmtID in a transaction = %v", err)
	}
	exec(t, c, "ROLLBACK")
}

func TestStatementsAreBounded(t *testing.T) {
	c := &Conn{store: New(Config{})}
	first := &Stmt{}
	c.Adopt(first, 1)
	for id := uint32(2); id <= maxStatements+10; id++ {
		c.Adopt(&Stmt{}, id)
	}
	if len(c.stmts) != maxStatements || len(c.closes) != 10 {
		t.Errorf("%d statements, %d to be closed", len(c.stmts), len(c.closes))
	}
}

// Statements are closed from one goroutine while another one uses, resets or
// loses the connection.
func TestStatementsConcurrently(t *testing.T) {
	srv := startServer(t)
	s := New(config(t, srv.Addr()))
	run(t, s)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			ctx := context.Background()
			for j := range 40 {
				st := &Stmt{Text: []byte("SELECT 1")}
				for range 3 {
					c, err := s.Get(ctx, app, nil, false)
					if err != nil {
						t.Error(err)
						return
					}
					id, err := c.StmtID(ctx, st)
					if err == nil {
						_, err = execute(t, c, id)
					}
					if err != nil {
						t.Error(err)
					}
					switch (i + j) % 5 {
					case 0:
						c.Taint()
						c.Release()
					case 1:
						c.Discard()
					default:
						c.Release()
					}
				}
				st.Close()
			}
		})
	}
	wg.Wait()
	watch := New(config(t, srv.Addr()))
	eventually(t, "all are closed", func() bool {
		c := get(t, watch, nil)
		defer c.Release()
		return ask(t, c, stmtCount) == "Prepared_stmt_count 0"
	})
	if n := s.closes.Load(); n != 0 {
		t.Errorf("%d closes are counted", n)
	}
}

func TestLongAnswersAndRows(t *testing.T) {
	s := New(config(t, startServer(t).Addr()))
	for _, l := range []Login{app, {User: app.User, Password: app.Password}} {
		c := getAs(t, s, l, nil)
		rows, err := c.Query(context.Background(), "SELECT 'a', NULL, '' UNION ALL SELECT REPEAT('x', 300000), 'b', 'c'")
		if err != nil || len(rows) != 2 || string(rows[0][0]) != "a" || rows[0][1] != nil || rows[0][2] == nil || len(rows[1][0]) != 300000 {
			t.Errorf("%d rows, %v", len(rows), err)
		}
		if rows, err := c.Query(context.Background(), "DO 1"); rows != nil || err != nil {
			t.Errorf("%v, %v", rows, err)
		}
		if rows, err := c.Query(context.Background(), "SELECT 1 FROM DUAL WHERE 1=0"); rows != nil || err != nil {
			t.Errorf("%v, %v", rows, err)
		}
		c.Begin(time.Time{})
		c.Queue([]byte("\x03SELECT REPEAT('y', 20000000)"))
		c.Send()
		var f protocol.Framer
		f.Reset(protocol.AnswerResult, c.DeprecateEOF(), 1)
		if n, err := c.Relay(io.Discard, &f); err != nil || n < 20000000 {
			t.Errorf("Relay: %d bytes, %v", n, err)
		}
		c.Release()
	}
	if st := s.Stats(); st.Idle != 2 {
		t.Errorf("%+v", st)
	}
}
