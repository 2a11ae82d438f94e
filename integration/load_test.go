package integration

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// load is a running crowd of clients. Each owns its records: it writes rising
// versions of them and knows what a read must return.
type load struct {
	t          *testing.T
	db         *sql.DB
	cancel     context.CancelFunc
	wg         sync.WaitGroup
	statements atomic.Int64
	txErrors   atomic.Int64 // inside transactions, where they are allowed
	lost       atomic.Int64 // writes that ended without an answer
	mayLose    int64        // so many of them for each store that is lost
	longest    atomic.Int64 // of a statement outside a transaction, in ns

	mu       sync.Mutex // guards what follows
	errors   []string
	versions map[string]int // of each record, as acknowledged last; 0: deleted

	php []*phpWorker
}

// keysEach is how many records a client owns.
const keysEach = 12

// startLoad starts clients of each kind.
func (c *cluster) startLoad(t *testing.T, clients, transactional, phpClients int) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{t: t, cancel: cancel, versions: map[string]int{}}
	if c.fenced {
		// A write that a store has got just before it is lost: whether it counts
		// is known later, and what is told of it then would be a guess.
		l.mayLose = int64(clients + phpClients)
	}
	l.db = c.client(t, func(c *mysql.Config) { c.InterpolateParams = true })
	for i := range clients + transactional {
		w := &worker{load: l, prefix: fmt.Sprintf("load-%d-", i), versions: map[string]int{}, tx: i >= clients}
		if err := w.connect(ctx); err != nil {
			t.Fatal(err)
		}
		l.wg.Go(func() { w.run(ctx) })
	}
	for i := range phpClients {
		l.php = append(l.php, startPHPWorker(t, c.Addr, fmt.Sprintf("load-php-%d-", i), l.mayLose > 0))
	}
	t.Cleanup(l.stop)
	return l
}

// stop ends the clients and collects what they know.
func (l *load) stop() {
	l.cancel()
	l.wg.Wait()
	for _, p := range l.php {
		p.stop(l)
	}
	l.php = nil
}

// wantProgress waits for n more statements.
func (l *load) wantProgress(n int64) {
	l.t.Helper()
	want := l.statements.Load() + n
	eventually(l.t, time.Minute, fmt.Sprint(n, " more statements"), func() bool { return l.statements.Load() >= want })
}

