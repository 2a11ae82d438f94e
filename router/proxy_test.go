package router_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/faultlink"
	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/internal/realstore"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
	"github.com/dsmproxy/dsmproxy/router/placement"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

var installed *mariadbtest.Installation

func TestMain(m *testing.M) { os.Exit(mariadbtest.Main(m, &installed)) }

// harness is a proxy in this process before real servers.
type harness struct {
	t       *testing.T
	servers []*realstore.Server
	direct  []*sql.DB // to each store
	addrs   []string  // of the stores, as the proxy has them
	stores  []*store.Store
	place   placement.Placement
	copies  int
	addr    string
	level   string
	set     *replica.Set
	group   *fence.Group   // of the proxy that was started last; nil at the level seed
	groups  []*fence.Group // of all proxies
	ledger  *ledger.Ledger
	router  *router.Router
	clients func() []protocol.ClientInfo // of the proxy that was started last
	server  *protocol.Server             // likewise
	passers []*protocol.Server           // those that have passed their clients on
	// mayClose is why clients that are not passed on may be closed.
	mayClose string
	other    int // the store of other tables
	log      *lockedBuffer
	detect   time.Duration // how long a store must fail to be excluded
	// patience is how long a statement waits for the group.
	patience time.Duration
	// founding, if not nil, keeps the group from being founded until it is closed.
	founding chan struct{}
	// connWait is how long a statement waits for a connection; 0 means as ever.
	connWait time.Duration
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

type users struct{}

func (users) Password(user string) (string, bool) {
	return mariadbtest.Password, user == mariadbtest.User
}

const schema = `CREATE TABLE app.sessions (
	id varchar(128) NOT NULL PRIMARY KEY, data longblob, n int NOT NULL DEFAULT 0,
	expires int NOT NULL DEFAULT 0,
	changed timestamp(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6))`

// manyConnections is room for the pools of several proxies at a server.
const manyConnections = "--max-connections=800"

// probePatience keeps a store up that is slow because the machine is busy.
const probePatience = 5 * time.Second

// level is for trying what tests that were written for the level seed say of
// another one: -level safe.
var level = flag.String("level", "seed", "the consistency level of the tests that name none")

// start runs a proxy before m servers with n copies of each record.
func start(t *testing.T, m, n int) *harness { return startAt(t, *level, m, n) }

// startAt is start at a consistency level.
func startAt(t *testing.T, level string, m, n int) *harness {
	t.Helper()
	return startOtherAt(t, level, m, n, -1)
}

// startPatient is startAt where no store is excluded because it is slow.
func startPatient(t *testing.T, level string, m, n int) *harness {
	t.Helper()
	servers := installed.Start(t, m, manyConnections)
	return startReached(t, level, servers, addrsOf(servers), n, -1, func(h *harness) { h.detect = time.Minute })
}

// startOther is start with a store for other tables.
func startOther(t *testing.T, m, n, other int) *harness {
	t.Helper()
	return startOtherAt(t, *level, m, n, other)
}

// startOtherAt is startOther at a consistency level.
func startOtherAt(t *testing.T, level string, m, n, other int) *harness {
	t.Helper()
	servers := installed.Start(t, m, manyConnections)
	return startReached(t, level, servers, addrsOf(servers), n, other)
}

// eachLevel runs a test at the consistency levels, each with servers of its own.
func eachLevel(t *testing.T, f func(t *testing.T, level string)) {
	t.Helper()
	for _, level := range []string{"seed", "safe"} {
		t.Run(level, func(t *testing.T) { f(t, level) })
	}
}

// startBefore is startOther for servers that run.
func startBefore(t *testing.T, servers []*realstore.Server, n, other int) *harness {
	t.Helper()
	return startBeforeAt(t, *level, servers, n, other)
}

// startBeforeAt is startBefore at a consistency level.
func startBeforeAt(t *testing.T, level string, servers []*realstore.Server, n, other int) *harness {
	t.Helper()
	return startReached(t, level, servers, addrsOf(servers), n, other)
}

func addrsOf(servers []*realstore.Server) []string {
	addrs := make([]string, len(servers))
	for i, s := range servers {
		addrs[i] = s.Addr()
	}
	return addrs
}

// startLinked is start with a link before each server, which can fail.
func startLinked(t *testing.T, m, n, other int) (*harness, []*faultlink.Link) {
	t.Helper()
	return startLinkedAt(t, *level, m, n, other)
}

// startLinkedAt is startLinked at a consistency level.
func startLinkedAt(t *testing.T, level string, m, n, other int) (*harness, []*faultlink.Link) {
	t.Helper()
	servers := installed.Start(t, m, manyConnections)
	links, addrs := make([]*faultlink.Link, m), make([]string, m)
	for i, s := range servers {
		var err error
		if links[i], err = faultlink.New(s.Addr()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { links[i].Close() })
		addrs[i] = links[i].Addr()
	}
	return startReached(t, level, servers, addrs, n, other), links
}

// startReached is startBefore for servers that the proxy reaches by other
// addresses, at a consistency level.
func startReached(t *testing.T, level string, servers []*realstore.Server, addrs []string, n, other int, changes ...func(*harness)) *harness {
	t.Helper()
	h := &harness{t: t, level: level, copies: n, other: other, servers: servers, log: &lockedBuffer{},
		detect: 10 * time.Second, patience: 30 * time.Second} // other tests' servers start meanwhile
	for _, change := range changes {
		change(h)
	}
	h.addrs = addrs
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the proxy:\n%s", h.log.String())
		}
	})
	var names []placement.Store
	for i, s := range h.servers {
		db, err := sql.Open("mysql", s.DSN(""))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		for _, q := range []string{"CREATE DATABASE app", schema} {
			if _, err := db.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		h.direct = append(h.direct, db)
		names = append(names, placement.Store{Name: fmt.Sprintf("s%d", i)})
	}
	var err error
	if h.place, err = placement.New("php", names); err != nil {
		t.Fatal(err)
	}
	h.connectStores()
	h.addr = h.serve(t, []rewrite.Table{
		{Name: "sessions", Key: "id"},
		{Name: "folded", Key: "id", FoldCase: true},
		{Name: "numbered", Key: "num", Secondary: []rewrite.Secondary{{Name: "parts", Column: "num"}}},
	})
	h.awaitStores()
	return h
}

