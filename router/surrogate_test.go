package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router"
	"github.com/dsmproxy/dsmproxy/router/placement"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Tables as Rails, Flask-Session and gorilla make them, one whose numbers end
// early, and one whose column of numbers is not configured.
var numberedTables = []string{
	`CREATE TABLE app.rails (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
		session_id varchar(255) NOT NULL UNIQUE, data text, created_at datetime(6) NOT NULL DEFAULT now(6))`,
	`CREATE TABLE app.flask (id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
		session_id varchar(255) UNIQUE, data blob, expiry datetime)`,
	`CREATE TABLE app.gorilla (id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY, session_data longblob)`,
	`CREATE TABLE app.tiny (id tinyint NOT NULL AUTO_INCREMENT PRIMARY KEY, session_id varchar(255) UNIQUE)`,
	`CREATE TABLE app.woo (n bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, session_key char(32) NOT NULL UNIQUE)`,
}

// proxy runs one more proxy before the stores, with its own view of them. It
// returns its address and what ends it.
func (h *harness) proxy() (addr string, end func()) {
	h.t.Helper()
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	login := store.Login{User: mariadbtest.User, Password: mariadbtest.Password,
		Capabilities: protocol.ClientDeprecateEOF, Collation: 45}
	var names []placement.Store
	var stores []*store.Store
	for i, s := range h.servers {
		names = append(names, placement.Store{Name: fmt.Sprintf("s%d", i)})
		stores = append(stores, store.New(store.Config{Name: names[i].Name, Network: "tcp", Addr: s.Addr(),
			ProbeLogin: login, Log: log}))
	}
	set := replica.New(replica.Config{Stores: stores, Placement: h.place, Copies: h.copies, Service: login, Log: log})
	planner := rewrite.NewPlanner(rewrite.Options{Tables: []rewrite.Table{
		{Name: "rails", Key: "session_id", Surrogate: "id"},
		{Name: "flask", Key: "session_id", Surrogate: "id"},
		{Name: "gorilla", Key: "id"},
		{Name: "tiny", Key: "session_id", Surrogate: "id"},
		{Name: "woo", Key: "session_key"},
	}})
	server := &protocol.Server{Credentials: users{}, Log: log, Version: set.Version}
	server.Handler = router.New(router.Config{Set: set, Planner: planner, Credentials: users{},
		OtherTables: -1, Kill: server.Kill, Log: log})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, s := range stores {
		running.Go(func() { _ = s.Run(ctx) })
	}
	running.Go(func() { _ = set.Run(ctx) })
	running.Go(func() { _ = server.Serve(l) })
	end = sync.OnceFunc(func() {
		if err := server.Close(); err != nil {
			h.t.Error(err)
		}
		cancel()
		running.Wait()
	})
	h.t.Cleanup(end)
	h.await("stores seen as they are", func() bool {
		for i, s := range stores {
			if (s.State() == store.Up) != h.servers[i].Running() {
				return false
			}
		}
		return true
	})
	h.stores = stores
	return l.Addr().String(), end
}

// startNumbered runs servers with the tables that have numbers.
func startNumbered(t *testing.T, m, n int) *harness {
	t.Helper()
	h := start(t, m, n)
	for _, db := range h.direct {
		for _, q := range numberedTables {
			h.exec(db, q)
		}
	}
	return h
}

func (h *harness) openAt(addr, params string) *sql.DB {
	h.t.Helper()
	db, err := sql.Open("mysql", mariadbtest.User+":"+mariadbtest.Password+"@tcp("+addr+")/app?"+params)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { db.Close() })
	return db
}

