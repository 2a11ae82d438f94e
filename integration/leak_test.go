package integration

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

var leakSeed = flag.Uint64("leak-seed", 0, "what TestNothingLeaksInACrowd begins with; 0: something new")

const (
	leakConns  = 8   // connections to each store
	leakAtOnce = 40  // visitors at a time
	leakTotal  = 300 // of the driver; beside them come some that speak by hand
	leakLocks  = 8   // named locks that visitors take
	still      = 9   // records that nobody changes
)

// crowd is what the visitors of a test share.
type crowd struct {
	t        *testing.T
	c        *cluster
	conns    int      // to each store, at most
	defaults []string // of a new session, by expression
	// The tables of a store that tell of metadata locks and of its state.
	metadataLocks, status string

	mu      sync.Mutex // guards what follows
	holders map[string]int
	bad     []string
	errors  map[string]int
	kept    []net.Conn // half open
}

// TestNothingLeaksInACrowd: some hundred clients change their sessions in every
// way over a few connections to the stores, and go without a farewell. Each
// sees defaults and its own state alone, and nothing stays when all have gone.
func TestNothingLeaksInACrowd(t *testing.T) {
	t.Run("seed", func(t *testing.T) { testNothingLeaks(t, "seed", leakConns) })
	t.Run("safe", func(t *testing.T) { testNothingLeaks(t, "safe", leakConns) })
}

func testNothingLeaks(t *testing.T, level string, conns int) {
	seed := *leakSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("to repeat: -leak-seed %d", seed)
	c := startCluster(t, options{
		stores: 3, copies: 2, level: level, top: "other_tables = \"s0\"\n",
		sections: fmt.Sprintf("\n[pool]\nmax_conns = %d\nwait_timeout = \"10s\"\n", conns),
	})
	// Not those of the side tables, which the proxy keeps open.
	metadataLocks, status := "performance_schema.metadata_locks WHERE object_schema IN ('app', 'second')", "performance_schema.global_status"
	if suite.Servers.MariaDB() {
		metadataLocks, status = "information_schema.metadata_lock_info WHERE TABLE_SCHEMA <> 'dsm'", "information_schema.global_status"
		for _, n := range c.nodes {
			mustExec(t, n.db, "INSTALL SONAME 'metadata_lock_info'")
		}
	}
	db := c.client(t)
	for i := range still {
		mustExec(t, db, "INSERT INTO sessions (id, data) VALUES (?, 'still')", fmt.Sprint("still-", i))
		mustExec(t, db, "INSERT INTO sessions (id, data) VALUES (?, 'shared')", fmt.Sprint("shared-", i))
	}
	cr := &crowd{t: t, c: c, conns: conns, holders: make(map[string]int), errors: make(map[string]int)}
	cr.metadataLocks, cr.status = metadataLocks, status
	cr.readDefaults(db)
	files := c.openFiles(t)

	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	begin := time.Now()
	free := make(chan struct{}, leakAtOnce)
	var wg sync.WaitGroup
	for i := range leakTotal {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			v := &visitor{crowd: cr, id: i, ctx: ctx, rng: rng, state: make(map[string]string)}
			v.visit()
			if i%5 == 0 {
				cr.byHand(rng)
			}
		})
	}
	wg.Wait()
	t.Logf("%d visitors in %v; errors that may be: %v", leakTotal, time.Since(begin).Round(time.Millisecond), cr.errors)
	for i, text := range cr.bad {
		if i < 20 {
			t.Error(text)
		}
	}
	if n := cr.errors["total"]; n > leakTotal*2/3 {
		t.Errorf("%d of %d visitors met an error: that is no test of anything", n, leakTotal)
	}
	// The connections that are half open are still there.
	cr.wantNothingLeft(files)
	for _, nc := range cr.kept {
		nc.Close()
	}
}

func (cr *crowd) open(change func(*mysql.Config)) *sql.DB { return open(cr.t, cr.c.Addr, change) }

// readDefaults reads what a new session is like, and wants a store's own to be
// the same.
func (cr *crowd) readDefaults(db *sql.DB) {
	cr.t.Helper()
	query := "SELECT CONCAT_WS('|', " + expressionList() + ") FROM app.sessions WHERE id = 'still-0'"
	var proxied, direct string
	if err := db.QueryRow(query).Scan(&proxied); err != nil {
		cr.t.Fatal(err)
	}
	store := open(cr.t, cr.c.nodes[0].Addr(), func(c *mysql.Config) { c.DBName = "app" })
	mustExec(cr.t, store, "REPLACE INTO app.other VALUES (1)")
	if err := store.QueryRow(strings.Replace(query, "app.sessions WHERE id = 'still-0'", "app.other LIMIT 1", 1)).Scan(&direct); err != nil {
		cr.t.Fatal(err)
	}
	if proxied != direct {
		cr.t.Fatalf("a new session is %q, directly %q", proxied, direct)
	}
	cr.defaults = strings.Split(direct, "|")
}

func (cr *crowd) report(format string, args ...any) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	cr.bad = append(cr.bad, fmt.Sprintf(format, args...))
}

// note counts an error.
func (cr *crowd) note(err error) {
	kind := "other"
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		kind = fmt.Sprint(e.Number)
	}
	cr.mu.Lock()
	defer cr.mu.Unlock()
	cr.errors[kind]++
	if kind == "1040" || kind == "1205" || kind == "1213" || kind == "other" {
		cr.errors["total"]++
	}
}