// connectStores has the next proxy know the stores by objects of its own, until
// the test ends.
func (h *harness) connectStores() {
	h.t.Helper()
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	login := store.Login{User: mariadbtest.User, Password: mariadbtest.Password,
		Capabilities: protocol.ClientDeprecateEOF, Collation: 45}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	h.stores = nil
	for i, addr := range h.addrs {
		s := store.New(store.Config{Name: fmt.Sprintf("s%d", i), Network: "tcp", Addr: addr,
			ProbeLogin: login, ProbeTimeout: probePatience, ConnectTimeout: probePatience, WaitTimeout: h.connWait, Log: log})
		h.stores = append(h.stores, s)
		running.Go(func() { _ = s.Run(ctx) })
	}
	h.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

// awaitStores waits until the proxy has found all stores up.
func (h *harness) awaitStores() {
	h.t.Helper()
	h.await("all stores up", func() bool {
		return !slices.ContainsFunc(h.stores, func(s *store.Store) bool { return s.State() != store.Up })
	})
}

// serve runs a proxy for the given tables before the stores, until the test
// ends, and returns its address.
func (h *harness) serve(t *testing.T, tables []rewrite.Table) (addr string) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	login := store.Login{User: mariadbtest.User, Password: mariadbtest.Password,
		Capabilities: protocol.ClientDeprecateEOF, Collation: 45}
	rc := replica.Config{Stores: h.stores, Placement: h.place, Copies: h.copies, Service: login, Log: log}
	if h.level != "seed" {
		rc.Group, rc.Ledger = h.fence(t, tables, login, log)
	}
	set := replica.New(rc)
	h.set = set
	planner := rewrite.NewPlanner(rewrite.Options{
		Tables: tables,
		Columns: func(tb *rewrite.Table, db string) ([]string, bool) {
			names, err := set.Columns(context.Background(), replica.Table{Schema: db, Name: tb.Name, Key: tb.Key})
			return names, err == nil
		},
	})
	server := &protocol.Server{Credentials: users{}, Log: log, Version: set.Version}
	h.router = router.New(router.Config{Set: set, Planner: planner, Credentials: users{},
		OtherTables: h.other, Kill: server.Kill, Clients: server.List, Log: log})
	server.Handler, h.clients, h.server = h.router, server.List, server
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = set.Run(ctx) })
	running.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		running.Wait()
	})
	return l.Addr().String()
}