// insert returns the insert id of a statement.
func (h *harness) insert(db execer, query string, args ...any) int64 {
	h.t.Helper()
	r, err := db.ExecContext(context.Background(), query, args...)
	if err != nil {
		h.t.Fatalf("%s: %v", query, err)
	}
	id, err := r.LastInsertId()
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// rowAt is what a query answers with at one store, as text.
func (h *harness) rowAt(i int, query string, args ...any) string {
	h.t.Helper()
	var s sql.NullString
	if err := h.direct[i].QueryRow(query, args...).Scan(&s); err != nil && err != sql.ErrNoRows {
		h.t.Fatal(err)
	}
	return s.String
}

// numberOf checks that a record is on its stores and nowhere else, with equal
// contents, and returns its number.
func (h *harness) numberOf(table, key string, holders ...uint16) string {
	h.t.Helper()
	rows := map[string][]uint16{}
	for i := range h.servers {
		if !h.servers[i].Running() {
			continue
		}
		query := "SELECT CONCAT_WS('|', id, data) FROM app." + table + " WHERE session_id = ?"
		if table == "tiny" {
			query = "SELECT CONCAT_WS('|', id, 'x') FROM app." + table + " WHERE session_id = ?"
		}
		row := h.rowAt(i, query, key)
		if row != "" {
			rows[row] = append(rows[row], uint16(i))
		}
	}
	slices.Sort(holders)
	if len(holders) == 0 && len(rows) == 0 {
		return ""
	}
	if len(rows) != 1 {
		h.t.Errorf("copies of %q differ: %v", key, rows)
		return ""
	}
	for row, at := range rows {
		if !slices.Equal(at, holders) {
			h.t.Errorf("record of %q is on stores %v, want %v", key, at, holders)
		}
		number, _, _ := strings.Cut(row, "|")
		return number
	}
	return ""
}

func (h *harness) two(key string) []uint16 { return slices.Clone(h.order(key)[:2]) }

func TestNumbersAreEqualOnAllCopies(t *testing.T) {
	h := startNumbered(t, 4, 2)
	addr, _ := h.proxy()
	seen := map[int64]bool{}
	for _, table := range []string{"rails", "flask"} {
		for _, params := range []string{"", "interpolateParams=true", "clientFoundRows=true"} {
			db := h.openAt(addr, params)
			for i := range 12 {
				key := fmt.Sprint(params, "-", i)
				q := "INSERT INTO " + table + " (session_id, data) VALUES (?, 'x')"
				if i%3 == 1 {
					q = "INSERT INTO " + table + " (id, session_id, data) VALUES (NULL, ?, 'x')"
				} else if i%3 == 2 {
					q = "INSERT INTO " + table + " SET id = DEFAULT, session_id = ?, data = UUID()"
				}
				id := h.insert(db, q, key)
				if got := h.numberOf(table, key, h.two(key)...); got != fmt.Sprint(id) {
					t.Errorf("%s: number %s at the stores, insert id %d", table, got, id)
				}
				if table == "rails" && seen[id] {
					t.Errorf("%s: number %d twice", table, id)
				}
				seen[id] = seen[id] || table == "rails"
				h.fails(1062, db, q, key)
				// A number that a statement does not use must not become that of the next.
				if got := h.insert(db, "INSERT INTO "+table+" (session_id, data) VALUES (?, 'y') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), data = 'z'", key); got != id {
					t.Errorf("%s: insert id of a duplicate = %d, want %d", table, got, id)
				}
				free := int64(1_000_000_000 + 100*(len(seen)+i)) // the next numbers follow it
				h.insert(db, "INSERT INTO "+table+" (id, session_id, data) VALUES (?, ?, 'given')", free, key+"-given")
				if got := h.numberOf(table, key+"-given", h.two(key+"-given")...); got != fmt.Sprint(free) {
					t.Errorf("%s: number %s, want the given %d", table, got, free)
				}
				h.exec(db, "DELETE FROM "+table+" WHERE session_id = ?", key+"-given")
			}
		}
	}
}

func TestNumbersOfTwoProxies(t *testing.T) {
	h := startNumbered(t, 3, 2)
	a, _ := h.proxy()
	b, _ := h.proxy()
	dbs := []*sql.DB{h.openAt(a, ""), h.openAt(b, "interpolateParams=true")}
	var mu sync.Mutex
	seen := map[int64]string{}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 150 {
				key := fmt.Sprint("k", w, "-", i)
				r, err := dbs[(w+i)%2].Exec("INSERT INTO flask (session_id, data) VALUES (?, 'x')", key)
				if err != nil {
					t.Error(err)
					return
				}
				id, _ := r.LastInsertId()
				mu.Lock()
				if other, ok := seen[id]; ok || id <= 0 || id > math.MaxInt32 {
					t.Errorf("number %d for %s, and for %q", id, key, other)
				}
				seen[id] = key
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for id, key := range seen {
		if got := h.numberOf("flask", key, h.two(key)...); got != fmt.Sprint(id) {
			t.Errorf("%s has the number %s, want %d", key, got, id)
		}
	}
}

func TestWritesAndReadsByNumber(t *testing.T) {
	h := startNumbered(t, 4, 2)
	a, _ := h.proxy()
	b, _ := h.proxy() // learns nothing from a
	ctx := context.Background()
	for _, params := range []string{"", "interpolateParams=true"} {
		writer, other := h.openAt(a, params), h.openAt(b, params)
		for i := range 12 {
			key := fmt.Sprint("k", params, i)
			id := h.insert(writer, "INSERT INTO rails (session_id, data) VALUES (?, 'x')", key)
			for _, db := range []*sql.DB{writer, other, other} {
				var data string
				if err := db.QueryRow("SELECT data FROM rails WHERE id = ? LIMIT 1", id).Scan(&data); err != nil || data != "x" {
					t.Errorf("read by number: %q, %v", data, err)
				}
				var n int
				if err := db.QueryRow("SELECT COUNT(*) FROM rails WHERE id = ?", id).Scan(&n); err != nil || n != 1 {
					t.Errorf("count by number: %d, %v", n, err)
				}
			}
			for j, db := range []*sql.DB{writer, other, other} {
				if n := h.exec(db, "UPDATE rails SET data = ? WHERE id = ?", fmt.Sprint("v", j), id); n != 1 {
					t.Errorf("update %d by number affected %d", j, n)
				}
				if n := h.exec(db, "UPDATE rails SET data = ? WHERE id = ?", fmt.Sprint("v", j), id); n != 0 {
					t.Errorf("update %d that changes nothing affected %d", j, n)
				}
				h.numberOf("rails", key, h.two(key)...)
			}
			// In a transaction.
			tx, err := writer.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			second := h.insert(tx, "INSERT INTO rails (session_id, data) VALUES (?, 'x')", key+"tx")
			h.exec(tx, "UPDATE rails SET data = 'in' WHERE id = ?", second)
			h.exec(tx, "UPDATE rails SET data = 'in' WHERE id = ?", id)
			var data string
			if err := tx.QueryRow("SELECT data FROM rails WHERE id = ?", second).Scan(&data); err != nil || data != "in" {
				t.Errorf("own record by number: %q, %v", data, err)
			}
			if i%2 == 0 {
				err = tx.Commit()
			} else {
				err = tx.Rollback()
			}
			if err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				h.numberOf("rails", key+"tx", h.two(key+"tx")...)
			} else {
				h.numberOf("rails", key+"tx")
			}

			// The key changes at the other proxy; what this one has learned is wrong.
			moved := key + "-moved"
			if n := h.exec(other, "UPDATE rails SET session_id = ?, data = 'm' WHERE id = ?", moved, id); n != 1 {
				t.Errorf("move by number affected %d", n)
			}
			h.numberOf("rails", key)
			if got := h.numberOf("rails", moved, h.two(moved)...); got != fmt.Sprint(id) {
				t.Errorf("moved record has the number %s, want %d", got, id)
			}
			if i%2 == 0 {
				if err := writer.QueryRow("SELECT data FROM rails WHERE id = ?", id).Scan(&data); err != nil || data != "m" {
					t.Errorf("read of the moved record: %q, %v", data, err)
				}
			}
			if n := h.exec(writer, "UPDATE rails SET data = 'after' WHERE id = ?", id); n != 1 {
				t.Errorf("update of the moved record affected %d", n)
			}
			h.numberOf("rails", moved, h.two(moved)...)
			if n := h.exec(other, "DELETE FROM rails WHERE id = ?", id); n != 1 {
				t.Errorf("delete by number affected %d", n)
			}
			h.numberOf("rails", moved)
			if n := h.exec(writer, "DELETE FROM rails WHERE id = ?", id); n != 0 {
				t.Errorf("second delete affected %d", n)
			}
			if n := h.exec(writer, "UPDATE rails SET session_id = 'z' WHERE id = ?", id); n != 0 {
				t.Errorf("move of nothing affected %d", n)
			}
			h.fails(1054, writer, "UPDATE rails SET nosuch = 1 WHERE id = ?", id)
		}
		h.exec(writer, "DELETE FROM rails")
	}
}

func TestSeveralNumbers(t *testing.T) {
	h := startNumbered(t, 4, 2)
	addr, _ := h.proxy()
	for _, params := range []string{"", "interpolateParams=true"} {
		db := h.openAt(addr, params)
		first := h.insert(db, "INSERT INTO rails (session_id, data) VALUES (?, 'x'), ('b', 'x'), ('c', ?), ('d', 'x')", "a", "y")
		var ids []string
		for _, key := range []string{"a", "b", "c", "d"} {
			ids = append(ids, h.numberOf("rails", key, h.two(key)...))
		}
		if ids[0] != fmt.Sprint(first) {
			t.Errorf("insert id %d, want that of the first of %v", first, ids)
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 4 {
			t.Errorf("numbers %v, want four", ids)
		}
		if n := h.exec(db, "UPDATE rails SET data = 'all' WHERE id IN (?, ?, ?, 77777777)", ids[0], ids[1], ids[2]); n != 3 {
			t.Errorf("updated %d, want 3", n)
		}
		if n := h.exec(db, "DELETE FROM rails WHERE id IN ("+strings.Join(ids, ",")+")"); n != 4 {
			t.Errorf("deleted %d, want 4", n)
		}
	}
}

func TestKeyIsTheNumber(t *testing.T) {
	h := startNumbered(t, 4, 2)
	addr, _ := h.proxy()
	for _, params := range []string{"", "interpolateParams=true"} {
		db := h.openAt(addr, params)
		for i := range 8 {
			q, args := "INSERT INTO gorilla VALUES (NULL, ?)", []any{"x"}
			switch i % 4 {
			case 0:
				q = "INSERT INTO gorilla (session_data) VALUES (?)"
			case 1:
				q = "INSERT INTO gorilla (id, session_data) VALUES (NULL, ?)"
			case 2:
				q, args = "INSERT INTO gorilla (id, session_data) VALUES (?, ?)", []any{nil, "x"}
			case 3:
				q = "INSERT INTO gorilla (session_data, id) VALUES (?, DEFAULT)"
			}
			id := fmt.Sprint(h.insert(db, q, args...))
			var at []uint16
			for j := range h.servers {
				if h.rowAt(j, "SELECT session_data FROM app.gorilla WHERE id = ?", id) != "" {
					at = append(at, uint16(j))
				}
			}
			want := h.two(id)
			slices.Sort(want)
			if !slices.Equal(at, want) {
				t.Errorf("record %s is on stores %v, want %v", id, at, want)
			}
			if n := h.exec(db, "UPDATE gorilla SET session_data = 'y' WHERE id = ?", id); n != 1 {
				t.Errorf("updated %d, want 1", n)
			}
		}
	}
}

func TestNumbersGoOn(t *testing.T) {
	h := startNumbered(t, 3, 2)
	// Records from before the proxy: the greatest number is on one store only.
	h.exec(h.direct[2], "INSERT INTO app.flask (id, session_id) VALUES (70, ?)", "old")
	addr, end := h.proxy()
	last := h.insert(h.openAt(addr, ""), "INSERT INTO flask (session_id) VALUES ('a')")
	if last <= 70 {
		t.Errorf("first number %d, want one above 70", last)
	}
	next := func(addr, key string) {
		t.Helper()
		id := h.insert(h.openAt(addr, ""), "INSERT INTO flask (session_id) VALUES (?)", key)
		if id <= last {
			t.Errorf("number %d after %d", id, last)
		}
		last = id
	}
	next(addr, "b")
	end()
	addr, end = h.proxy()
	next(addr, "c")
	end()

	// A store is away while numbers are leased, and comes back while another is
	// away: together they know enough.
	h.down(2)
	addr, end = h.proxy()
	next(addr, "d")
	end()
	h.down(0)
	if err := h.servers[2].Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	addr, end = h.proxy()
	next(addr, "e")
	end()
	// One store of three is no majority.
	h.down(1)
	addr, _ = h.proxy()
	h.fails(1105, h.openAt(addr, ""), "INSERT INTO flask (session_id) VALUES ('f')")
	if err := h.servers[0].Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.await("store 0 up", func() bool { return h.stores[0].State() == store.Up })
	next(addr, "g")
}

func TestNumbersWhileAStoreIsAway(t *testing.T) {
	h := startNumbered(t, 3, 2)
	addr, _ := h.proxy()
	db := h.openAt(addr, "")
	ids := map[string]int64{}
	for i := range 10 {
		key := fmt.Sprint("k", i)
		ids[key] = h.insert(db, "INSERT INTO rails (session_id, data) VALUES (?, 'x')", key)
	}
	h.down(1)
	h.await("store down", func() bool { return h.stores[1].State() == store.Down })
	for i := range 20 {
		key := fmt.Sprint("k", i)
		if i >= 10 {
			ids[key] = h.insert(db, "INSERT INTO rails (session_id, data) VALUES (?, 'x')", key)
		}
		if n := h.exec(db, "UPDATE rails SET data = 'y' WHERE id = ?", ids[key]); n != 1 {
			t.Errorf("%s: updated %d, want 1", key, n)
		}
		if got := h.numberOf("rails", key, 0, 2); got != fmt.Sprint(ids[key]) {
			t.Errorf("%s has the number %s, want %d", key, got, ids[key])
		}
	}
	if err := h.servers[1].Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.await("store up", func() bool { return h.stores[1].State() == store.Up })
	for key, id := range ids {
		if n := h.exec(db, "UPDATE rails SET data = 'z' WHERE id = ?", id); n != 1 && !slices.Contains(h.order(key)[:1], 1) {
			t.Errorf("%s: updated %d, want 1", key, n)
		}
	}
}

func TestNumbersEnd(t *testing.T) {
	h := startNumbered(t, 3, 2)
	addr, _ := h.proxy()
	db := h.openAt(addr, "")
	for i := range 127 {
		h.exec(db, "INSERT INTO tiny (session_id) VALUES (?)", fmt.Sprint("k", i))
	}
	h.fails(1467, db, "INSERT INTO tiny (session_id) VALUES ('late')")
	h.numberOf("tiny", "late")
}

func TestNumbersOfAColumnThatIsNotConfigured(t *testing.T) {
	h := startNumbered(t, 3, 2)
	addr, _ := h.proxy()
	db := h.openAt(addr, "")
	for i := range 10 {
		key := fmt.Sprint("k", i)
		id := fmt.Sprint(h.insert(db, "INSERT INTO woo (session_key) VALUES (?)", key))
		for _, s := range h.two(key) {
			if got := h.rowAt(int(s), "SELECT n FROM app.woo WHERE session_key = ?", key); got != id {
				t.Errorf("%s has the number %s at store %d, want %s", key, got, s, id)
			}
		}
	}
}
