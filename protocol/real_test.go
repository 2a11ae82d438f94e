package protocol

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// realClient logs in to a real server.
func realClient(t *testing.T, addr string, dep bool) *rawClient {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	c := &rawClient{Conn: NewConn(nc)}
	p, err := c.ReadPacket(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	c.readGreeting(t, p)
	caps := rawCaps&^ClientConnectAttrs | ClientMultiStatements | ClientMultiResults | ClientPSMultiResults
	if dep {
		caps |= ClientDeprecateEOF
	}
	c.respond(t, caps, mariadbtest.User, "", pluginNative, scrambleNative(c.scramble[:], mariadbtest.Password))
	for {
		p := c.read(t)
		switch p[0] {
		case headerEOF: // MySQL asks for its own plugin
			f := fields{b: p[1:]}
			plugin := string(f.null())
			c.packet(t, scrambleOf(plugin)(bytes.Clone(f.null()), mariadbtest.Password))
		case headerOK:
			return c
		case fastAuthOK[0]:
		default:
			t.Fatalf("login: %q", p)
		}
	}
}

// ask sends a command and follows its answer, which must end where the framer
// says so: a ping behind it gets its own answer.
func (c *rawClient) ask(t *testing.T, kind AnswerKind, dep bool, cmd Command, rest []byte) (*Answer, []byte) {
	t.Helper()
	c.send(t, cmd, string(rest))
	c.ResetSequence()
	c.packet(t, []byte{byte(ComPing)})
	var f Framer
	var b bytes.Buffer
	f.Reset(kind, dep, 1)
	if _, err := f.Relay(&b, c.Conn); err != nil {
		t.Fatalf("%q: %v", rest, err)
	}
	var ping Framer
	ping.Reset(AnswerResult, dep, 1)
	if n, err := ping.Relay(io.Discard, c.Conn); err != nil || n != 11 || ping.Answer().Err != nil {
		t.Fatalf("behind %.100q: %d bytes instead of a ping's answer (%v)", rest, n, err)
	}
	return f.Answer(), b.Bytes()
}

func TestFramerFollowsARealServer(t *testing.T) {
	in, err := mariadbtest.Install()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	t.Run("servers", func(t *testing.T) {
		addr := in.Start(t, 1, "--max-allowed-packet=64M")[0].Addr()
		for _, dep := range []bool{false, true} {
			t.Run(fmt.Sprintf("deprecate EOF %v", dep), func(t *testing.T) { followRealServer(t, addr, dep, in.MariaDB()) })
		}
	})
}

func followRealServer(t *testing.T, addr string, dep, mariaDB bool) {
	noLocal := uint16(3948) // LOAD DATA LOCAL without CLIENT_LOCAL_FILES
	if mariaDB {
		noLocal = 4166
	}
	c := realClient(t, addr, dep)
	query := func(sql string) *Answer {
		t.Helper()
		a, _ := c.ask(t, AnswerResult, dep, ComQuery, []byte(sql))
		return a
	}
	for _, sql := range []string{
		"DROP DATABASE IF EXISTS framer", "CREATE DATABASE framer", "USE framer",
		"CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT)",
		"CREATE TABLE hundred AS WITH RECURSIVE r AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM r WHERE seq < 100) SELECT seq FROM r",
		"CREATE PROCEDURE two() BEGIN SELECT 1; SELECT 2, 3; END",
		"CREATE PROCEDURE fails() BEGIN SELECT 1; SELECT * FROM missing; END",
		"CREATE PROCEDURE gives(OUT x INT) BEGIN SELECT 7; SET x = 5; END",
	} {
		if a := query(sql); a.Err != nil {
			t.Fatalf("%s: %v", sql, a.Err)
		}
	}
	for _, tc := range []struct {
		sql  string
		want Answer
	}{
		{"INSERT INTO t (v) VALUES ('a'), ('b'), ('c')", Answer{AffectedRows: 3, InsertID: 1, Status: StatusAutocommit}},
		{"SELECT * FROM t", Answer{Columns: 2, Rows: 3}},
		{"SELECT * FROM t WHERE 0", Answer{Columns: 2}},
		{"SELECT REPEAT('x', 100000), NULL, ''", Answer{Columns: 3, Rows: 1}},
		{fmt.Sprintf("SELECT REPEAT('x', %d)", MaxFrame-4), Answer{Columns: 1, Rows: 1}},
		{fmt.Sprintf("SELECT REPEAT('x', %d) UNION ALL SELECT 'y'", MaxFrame-9), Answer{Columns: 1, Rows: 2}},
		{"SELECT REPEAT('x', 20000000)", Answer{Columns: 1, Rows: 1}},
		{"SELECT 1; INSERT INTO t (v) VALUES ('d'); SELECT 2", Answer{Columns: 1, Rows: 2}},
		{"SELECT 1; DO 0", Answer{Rows: 1}},
		{"CALL two()", Answer{Rows: 2}},
		{"BEGIN", Answer{}},
		{"COMMIT", Answer{}},
		{"SELECT a.seq FROM hundred a, hundred b", Answer{Columns: 1, Rows: 10000}},
		{"SHOW TABLES", Answer{Columns: 1, Rows: 2}},
	} {
		a := query(tc.sql)
		if a.Err != nil || a.Columns != tc.want.Columns || a.Rows != tc.want.Rows || tc.want.InsertID > 0 && *a != tc.want {
			t.Errorf("%.80s: %+v, want %+v", tc.sql, *a, tc.want)
		}
	}
	for _, tc := range []struct {
		sql  string
		code uint16
	}{
		{"SELECT * FROM missing", ErrNoSuchTable},
		{"SELECT 1; SELECT * FROM missing; SELECT 2", ErrNoSuchTable},
		{"CALL fails()", ErrNoSuchTable},
		{"no statement", ErrParse},
		{"LOAD DATA LOCAL INFILE '/nowhere' INTO TABLE t", noLocal},
	} {
		if a := query(tc.sql); a.Err == nil || a.Err.Code != tc.code {
			t.Errorf("%s: %+v, want error %d", tc.sql, *a, tc.code)
		}
	}
	followPrepared(t, c, dep)
	fields, b := c.ask(t, AnswerFields, dep, ComFieldList, []byte("t\x00"))
	if fields.Err != nil || bytes.Count(b, []byte("\x03def")) != 2 {
		t.Errorf("COM_FIELD_LIST: %+v, %q", *fields, b)
	}
}

// followPrepared follows prepared statements, with and without a cursor.
func followPrepared(t *testing.T, c *rawClient, dep bool) {
	for _, tc := range []struct {
		sql             string
		params, columns int
	}{
		{"SELECT * FROM t WHERE id < ? OR v = ?", 2, 2},
		{"INSERT INTO t (v) VALUES (?)", 1, 0},
		{"SELECT 1", 0, 1},
		{"DO 0", 0, 0},
	} {
		a, _ := c.ask(t, AnswerPrepare, dep, ComStmtPrepare, []byte(tc.sql))
		if a.Err != nil || int(a.Params) != tc.params || a.Columns != tc.columns || a.StmtID == 0 {
			t.Errorf("PREPARE %s: %+v", tc.sql, *a)
		}
	}
	if a, _ := c.ask(t, AnswerPrepare, dep, ComStmtPrepare, []byte("SELECT * FROM missing")); a.Err == nil || a.Err.Code != ErrNoSuchTable {
		t.Errorf("PREPARE of a missing table: %+v", *a)
	}

	a, _ := c.ask(t, AnswerPrepare, dep, ComStmtPrepare, []byte("SELECT seq, ? FROM hundred"))
	id := a.StmtID
	execute := func(flags byte) (*Answer, []byte) {
		p := executePacket(id, []byte{0}, []byte{253, 0}, AppendLenencBytes(nil, "value"))
		p[5] = flags
		return c.ask(t, AnswerResult, dep, ComStmtExecute, p[1:])
	}
	if a, _ := execute(0); a.Err != nil || a.Rows != 100 || a.Columns != 2 {
		t.Errorf("EXECUTE: %+v", *a)
	}
	cursor, _ := execute(1)
	if cursor.Err != nil || cursor.Rows != 0 || cursor.Columns != 2 || !cursor.Status.Has(StatusCursorExists) {
		t.Errorf("EXECUTE with a cursor: %+v", *cursor)
	}
	rows := uint64(0)
	for range 4 {
		p := binary.LittleEndian.AppendUint32(nil, id)
		p = binary.LittleEndian.AppendUint32(p, 30)
		a, _ := c.ask(t, AnswerRows, dep, ComStmtFetch, p)
		if a.Err != nil {
			t.Fatalf("FETCH: %v", a.Err)
		}
		rows += a.Rows
		if a.Status.Has(StatusLastRowSent) != (rows == 100) {
			t.Errorf("FETCH: %+v after %d rows", *a, rows)
		}
	}
	if rows != 100 {
		t.Errorf("%d rows fetched, want 100", rows)
	}
	p := binary.LittleEndian.AppendUint32(nil, id)
	if a, _ := c.ask(t, AnswerResult, dep, ComStmtReset, p); a.Err != nil {
		t.Errorf("RESET: %v", a.Err)
	}
	if a, _ := c.ask(t, AnswerRows, dep, ComStmtFetch, append(p, 1, 0, 0, 0)); a.Err == nil {
		t.Errorf("FETCH without a cursor: %+v", *a)
	}
	if a, _ := c.ask(t, AnswerResult, dep, ComSetOption, []byte{0, 0}); a.Err != nil {
		t.Errorf("SET_OPTION: %v", a.Err)
	}
	followCall(t, c, dep)
}

// followCall follows a procedure's answer with its OUT parameters.
func followCall(t *testing.T, c *rawClient, dep bool) {
	a, _ := c.ask(t, AnswerPrepare, dep, ComStmtPrepare, []byte("CALL gives(?)"))
	p := executePacket(a.StmtID, []byte{1}, []byte{TypeLong, 0})
	a, b := c.ask(t, AnswerResult, dep, ComStmtExecute, p[1:])
	if a.Err != nil || a.Rows != 2 {
		t.Errorf("CALL with an OUT parameter: %+v, %s", *a, strings.ToValidUTF8(string(b), "?"))
	}
}