// fence makes the stores one group, until the test ends. The first one that is
// made for them founds it.
func (h *harness) fence(t *testing.T, tables []rewrite.Table, login store.Login, log *slog.Logger) (*fence.Group, *ledger.Ledger) {
	t.Helper()
	c := ledger.Config{Login: login, Log: log, Timeout: probePatience, LookTimeout: h.detect / 2}
	for _, tb := range tables {
		c.Tables = append(c.Tables, ledger.Table{Schema: tb.Schema, Name: tb.Name, Key: tb.Key, Collated: true})
	}
	l, err := ledger.New(c, h.stores, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.SetFolding(replica.New(replica.Config{Stores: h.stores, Placement: h.place, Copies: h.copies, Service: login, Log: log}).Folding)
	stores, _ := l.Of()
	env := &fence.Live{}
	fc := fence.Config{
		Stores: stores, Placement: h.place, Copies: h.copies, Detect: h.detect, DetectRefused: 200 * time.Millisecond,
		Rejoin: 300 * time.Millisecond, RejoinMax: time.Second, MendEvery: 200 * time.Millisecond, Patience: h.patience,
		Solo: len(stores) == 2, Env: env, Log: log,
	}
	if h.level == "safe" {
		fc.Lease = time.Second
	}
	g, err := fence.New(fc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	if h.founding != nil {
		running.Go(func() {
			<-h.founding
			if err := found(ctx, g); err != nil {
				t.Error(err)
			}
		})
	} else if err := found(ctx, g); err != nil {
		cancel()
		t.Fatal(err)
	}
	running.Go(func() { _ = g.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		env.Wait()
	})
	h.group, h.ledger = g, l
	h.groups = append(h.groups, g)
	if h.founding != nil {
		return g, l
	}
	if fc.Solo { // whoever is asked first serves
		if _, err := g.Grant(t.Context(), fence.Key{}); err != nil {
			t.Fatal(err)
		}
	}
	h.await("all stores up and covered", func() bool {
		for _, s := range g.Overview().Stores {
			if s.State != "up" || !s.Covered {
				return false
			}
		}
		return true
	})
	return g, l
}

// found makes a group of g's stores, if they are none.
func found(ctx context.Context, g *fence.Group) error {
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := g.Found(ctx)
		if err == nil || errors.Is(err, fence.ErrFounded) {
			return nil
		}
		if time.Now().After(end) {
			return err
		}
	}
}

// open returns a pool of clients of the proxy.
func (h *harness) open(params string) *sql.DB {
	h.t.Helper()
	db, err := sql.Open("mysql", mariadbtest.User+":"+mariadbtest.Password+"@tcp("+h.addr+")/app?"+params)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { db.Close() })
	return db
}

// conn returns one client of the proxy.
func (h *harness) conn(params string) *sql.Conn {
	h.t.Helper()
	c, err := h.open(params).Conn(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return c
}

// order is the stores in the order of a key.
func (h *harness) order(key string) []uint16 {
	o := make([]uint16, len(h.servers))
	h.place.Order(o, []byte(key))
	return o
}

func (h *harness) await(what string, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// record is a record as text, at one store; "" if it is not there. MySQL makes
// nothing in hexadecimal that is longer than max_allowed_packet.
func (h *harness) record(i int, key string) string {
	h.t.Helper()
	var s string
	err := h.direct[i].QueryRow("SELECT CONCAT_WS('|', IF(LENGTH(data) > 1000000, SHA2(data, 256), HEX(data)), n, expires, changed) FROM app.sessions WHERE id = ?", key).Scan(&s)
	if err != nil && err != sql.ErrNoRows {
		h.t.Fatal(err)
	}
	return s
}

// holders checks that exactly the given stores hold the record of key, all the
// same one. At the levels with views a machine that is slow may have had a store
// excluded for a while, and others hold it until that is back: so it is looked
// at again for a while.
func (h *harness) holders(key string, want ...uint16) {
	h.t.Helper()
	want = slices.Clone(want)
	slices.Sort(want)
	patience := time.Duration(0)
	if h.group != nil {
		patience = 30 * time.Second
	}
	wrong := ""
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if wrong = h.misplaced(key, want); wrong == "" || time.Now().After(end) {
			break
		}
	}
	if wrong != "" {
		h.t.Error(wrong)
	}
}

// misplaced says what is not as holders wants it; "" if nothing.
func (h *harness) misplaced(key string, want []uint16) string {
	h.t.Helper()
	var at []uint16
	images := map[string]bool{}
	for i := range h.servers {
		if !h.servers[i].Running() {
			continue
		}
		if r := h.record(i, key); r != "" {
			at = append(at, uint16(i))
			images[r] = true
		}
	}
	switch {
	case !slices.Equal(at, want):
		return fmt.Sprintf("record of %q is on stores %v, want %v", key, at, want)
	case len(images) > 1:
		return fmt.Sprintf("copies of %q differ: %v", key, images)
	}
	return ""
}

type execer interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

func (h *harness) exec(db execer, query string, args ...any) (affected int64) {
	h.t.Helper()
	r, err := db.ExecContext(context.Background(), query, args...)
	if err != nil {
		h.t.Fatalf("%s: %v", query, err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// fails checks the number of the error that a statement gets.
func (h *harness) fails(code uint16, db execer, query string, args ...any) {
	h.t.Helper()
	_, err := db.ExecContext(context.Background(), query, args...)
	e, ok := err.(*mysql.MySQLError)
	if !ok || e.Number != code {
		h.t.Errorf("%s = %v, want error %d", query, err, code)
	}
}

// noSchema is the error of a table in a database that does not exist.
func noSchema() uint16 {
	if installed.MariaDB() {
		return protocol.ErrNoSuchTable
	}
	return protocol.ErrBadDB
}

func (h *harness) down(i int) {
	h.t.Helper()
	if err := h.servers[i].Kill(); err != nil {
		h.t.Fatal(err)
	}
}
