package protocol

import (
	"bytes"
	"crypto/tls"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// users are the test server's credentials.
type users map[string]string

func (u users) Password(user string) (string, bool) {
	p, ok := u[user]
	return p, ok
}

var testUsers = users{"app": "secret", "other": "geheim", "nobody": ""}

// testHandler answers a few statements by itself; see testSession.Command.
type testHandler struct {
	opened, closed, reset atomic.Int64
	sessions              sync.Map // of those that have locked: *testSession by id
}

// unlock frees what a client has locked.
func (h *testHandler) unlock(id uint32) {
	s, _ := h.sessions.Load(id)
	s.(*testSession).holds.Store(false)
}

func (h *testHandler) Open(c *Client) (Session, error) {
	if c.DB == "missing" {
		return nil, Errorf(ErrBadDB, "Unknown database '%s'", c.DB)
	}
	if c.Attributes.Get("panic") != "" {
		panic("in Open")
	}
	h.opened.Add(1)
	return &testSession{c: c, h: h, aborted: make(chan *Error, 10)}, nil
}

// Adopt makes a session of what Pack says.
func (h *testHandler) Adopt(c *Client, record json.RawMessage) (Session, error) {
	s := &testSession{c: c, h: h, aborted: make(chan *Error, 10)}
	if err := json.Unmarshal(record, &s.kept); err != nil {
		return nil, err
	}
	if s.kept < 0 {
		panic("in Adopt")
	}
	h.opened.Add(1)
	return s, nil
}

type testSession struct {
	c       *Client
	h       *testHandler
	aborted chan *Error
	kept    int // STMT_CLOSE and SEND_LONG_DATA commands
	holds   atomic.Bool
	large   bool         // too much to be packed
	packed  atomic.Int64 // how often that was asked for
}

func (s *testSession) Command(cmd Command, payload []byte) error {
	if cmd != ComQuery {
		if cmd == ComPing {
			return s.c.WriteOK(OK{})
		}
		if !answered(cmd) {
			s.kept++
			return Errorf(ErrUnknown, "not to be sent")
		}
		return s.c.WriteOK(OK{Info: fmt.Sprintf("command %d", cmd)})
	}
	text := string(payload[1:])
	verb, arg, _ := strings.Cut(text, " ")
	switch verb {
	case "whoami":
		return s.row(s.c.User, s.c.DB, fmt.Sprint(s.c.TLS), fmt.Sprint(s.c.Collation), fmt.Sprint(uint32(s.c.Capabilities)), s.c.Attributes.Get("program_name"), fmt.Sprint(s.kept))
	case "echo":
		return s.row(arg)
	case "null":
		return s.c.WriteResult([]Column{{Name: "v", Type: 253, Charset: 63}}, [][][]byte{{nil}, {{}}})
	case "fail":
		return Errorf(ErrNoSuchTable, "Table '%s' doesn't exist", arg)
	case "break":
		s.c.WriteOK(OK{})
		return Errorf(ErrUnknown, "too late")
	case "die":
		return io.ErrUnexpectedEOF
	case "panic":
		panic("in Command")
	case "begin":
		s.c.Status |= StatusInTrans
	case "commit":
		s.c.Status &^= StatusInTrans
	case "wait":
		select {
		case cause := <-s.aborted:
			return cause
		case <-time.After(patience):
			return errors.New("nobody aborts")
		}
	case "large":
		s.h.sessions.Store(s.c.ID, s)
		s.large = true
	case "lock":
		s.h.sessions.Store(s.c.ID, s)
		s.holds.Store(true)
	case "kill":
		var id uint32
		fmt.Sscan(arg, &id)
		if err := s.c.server.Kill(id, false, s.c); err != nil {
			return err
		}
	}
	return s.c.WriteOK(OK{AffectedRows: 3, InsertID: 4})
}

func (s *testSession) row(values ...string) error {
	var columns []Column
	var row [][]byte
	for i, v := range values {
		columns = append(columns, Column{Name: fmt.Sprintf("c%d", i), Type: 253, Charset: 45, Length: 1000})
		row = append(row, []byte(v))
	}
	return s.c.WriteResult(columns, [][][]byte{row})
}

func (s *testSession) Reset() error {
	s.h.reset.Add(1)
	s.c.Status = StatusAutocommit
	if s.c.DB == "missing" {
		return Errorf(ErrBadDB, "Unknown database '%s'", s.c.DB)
	}
	return nil
}

func (s *testSession) Abort(cause *Error, all bool) { s.aborted <- cause }

func (s *testSession) Holds() bool { return s.holds.Load() }

func (s *testSession) Close() { s.h.closed.Add(1) }

func (s *testSession) Pack(most int) (json.RawMessage, string) {
	if s.packed.Add(1); s.large {
		return nil, TooLarge
	}
	if s.holds.Load() {
		return nil, "holds a lock"
	}
	record, err := json.Marshal(s.kept)
	if err != nil {
		return nil, err.Error()
	}
	return record, ""
}

// syncBuffer is a log that tests can read.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// testServer is a Server with a testHandler on a loopback port.
type testServer struct {
	*Server
	h    *testHandler
	addr string
	log  *syncBuffer
}

func startServer(t testing.TB, change func(*Server)) *testServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, change)
}

