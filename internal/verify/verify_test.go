package verify

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // to look at the stores behind the proxy's back

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/internal/realstore"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/ledger"
	"github.com/dsmproxy/dsmproxy/router/placement"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
	"github.com/dsmproxy/dsmproxy/router/view"
)

var installation *mariadbtest.Installation

func TestMain(m *testing.M) { os.Exit(mariadbtest.Main(m, &installation)) }

const patience = 60 * time.Second

// world is three stores with a session table each.
type world struct {
	t       *testing.T
	servers []*realstore.Server
	dbs     []*sql.DB
	ledger  *ledger.Ledger
	place   placement.Placement
	set     *replica.Set
	group   *fence.Group // nil at seed
}

func newWorld(t *testing.T, fenced bool) *world {
	w := &world{t: t, servers: installation.Start(t, 3, "--innodb-flush-log-at-trx-commit=1")}
	login := store.Login{User: mariadbtest.User, Password: mariadbtest.Password, Capabilities: protocol.ClientDeprecateEOF | protocol.ClientMultiResults}
	var stores []*store.Store
	var names []placement.Store
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for i, s := range w.servers {
		db, err := sql.Open("mysql", s.DSN(""))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		w.dbs = append(w.dbs, db)
		w.exec(i, "CREATE DATABASE app")
		w.exec(i, "CREATE TABLE app.sessions (id VARCHAR(64) COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY, data MEDIUMBLOB, f DOUBLE) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4")
		st := store.New(store.Config{
			Name: fmt.Sprintf("s%d", i), Network: "tcp", Addr: s.Addr(), ProbeLogin: login, User: login.User, Password: login.Password,
			ConnectTimeout: 5 * time.Second, ProbeTimeout: 5 * time.Second,
		})
		running.Go(func() { _ = st.Run(ctx) })
		stores = append(stores, st)
		names = append(names, placement.Store{Name: st.Name()})
	}
	var err error
	if w.place, err = placement.New(placement.Rendezvous, names); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if w.ledger, err = ledger.New(ledger.Config{Login: login, Tables: []ledger.Table{{Name: "sessions", Key: "id"}}}, stores, nil); err != nil {
		t.Fatal(err)
	}
	w.set = replica.New(replica.Config{Stores: stores, Placement: w.place, Copies: 2, Service: login, Log: log})
	env := &fence.Live{}
	if fenced {
		list, _ := w.ledger.Of()
		if w.group, err = fence.New(fence.Config{
			Stores: list, Placement: w.place, Copies: 2, Lease: time.Second, MendEvery: 100 * time.Millisecond, BeatEvery: 60 * time.Millisecond,
			Patience: 25 * time.Second, Env: env,
		}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
		env.Wait()
	})
	if fenced {
		if err := w.group.Found(ctx); err != nil {
			t.Fatal(err)
		}
		running.Go(func() { _ = w.group.Run(ctx) })
		w.await("the first heal", func() bool {
			for _, s := range w.group.Overview().Stores {
				if !s.Covered {
					return false
				}
			}
			return true
		})
	}
	return w
}

func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func (w *world) exec(store int, query string, args ...any) {
	w.t.Helper()
	if _, err := w.dbs[store].Exec(query, args...); err != nil {
		w.t.Fatalf("s%d: %s: %v", store, query, err)
	}
}

// order is that of the stores for a key.
func (w *world) order(id string) []int {
	list := make([]uint16, 3)
	w.place.Order(list, []byte(id))
	return []int{int(list[0]), int(list[1]), int(list[2])}
}

// put writes a record to its first n stores, behind the protocol's back.
func (w *world) put(id, data string, n int) {
	for _, s := range w.order(id)[:n] {
		w.exec(s, "REPLACE INTO app.sessions VALUES (?,?,-0.1e300)", id, data)
	}
}

func (w *world) config() Config {
	return Config{
		Ledger: w.ledger, Group: w.group, Placement: w.place, Copies: 2, Live: []bool{true, true, true},
		Page: 7, Idle: 0.1, Settle: 50 * time.Millisecond,
	}
}