func (l *load) complain(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errors = append(l.errors, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// judge prints what was measured and fails for each error; stores is how many
// were lost.
func (l *load) judge(fault string, stores int64) {
	l.t.Helper()
	l.t.Logf("fault=%s statements=%d errors=%d errors_in_transactions=%d writes_without_answer=%d longest_wait=%v", fault,
		l.statements.Load(), len(l.errors), l.txErrors.Load(), l.lost.Load(), time.Duration(l.longest.Load()).Round(time.Millisecond))
	if n := l.lost.Load(); n > stores*l.mayLose {
		l.t.Errorf("%d writes ended without an answer, want at most %d", n, stores*l.mayLose)
	}
	for i, e := range l.errors {
		if i < 15 {
			l.t.Error(e)
		}
	}
	if longest := time.Duration(l.longest.Load()); longest > 10*time.Second {
		l.t.Errorf("a statement took %v", longest)
	}
}

// verify reads every record and wants the version acknowledged last.
func (l *load) verify(db *sql.DB) {
	l.t.Helper()
	bad := 0
	for id, want := range l.versions {
		var data string
		var got int
		err := db.QueryRow("SELECT data, expires FROM sessions WHERE id = ?", id).Scan(&data, &got)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		if err != nil || got != want || want > 0 && data != version(want) {
			if bad++; bad <= 10 {
				l.t.Errorf("%s: version %d, %v; want %d", id, got, err, want)
			}
		}
	}
	l.t.Logf("%d records read back, %d of them wrong", len(l.versions), bad)
}

func version(n int) string { return strings.Repeat(fmt.Sprintf("version %d ", n), 50) }

// worker is one client of go-sql-driver.
type worker struct {
	*load
	prefix   string
	tx       bool // writes in transactions
	conn     *sql.Conn
	stmts    map[string]*sql.Stmt
	versions map[string]int
}

func (w *worker) connect(ctx context.Context) error {
	var err error
	// A *sql.Conn, unlike a *sql.DB, never repeats a statement by itself.
	w.conn, err = w.db.Conn(ctx)
	w.stmts = map[string]*sql.Stmt{}
	return err
}

func (w *worker) run(ctx context.Context) {
	defer func() {
		w.conn.Close()
		w.mu.Lock()
		defer w.mu.Unlock()
		for id, v := range w.versions {
			w.load.versions[id] = v
		}
	}()
	for i := 0; ctx.Err() == nil; i++ {
		id := w.prefix + fmt.Sprint(rand.IntN(keysEach))
		begin := time.Now()
		switch {
		case w.tx && rand.IntN(2) == 0:
			w.transaction(id)
			continue
		case rand.IntN(3) > 0:
			w.read(id, i%2 == 0)
		default:
			w.write(id, i%2 == 0)
		}
		w.statements.Add(1)
		if took := int64(time.Since(begin)); took > w.longest.Load() {
			w.longest.Store(took)
		}
		w.mu.Lock()
		enough := len(w.errors) > 30
		w.mu.Unlock()
		if enough {
			return
		}
	}
}

// exec runs a statement by either protocol. Its context never ends: a client
// that is stopped lets its statement end.
func (w *worker) exec(prepared bool, query string, args ...any) (sql.Result, error) {
	if !prepared {
		return w.conn.ExecContext(context.Background(), query, args...)
	}
	s, err := w.stmt(query)
	if err != nil {
		return nil, err
	}
	return s.Exec(args...)
}

func (w *worker) stmt(query string) (*sql.Stmt, error) {
	s := w.stmts[query]
	if s == nil {
		var err error
		if s, err = w.conn.PrepareContext(context.Background(), query); err != nil {
			return nil, err
		}
		w.stmts[query] = s
	}
	return s, nil
}

func (w *worker) fetch(prepared bool, query, id string) (data string, v int, err error) {
	var row *sql.Row
	if prepared {
		s, err := w.stmt(query)
		if err != nil {
			return "", 0, err
		}
		row = s.QueryRow(id)
	} else {
		row = w.conn.QueryRowContext(context.Background(), query, id)
	}
	if err = row.Scan(&data, &v); errors.Is(err, sql.ErrNoRows) {
		return "", 0, nil
	}
	return data, v, err
}

func (w *worker) read(id string, prepared bool) {
	data, v, err := w.fetch(prepared, "SELECT data, expires FROM sessions WHERE id = ?", id)
	if err != nil {
		w.complain("read %s: %v", id, err)
		w.renew(err)
		return
	}
	if want := w.versions[id]; v != want || want > 0 && data != version(want) {
		w.complain("read %s: version %d, want %d", id, v, want)
	}
}

func (w *worker) write(id string, prepared bool) {
	v := w.versions[id]
	var err error
	var affected int64 = -1
	var r sql.Result
	switch n := rand.IntN(10); {
	case v == 0:
		r, err = w.exec(prepared, "INSERT INTO sessions (id, data, expires) VALUES (?, ?, ?)", id, version(1), 1)
		v, affected = 1, 1
	case n == 0:
		r, err = w.exec(prepared, "DELETE FROM sessions WHERE id = ?", id)
		v, affected = 0, 1
	case n < 4:
		v++
		r, err = w.exec(prepared, "UPDATE sessions SET data = ?, expires = ? WHERE id = ?", version(v), v, id)
		affected = 1
	case n < 7:
		v++
		r, err = w.exec(prepared, "REPLACE INTO sessions (id, data, expires) VALUES (?, ?, ?)", id, version(v), v)
		affected = 2
	default:
		v++
		r, err = w.exec(prepared, upsert, id, version(v), v)
		affected = 2
	}
	if err != nil {
		var answer *mysql.MySQLError
		if w.mayLose > 0 && !errors.As(err, &answer) {
			w.lost.Add(1)
		} else {
			w.complain("write %s: %v", id, err)
		}
		w.renew(err)
		w.learn(id)
		return
	}
	w.versions[id] = v
	if n, _ := r.RowsAffected(); n != affected {
		w.complain("write %s: %d rows affected, want %d", id, n, affected)
	}
}

// transaction changes a record in a transaction, whose errors are allowed; what
// it has done is then looked up.
func (w *worker) transaction(id string) {
	ctx := context.Background()
	v := w.versions[id]
	err := func() error {
		// As Symfony's handler does, so that no gaps are locked: those can be
		// in one another's way on several stores (TestDeadlockOverStores).
		tx, err := w.conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		var got int
		err = tx.QueryRow("SELECT expires FROM sessions WHERE id = ? FOR UPDATE", id).Scan(&got)
		if errors.Is(err, sql.ErrNoRows) {
			got, err = 0, nil
		}
		if err != nil {
			return err
		}
		if got != v {
			w.complain("read %s in a transaction: version %d, want %d", id, got, v)
		}
		if _, err := tx.Exec(upsert, id, version(v+1), v+1); err != nil {
			return err
		}
		if rand.IntN(5) == 0 {
			return errRolledBack
		}
		return tx.Commit()
	}()
	w.statements.Add(5)
	switch {
	case err == nil:
		w.versions[id] = v + 1
	case errors.Is(err, errRolledBack):
	default:
		w.txErrors.Add(1)
		w.renew(err)
		w.learn(id)
	}
}

var errRolledBack = errors.New("rolled back")

// renew opens a new connection where the old one is broken.
func (w *worker) renew(err error) {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return
	}
	w.conn.Close()
	for range 50 {
		if err = w.connect(context.Background()); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.complain("connect: %v", err)
}

// learn finds out what a write has done that ended in an error.
func (w *worker) learn(id string) {
	_, v, err := w.fetch(false, "SELECT data, expires FROM sessions WHERE id = ?", id)
	if err == nil {
		w.versions[id] = v
	}
}

// phpWorker is one client in PHP.
type phpWorker struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   bytes.Buffer
}

func startPHPWorker(t *testing.T, addr, prefix string, mayLose bool) *phpWorker {
	t.Helper()
	p := &phpWorker{cmd: exec.Command(tool(t, "php"), "clients/php/load.php", prefix, fmt.Sprint(keysEach))}
	if mayLose {
		p.cmd.Args = append(p.cmd.Args, "may-lose")
	}
	p.cmd.Env = clientEnv(t, addr)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *phpWorker) stop(l *load) {
	p.stdin.Close()
	timer := time.AfterFunc(time.Minute, func() { p.cmd.Process.Kill() })
	err := p.cmd.Wait()
	timer.Stop()
	var said struct {
		Statements int64
		Lost       int64
		Errors     []string
		Longest    float64
		Versions   map[string]int
	}
	if err := errors.Join(err, json.Unmarshal(p.out.Bytes(), &said)); err != nil {
		l.complain("php: %v\n%.2000s", err, p.out.String())
		return
	}
	l.statements.Add(said.Statements)
	l.lost.Add(said.Lost)
	l.longest.Store(max(l.longest.Load(), int64(said.Longest*1e9)))
	for _, e := range said.Errors {
		l.complain("php: %s", e)
	}
	for id, v := range said.Versions {
		l.versions[id] = v
	}
	if said.Statements < 20 {
		l.complain("php: only %d statements", said.Statements)
	}
}