func serveOn(t testing.TB, l net.Listener, change func(*Server)) *testServer {
	t.Helper()
	h, log := &testHandler{}, &syncBuffer{}
	s := &Server{
		Handler:     h,
		Credentials: testUsers,
		Log:         slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Version:     func() string { return "10.11.9-MariaDB" },
	}
	if change != nil {
		change(s)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != net.ErrClosed {
			t.Errorf("Serve = %v, want net.ErrClosed", err)
		}
		if h.opened.Load() != h.closed.Load() {
			t.Errorf("%d sessions opened, %d closed", h.opened.Load(), h.closed.Load())
		}
		if n := s.Clients(); n != 0 {
			t.Errorf("%d clients after Close", n)
		}
	})
	return &testServer{s, h, l.Addr().String(), log}
}

// selfSigned returns the TLS configuration of a server.
func selfSigned(t testing.TB) *tls.Config {
	t.Helper()
	cert, err := SelfSigned("proxy.test", "10.1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{*cert}}
}

// open returns a pool of one connection through the usual Go driver.
func (s *testServer) open(t testing.TB, change func(*mysql.Config)) *sql.DB {
	t.Helper()
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.Timeout = "app", "secret", "tcp", s.addr, patience
	c.Logger = &mysql.NopLogger{}
	if change != nil {
		change(c)
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func TestAnswersThroughDriver(t *testing.T) {
	s := startServer(t, nil)
	db := s.open(t, func(c *mysql.Config) { c.MaxAllowedPacket = 64 << 20 })
	r, err := db.Exec("insert")
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := r.RowsAffected(); n != 3 {
		t.Errorf("RowsAffected() = %d, want 3", n)
	}
	if n, _ := r.LastInsertId(); n != 4 {
		t.Errorf("LastInsertId() = %d, want 4", n)
	}
	rows, err := db.Query("null")
	if err != nil {
		t.Fatal(err)
	}
	var got []sql.RawBytes
	var nulls []bool
	for rows.Next() {
		var v sql.RawBytes
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		got, nulls = append(got, v), append(nulls, v == nil)
	}
	if err := rows.Err(); err != nil || len(got) != 2 || !nulls[0] || nulls[1] {
		t.Errorf("rows: %q, null: %v, %v", got, nulls, err)
	}
	for _, n := range []int{0, 250, 251, 70_000, 200_000, MaxFrame - 4, MaxFrame + 100, 20 << 20} {
		want := strings.Repeat("x", n)
		var v string
		if err := db.QueryRow("echo " + want).Scan(&v); err != nil || v != want {
			t.Errorf("echo of %d bytes: %d bytes, %v", n, len(v), err)
		}
	}
	var e *mysql.MySQLError
	if _, err := db.Exec("fail t"); !errors.As(err, &e) || e.Number != 1146 || string(e.SQLState[:]) != "42S02" {
		t.Errorf("fail: %v, want error 1146 (42S02)", err)
	}
	if err := db.Ping(); err != nil {
		t.Errorf("after an error: %v", err)
	}
}

func TestUnixSocket(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "sock"))
	if err != nil {
		t.Fatal(err)
	}
	s := serveOn(t, l, func(s *Server) { s.RequireTLS = true })
	db := s.open(t, func(c *mysql.Config) { c.Net, c.Addr = "unix", l.Addr().String() })
	if got := whoami(t, db); got.user != "app" {
		t.Errorf("whoami = %+v", got)
	}
	err = s.open(t, func(c *mysql.Config) { c.Net, c.Addr, c.Passwd = "unix", l.Addr().String(), "x" }).Ping()
	if err == nil || !strings.Contains(err.Error(), "'app'@'localhost'") {
		t.Errorf("wrong password: %v", err)
	}
}

func TestTooManyConnections(t *testing.T) {
	s := startServer(t, func(s *Server) { s.MaxClients = 2 })
	a, b := s.open(t, nil), s.open(t, nil)
	if a.Ping() != nil || b.Ping() != nil {
		t.Fatal("the first two clients can't log in")
	}
	var e *mysql.MySQLError
	if err := s.open(t, nil).Ping(); !errors.As(err, &e) || e.Number != 1040 || e.Message != "Too many connections" {
		t.Errorf("third client: %v, want error 1040", err)
	}
	a.Close()
	waitFor(t, "a place to be free", func() bool { return s.Clients() == 1 })
	waitFor(t, "a new client to be let in", func() bool { return s.open(t, nil).Ping() == nil })
	if s.Stats().Refused == 0 {
		t.Error("nothing was counted as refused")
	}
}

func TestPanicEndsOneClient(t *testing.T) {
	s := startServer(t, nil)
	other := s.open(t, nil)
	if err := other.Ping(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.open(t, nil).Exec("panic"); err == nil {
		t.Error("panic: no error")
	}
	if err := s.open(t, func(c *mysql.Config) { c.ConnectionAttributes = "panic:yes" }).Ping(); err == nil {
		t.Error("panic in Open: no error")
	}
	if err := other.Ping(); err != nil {
		t.Errorf("the other client: %v", err)
	}
	waitFor(t, "both panics to be counted", func() bool { return s.Stats().Panics == 2 })
	if log := s.log.String(); !strings.Contains(log, "in Command") || !strings.Contains(log, "testSession") {
		t.Errorf("no panic with its stack in the log: %s", log)
	}
}

func TestBrokenAnswersEndTheConnection(t *testing.T) {
	s := startServer(t, nil)
	for _, text := range []string{"die", "break"} {
		c := s.login(t)
		c.send(t, ComQuery, text)
		c.expectEnd(t)
	}
}

func TestCloseEndsRunningCommands(t *testing.T) {
	s := startServer(t, nil)
	c := s.login(t)
	c.send(t, ComQuery, "wait")
	waitFor(t, "the command to run", func() bool { return s.Stats().Questions == 1 })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s.h.closed.Load() != 1 {
		t.Error("the session was not closed")
	}
}