// verify compares, and returns what differs, one line a record, sorted.
func (w *world) verify(change func(*Config)) (Result, []string, []Difference) {
	w.t.Helper()
	c := w.config()
	var lines []string
	var list []Difference
	c.Found = func(d Difference) error {
		order := w.order(string(d.Key.ID))
		line := string(d.Key.ID)
		slices.SortFunc(d.Faults, func(a, b Fault) int { return slices.Index(order, a.Store) - slices.Index(order, b.Store) })
		for _, f := range d.Faults {
			line += fmt.Sprintf(" %s at %d", f.Kind, slices.Index(order, f.Store))
		}
		lines, list = append(lines, line), append(list, d)
		return nil
	}
	if change != nil {
		change(&c)
	}
	r, err := Run(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(lines)
	return r, lines, list
}

func (w *world) wants(lines []string, want ...string) {
	w.t.Helper()
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		w.t.Errorf("found\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// TestSeed: what differs is found, nothing else is, and it is mended as the
// first store in the key's order has it.
func TestSeed(t *testing.T) {
	w := newWorld(t, false)
	for i := range 60 {
		w.put(fmt.Sprintf("%c%d", "aBcD"[i%4], i), strings.Repeat("x\x00", i), 2)
	}
	r, lines, _ := w.verify(nil)
	if w.wants(lines); r.Records != 60 || r.Tables != 1 {
		t.Errorf("%+v, want 60 records", r)
	}
	w.put("differs", "new", 1)
	w.exec(w.order("differs")[1], "INSERT INTO app.sessions VALUES ('differs','old',0)")
	w.put("extra", "x", 3)
	w.put("missing", "x", 1)
	w.exec(w.order("missing1")[1], "INSERT INTO app.sessions VALUES ('missing1','x',0)")
	w.exec(w.order("moved")[2], "INSERT INTO app.sessions VALUES ('moved','x',0)")
	_, lines, list := w.verify(nil)
	w.wants(lines, "differs differs at 1", "extra extra copy at 2", "missing missing at 1", "missing1 missing at 0",
		"moved missing at 0 missing at 1 extra copy at 2")
	for _, d := range list {
		if err := MendUnfenced(t.Context(), w.set, replica.Table{Schema: "app", Name: "sessions", Key: "id"}, d); err != nil {
			t.Fatal(err)
		}
	}
	_, lines, _ = w.verify(nil)
	w.wants(lines)
	for id, data := range map[string]string{"differs": "new", "extra": "x", "missing": "x", "missing1": "x", "moved": "x"} {
		for n, s := range w.order(id) {
			var got string
			err := w.dbs[s].QueryRow("SELECT data FROM app.sessions WHERE id=?", id).Scan(&got)
			if n < 2 && (err != nil || got != data) || n == 2 && err == nil {
				t.Errorf("%s at %d: %q, %v", id, n, got, err)
			}
		}
	}
}

// TestSeedDown: with a store down, the next one of the order is to have the
// record.
func TestSeedDown(t *testing.T) {
	w := newWorld(t, false)
	var want []string
	for i := range 9 {
		id := fmt.Sprintf("k%d", i)
		w.put(id, "x", 2)
		if order := w.order(id); order[2] != 0 {
			want = append(want, fmt.Sprintf("%s missing at 2", id))
		}
	}
	_, lines, _ := w.verify(func(c *Config) { c.Live[0] = false })
	w.wants(lines, want...)
}

// TestWritten: records that change meanwhile are not reported, and one that
// differs among them is.
func TestWritten(t *testing.T) {
	w := newWorld(t, false)
	for i := range 40 {
		w.put(fmt.Sprintf("k%d", i), "x", 2)
	}
	w.put("differs", "x", 1)
	w.exec(w.order("differs")[1], "INSERT INTO app.sessions VALUES ('differs','y',0)")
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for n := range 4 {
		writers.Go(func() {
			for i := n; ctx.Err() == nil; i++ {
				id, data := fmt.Sprintf("k%d", i%40), fmt.Sprintf("%d-%d", n, i)
				if i%40/10 != n {
					continue // one writer for each, as the proxy's key lock has it
				}
				if i%3 == 0 {
					for _, s := range w.order(id)[:2] {
						w.exec(s, "DELETE FROM app.sessions WHERE id=?", id)
					}
				}
				w.put(id, data, 2)
			}
		})
	}
	for range 3 {
		_, lines, _ := w.verify(nil)
		w.wants(lines, "differs differs at 1")
	}
	stop()
	writers.Wait()
}

// write writes a record through the protocol.
func (w *world) write(id, data string) {
	w.t.Helper()
	w.run("REPLACE INTO app.sessions VALUES ('"+id+"','"+data+"',-0e0)", id)
}

func (w *world) run(query, id string) {
	w.t.Helper()
	st := &statement{sql: query}
	if err := w.group.Write(w.t.Context(), st, []fence.Key{{Table: ledger.Number("app", "sessions"), ID: []byte(id)}}); err != nil || st.answer.Err != nil {
		w.t.Fatalf("%s: %v %v", query, err, st.answer.Err)
	}
}

// statement is a ledger.Statement of text.
type statement struct {
	sql    string
	answer protocol.Answer
}

func (s *statement) Kind() ledger.Kind { return ledger.Alone }

func (s *statement) Acquire(ctx context.Context, st *store.Store) (*store.Conn, error) {
	return st.Get(ctx, store.Login{User: mariadbtest.User, Password: mariadbtest.Password, Capabilities: protocol.ClientDeprecateEOF}, nil, false)
}

func (s *statement) Queue(_ context.Context, c *store.Conn) error {
	c.Begin(time.Time{})
	return c.Queue(append([]byte{byte(protocol.ComQuery)}, s.sql...))
}

func (s *statement) Answer(c *store.Conn) error {
	var f protocol.Framer
	f.Reset(protocol.AnswerResult, c.DeprecateEOF(), 1)
	f.Clear = protocol.StatusInTrans
	if _, err := c.Read(&f, 64<<20); err != nil {
		return err
	}
	s.answer = *f.Answer()
	return nil
}

func (s *statement) Changed() string { return ledger.RowsChanged }

func (s *statement) Settle(c *store.Conn, err error) {
	if err != nil {
		c.Discard()
	} else {
		c.Release()
	}
}

// TestUnderWay: what a write that is under way may explain is given time, and
// two records under one version are not.
func TestUnderWay(t *testing.T) {
	at := func(n uint64, image string) fence.Entry {
		return fence.Entry{Known: true, Version: view.Version{Epoch: 1, N: n, ID: n}, Image: []byte(image)}
	}
	for _, w := range []struct {
		name   string
		a, b   fence.Entry
		kind   Kind
		unsure bool
	}{
		{"another record under the same version", at(1, "a"), at(1, "b"), Differs, false},
		{"another record under another version", at(2, "a"), at(1, "b"), Differs, true},
		{"the same record under another version", at(2, "a"), at(1, "a"), Version, true},
		{"no copy yet", at(1, "a"), fence.Entry{}, Missing, true},
	} {
		e := fence.Exam{Holders: []int{0, 1}, Entries: []fence.Entry{w.a, w.b}, Asked: []bool{true, true}}
		list := faults(&e)
		if len(list) != 1 || list[0] != (Fault{1, w.kind}) || unsure(&e, list) != w.unsure {
			t.Errorf("%s: %v, unsure %v; want %v, %v", w.name, list, unsure(&e, list), w.kind, w.unsure)
		}
	}
}

// TestFenced: at the level safe what was changed behind the protocol's back is
// found and mended by it, while others write.
func TestFenced(t *testing.T) {
	w := newWorld(t, true)
	for i := range 40 {
		w.write(fmt.Sprintf("k%d", i), strings.Repeat("x", i))
	}
	w.run("DELETE FROM app.sessions WHERE id='k7'", "k7")
	r, lines, _ := w.verify(nil)
	if w.wants(lines); r.Records != 39 {
		t.Errorf("%+v, want 39 records", r)
	}
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for n := range 3 {
		writers.Go(func() {
			for i := n; ctx.Err() == nil; i += 3 {
				w.write(fmt.Sprintf("k%d", 10+i%21), fmt.Sprint(i))
				if i%4 == 0 {
					w.run(fmt.Sprintf("DELETE FROM app.sessions WHERE id='k%d'", 10+i%21), fmt.Sprintf("k%d", 10+i%21))
				}
			}
		})
	}
	at := func(id string, n int, query string) { w.exec(w.order(id)[n], query) }
	at("k1", 1, "UPDATE app.sessions SET data='other' WHERE id='k1'")
	at("k2", 1, "DELETE FROM app.sessions WHERE id='k2'")
	at("k3", 2, "INSERT INTO app.sessions VALUES ('k3','stray',0)")
	at("k4", 1, "UPDATE dsm.ver SET n=n+3,wid=7 WHERE k='k4'")
	at("k7", 1, "INSERT INTO app.sessions VALUES ('k7','deleted',0)")
	at("unknown", 0, "INSERT INTO app.sessions VALUES ('unknown','new',0)")
	_, lines, list := w.verify(nil)
	w.wants(lines, "k1 differs at 1", "k2 missing at 1", "k3 extra copy at 2", "k4 version mismatch at 1", "k7 extra copy at 1", "unknown missing at 1")
	for _, d := range list {
		if n, err := w.group.Mend(t.Context(), []fence.Key{d.Key}); n != 1 || err != nil {
			t.Errorf("Mend of %s = %d, %v", d.Key.ID, n, err)
		}
	}
	for range 2 {
		_, lines, _ = w.verify(nil)
		w.wants(lines)
	}
	stop()
	writers.Wait()
	if r, lines, _ = w.verify(nil); len(lines) > 0 || r.Changing > 0 {
		t.Errorf("at rest: %+v, %v", r, lines)
	}
}