func (cr *crowd) acquired(name string, id int) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	if other, ok := cr.holders[name]; ok {
		cr.bad = append(cr.bad, fmt.Sprintf("visitor %d got the lock %s, which visitor %d has", id, name, other))
	}
	cr.holders[name] = id
}

func (cr *crowd) released(name string, id int) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	if cr.holders[name] == id {
		delete(cr.holders, name)
	}
}

func (cr *crowd) keep(nc net.Conn) {
	cr.mu.Lock()
	defer cr.mu.Unlock()
	cr.kept = append(cr.kept, nc)
}

// byHand logs in by hand and leaves things half done: long data that no
// execution follows, answers that nobody reads, a packet that is cut.
func (cr *crowd) byHand(rng *rand.Rand) {
	raw := loginRaw(cr.t, cr.c.Addr)
	defer raw.Close()
	p, err := raw.command(append([]byte{0x16}, "UPDATE sessions SET data = ? WHERE id = ?"...)...)
	if errorNumber(p) == 1040 {
		return // no connection to a store was free
	}
	if err != nil || p[0] != 0 {
		cr.report("prepare by hand: %q, %v", p, err)
		return
	}
	id := p[1:5]
	for range 1 + rng.IntN(8) {
		raw.seq = 0
		raw.write(append(append([]byte{0x18}, id...), append([]byte{0, 0}, make([]byte, 20_000)...)...))
	}
	for _, q := range []string{
		"SET sql_mode = 'ANSI_QUOTES', @leak = 'by hand', time_zone = '-03:00'", "SET autocommit = 0",
		"UPDATE sessions SET expires = 77 WHERE id = 'shared-7'", "SELECT REPEAT(data, 100000) FROM sessions WHERE id = 'still-2'",
	} {
		raw.Write(frame(0, append([]byte{0x03}, q...)))
	}
	if rng.IntN(2) == 0 {
		raw.Write([]byte{100, 0, 0, 0, 0x17})
	}
	if rng.IntN(2) == 0 {
		raw.Conn.(*net.TCPConn).SetLinger(0)
	}
}

// wantNothingLeft wants the stores, and the proxy, to be as they were before.
func (cr *crowd) wantNothingLeft(files int) {
	t := cr.t
	t.Helper()
	var free strings.Builder
	for i := range leakLocks {
		fmt.Fprintf(&free, " + 1 - IS_FREE_LOCK('leak-%d')", i)
	}
	for _, n := range cr.c.nodes {
		for _, rest := range []struct {
			what  string
			most  int
			query string
		}{
			{"named locks", 0, "SELECT 0" + free.String()},
			// The table is what it was while it is asked for every 0.1 s or less.
			{"transactions", 0, "SELECT COUNT(*) + SLEEP(0.2) FROM information_schema.innodb_trx"},
			{"metadata locks", 0, "SELECT COUNT(*) FROM " + cr.metadataLocks},
			// An idle connection may still have the statement that an EXECUTE in
			// SQL needed last there, under a name of the proxy.
			{"prepared statements", cr.conns, "SELECT VARIABLE_VALUE - " + ownForms + " FROM " + cr.status + " WHERE VARIABLE_NAME = 'Prepared_stmt_count'"},
			{"running statements", 0, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app' AND id <> CONNECTION_ID()" +
				" AND command <> 'Sleep' AND info IS NOT NULL"},
		} {
			count := -1
			ok := poll(30*time.Second, func() bool {
				if err := n.db.QueryRow(rest.query).Scan(&count); err != nil {
					t.Fatalf("%s: %v", rest.query, err)
				}
				return count <= rest.most
			})
			if !ok {
				t.Errorf("%s has %d %s after all clients have gone, want %d at most", n.name, count, rest.what, rest.most)
			}
		}
		// Beside the pool's there are the test's own and the probe's.
		var open int
		if err := n.db.QueryRow("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'").Scan(&open); err != nil {
			t.Fatal(err)
		}
		if most := cr.conns + 1 + n.db.Stats().OpenConnections + 1; open > most {
			t.Errorf("%s has %d connections, want %d at most", n.name, open, most)
		}
	}
	// Each store's pool may have grown by its connections.
	most := files + len(cr.c.nodes)*cr.conns + 8
	now := 0
	if !poll(30*time.Second, func() bool { now = cr.c.openFiles(t); return now <= most }) {
		t.Errorf("the proxy has %d files open, %d connections being half open; it had %d, want %d at most", now, len(cr.kept), files, most)
	}
	t.Logf("the proxy had %d files open, now %d", files, now)
	cr.c.wantPlaced(t, []string{"still-0", "still-1", "still-2", "shared-0", "shared-7"}, nil)
	stacks := cr.c.Goroutines(t)
	all, sessions := strings.Count(stacks, "\ngoroutine "), strings.Count(stacks, "protocol.(*Server).run(")
	t.Logf("the proxy has %d goroutines, %d of them for sessions", all, sessions)
	if all == 0 || all > 60 || sessions > 6 {
		t.Errorf("the proxy has %d goroutines, %d of them for sessions, want 60 and 6 at most:\n%.20000s", all, sessions, stacks)
	}
}

// poll waits for ok and tells whether it came.
func poll(limit time.Duration, ok func() bool) bool {
	for end := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// openFiles counts the proxy's open files; 0 where /proc tells nothing.
func (c *cluster) openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.Pid()))
	if err != nil {
		return 0
	}
	return len(all)
}
