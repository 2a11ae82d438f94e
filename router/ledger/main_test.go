package ledger

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // to look at the stores behind the ledger's back

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/internal/realstore"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

var installation *mariadbtest.Installation

func TestMain(m *testing.M) { os.Exit(mariadbtest.Main(m, &installation)) }

// patience is how long a test waits for what is to happen soon.
const patience = 2 * time.Minute

var login = store.Login{User: mariadbtest.User, Password: mariadbtest.Password}

// quiet logs to a test until that ends.
type quiet struct {
	mu sync.Mutex
	t  testing.TB
}

func (q *quiet) Write(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.t != nil {
		q.t.Log(string(b))
	}
	return len(b), nil
}

func logTo(t testing.TB) *slog.Logger {
	q := &quiet{t: t}
	t.Cleanup(func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.t = nil
	})
	return slog.New(slog.NewTextHandler(q, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// multiResults is a login over which a write by a form can be made.
var multiResults = store.Login{
	User: login.User, Password: login.Password, Capabilities: protocol.ClientDeprecateEOF | protocol.ClientMultiResults,
}

// wantForms wants forms to have been executed at least n times, where there are any.
func (o *one) wantForms(n int) {
	o.t.Helper()
	if !installation.MariaDB() {
		return
	}
	const q = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='Com_stmt_execute'"
	if got, err := strconv.Atoi(o.ask(q)); err != nil || got < n {
		o.t.Errorf("forms were executed %d times, %v, want at least %d", got, err, n)
	}
}

// runStore makes a store.Store for an address and runs it until the test ends.
func runStore(t testing.TB, name, addr string) *store.Store {
	st := store.New(store.Config{
		Name: name, Network: "tcp", Addr: addr, ProbeLogin: login, User: login.User, Password: login.Password,
		ConnectTimeout: 5 * time.Second, ProbeTimeout: 5 * time.Second,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = st.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return st
}

var sessions = Table{Number: 1, Schema: "app", Name: "sessions", Key: "id"}

const makeSessions = "CREATE TABLE app.sessions (id VARCHAR(64) NOT NULL PRIMARY KEY, data VARCHAR(200), n INT NOT NULL DEFAULT 0) " +
	"ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"

// one is a store that a test looks at.
type one struct {
	t      testing.TB
	server *realstore.Server
	st     *store.Store
	*Store
	view *view.View
	boot uint64
	db   *sql.DB
}

// found starts a server with a founded store on it.
func found(t testing.TB, args ...string) *one {
	t.Helper()
	o := unfounded(t, args...)
	o.exec(makeSessions)
	o.view = view.New(3)
	st := o.look()
	if !st.Blank {
		t.Fatalf("a new store is %+v, want it blank", st)
	}
	if err := o.Open(o.ctx(), st, fence.Found, o.view, 0); err != nil {
		t.Fatalf("Open(Found): %v", err)
	}
	o.boot = o.look().Boot
	if o.boot == 0 {
		t.Fatal("the gate is closed behind Found")
	}
	return o
}

func unfounded(t testing.TB, args ...string) *one {
	t.Helper()
	o := &one{t: t, server: installation.Start(t, 1, args...)[0]}
	o.st = runStore(t, "s0", o.server.Addr())
	o.Store = newStore(t, Config{Login: login, Tables: []Table{sessions}, Log: logTo(t)}, o.st)
	o.db = openDB(t, o.server)
	o.exec("CREATE DATABASE app")
	return o
}

// openDB looks at a server behind the ledger's back.
func openDB(t testing.TB, s *realstore.Server) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func newStore(t testing.TB, c Config, st *store.Store) *Store {
	t.Helper()
	l, err := New(c, []*store.Store{st}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l.Stores[0]
}

func (o *one) ctx() context.Context { return o.t.Context() }

func (o *one) look() fence.Status {
	o.t.Helper()
	st, err := o.Look(o.ctx(), fence.Beat{})
	if err != nil {
		o.t.Fatalf("Look: %v", err)
	}
	return st
}

func (o *one) exec(query string) {
	o.t.Helper()
	if _, err := o.db.Exec(query); err != nil {
		o.t.Fatalf("%s: %v", query, err)
	}
}

// ask returns the only value of a query; "-" for none.
func (o *one) ask(query string) string {
	o.t.Helper()
	var v sql.NullString
	err := o.db.QueryRow(query).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return "-"
	}
	if err != nil {
		o.t.Fatalf("%s: %v", query, err)
	}
	return v.String
}

func (o *one) guard() fence.Guard { return fence.Guard{Boot: o.boot, View: o.view} }

func key(id string) fence.Key { return fence.Key{Table: 1, ID: []byte(id)} }

// write runs a statement and returns what Write says.
func (o *one) write(id uint64, sql string, keys ...fence.Key) (*text, bool, []fence.Entry, error) {
	st := &text{sql: sql}
	entries := make([]fence.Entry, len(keys))
	changed, err := o.Write(o.ctx(), o.guard(), st, keys, id, entries)
	return st, changed, entries, err
}

// mustWrite is write of what must change something.
func (o *one) mustWrite(id uint64, sql string, keys ...fence.Key) []fence.Entry {
	o.t.Helper()
	var st *text
	var changed bool
	var entries []fence.Entry
	err := reconnected(o.t, func() (err error) {
		st, changed, entries, err = o.write(id, sql, keys...)
		return err
	})
	if err != nil || !changed || st.answer.Err != nil {
		o.t.Fatalf("Write(%s) = %v, %v, answer %+v; want it to change something", sql, changed, err, st.answer)
	}
	return entries
}

func (o *one) load(id string) fence.Entry {
	o.t.Helper()
	entries := make([]fence.Entry, 1)
	if err := reconnected(o.t, func() error {
		_, err := o.Load(o.ctx(), o.guard(), []fence.Key{key(id)}, true, entries)
		return err
	}); err != nil {
		o.t.Fatalf("Load: %v", err)
	}
	return entries[0]
}

// text is a Statement that is sent as text.
type text struct {
	sql     string
	session *store.Session
	login   store.Login
	kind    Kind
	changed string
	conn    *store.Conn // of Within and Commit
	refused bool        // the client has its answer before there is a connection

	answer protocol.Answer
	frames []byte
	runs   int
}

func (s *text) Kind() Kind { return s.kind }

func (s *text) Acquire(ctx context.Context, st *store.Store) (*store.Conn, error) {
	if s.conn != nil || s.refused {
		return s.conn, nil
	}
	l := s.login
	if l.User == "" {
		l = login
		l.Capabilities = protocol.ClientDeprecateEOF
	}
	return st.Get(ctx, l, s.session, false)
}

func (s *text) Queue(_ context.Context, c *store.Conn) error {
	c.Begin(time.Time{})
	return c.Queue(append([]byte{byte(protocol.ComQuery)}, s.sql...))
}

func (s *text) Answer(c *store.Conn) error {
	s.runs++
	var f protocol.Framer
	f.Reset(protocol.AnswerResult, c.DeprecateEOF(), 1)
	f.Clear = protocol.StatusInTrans
	frames, err := c.Read(&f, 64<<20)
	if err != nil {
		return err
	}
	s.frames, s.answer = append([]byte(nil), frames...), *f.Answer()
	return nil
}

func (s *text) Changed() string {
	if s.changed != "" {
		return s.changed
	}
	return RowsChanged
}

func (s *text) Settle(c *store.Conn, err error) {
	switch {
	case err != nil:
		c.Discard()
	case s.conn == nil:
		c.Release()
	}
}

// value is the only cell of the answer; "-" for no row.
func (s *text) value() string {
	var r reply
	if err := r.parse(s.frames, true, nil); err != nil {
		return err.Error()
	}
	if r.err != nil {
		return r.err.Error()
	}
	if len(r.cells) == 0 {
		return "-"
	}
	return string(r.cells[0])
}
