package integration

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// history is what some clients saw of some records, and what happened
// meanwhile. It is safe for concurrent use.
type history struct {
	begin  time.Time
	values atomic.Int64

	mu     sync.Mutex // guards what follows
	calls  []*call
	events []happening
	odd    []string // errors that no client should see
}

func newHistory() *history { return &history{begin: time.Now()} }

func (h *history) now() time.Duration { return time.Since(h.begin) }

// called notes a call before it is made.
func (h *history) called(client, key string, a act) *call {
	c := &call{client: client, key: key, act: a, from: h.now()}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, c)
	return c
}

func (h *history) note(format string, args ...any) {
	e := happening{h.now(), fmt.Sprintf(format, args...)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *history) complain(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.odd) < 20 {
		h.odd = append(h.odd, fmt.Sprintf("%.3fs ", h.now().Seconds())+fmt.Sprintf(format, args...))
	}
}

// ended is called when the answer is there.
func (c *call) ended(h *history, r reply) {
	c.to = h.now()
	switch {
	case r.err == "" || r.errno == 1062 && c.act.kind == opInsert:
		c.state = answered
		c.out.affected, c.out.duplicate = r.affected, r.errno == 1062
	case harmless(r):
		c.state, c.err = refused, r.err
	default:
		c.err = r.err
	}
}

// harmless reports whether an error says that nothing was done: a deadlock, a
// lock that could not be had, or the proxy's own word.
func harmless(r reply) bool {
	return !r.broken && (r.errno == 1205 || r.errno == 1213 || r.errno == 1105)
}

// lostAtWrite is the number of the error that says that a write's outcome can't
// be told.
const lostAtWrite = 1053

// audience is clients at work on the same records.
type audience struct {
	*history
	keys   []string
	txns   bool // use transactions as well
	pause  time.Duration
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// audienceOptions say what an audience is like.
type audienceOptions struct {
	seed    uint64
	clients int // of go-sql-driver
	php     int
	keys    int
	txns    bool
	pause   time.Duration // longest time between two statements of a client

	patience time.Duration // of the clients of go-sql-driver; 0: clientPatience
}

// startAudience starts the clients; stop ends them.
func (f *fleet) startAudience(t *testing.T, o audienceOptions) *audience {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &audience{history: newHistory(), txns: o.txns, pause: o.pause, cancel: cancel}
	for i := range o.keys {
		c.keys = append(c.keys, fmt.Sprintf("key-%d", i))
	}
	var guests []*guest
	for i := range o.clients {
		prepared, found := i%4 >= 2, i%2 == 1
		guests = append(guests, &guest{audience: c, name: fmt.Sprint("go", i), found: found, speaker: newGoSpeaker(f, i, prepared, found, cmp.Or(o.patience, clientPatience))})
	}
	for i := range o.php {
		driver, prepared, found := []string{"mysqli", "pdo"}[i%2], i%4 >= 2, i%3 == 1
		p := f.proxies[i%len(f.proxies)]
		guests = append(guests, &guest{audience: c, name: fmt.Sprint("php", i), found: found, speaker: newPHPSpeaker(t, p.Addr, driver, prepared, found)})
	}
	for i, v := range guests {
		v.rng = rand.New(rand.NewPCG(o.seed, uint64(i)))
		c.wg.Go(func() { v.visit(ctx) })
	}
	t.Cleanup(c.stop)
	return c
}

// stop ends the clients, each after the statement that it has under way.
func (c *audience) stop() {
	c.cancel()
	c.wg.Wait()
}

// guest is one client.
type guest struct {
	*audience
	speaker
	name  string
	found bool
	rng   *rand.Rand
}

func (v *guest) visit(ctx context.Context) {
	connected := false
	defer func() { v.close() }()
	for ctx.Err() == nil {
		if !connected {
			if v.dial() != nil {
				time.Sleep(50 * time.Millisecond)
				continue
			}
			connected = true
		}
		connected = v.act() && v.rng.IntN(100) > 0
		if v.pause > 0 {
			time.Sleep(time.Duration(v.rng.Int64N(int64(v.pause))))
		}
	}
}

const (
	readSQL   = "SELECT data, expires, owner FROM sessions WHERE id = ?"
	updateSQL = "UPDATE sessions SET data = ?, expires = expires + 1 WHERE id = ?"
	insertSQL = "INSERT INTO sessions (id, data, expires) VALUES (?, ?, ?)"
	deleteSQL = "DELETE FROM sessions WHERE id = ?"
)

// act carries out one statement, or a transaction. It is false if the
// connection can't be used any more.
func (v *guest) act() bool {
	key := v.keys[v.rng.IntN(len(v.keys))]
	kinds := []kind{
		opRead, opRead, opRead, opRead, opRead, opUpsert, opUpsert, opReplace, opInsert, opIgnore, opSet, opSet,
		opCount, opMark, opSwap, opDelete, opDelete, opTxn, opTxn, opTxnDrop, opTxnBack,
	}
	if !v.txns {
		kinds = kinds[:len(kinds)-4]
	}
	a := act{kind: kinds[v.rng.IntN(len(kinds))], found: v.found}
	if a.kind >= opTxn {
		return v.transact(key, a)
	}
	switch a.kind {
	case opMark:
		a.val = 1 + v.rng.Int64N(2)
	case opSwap:
		r, ok := v.read(key)
		if !ok || !r.exists {
			return ok
		}
		a.val, a.want = v.values.Add(1), r.count
	case opRead:
		_, ok := v.read(key)
		return ok
	default:
		a.val = v.values.Add(1)
	}
	c := v.called(v.name, key, a)
	query, args := statement(a, key)
	r := v.run(query, args...)
	c.ended(v.history, r)
	return v.after(c, r)
}

// statement is the SQL of an act, with its values.
func statement(a act, key string) (query string, args []any) {
	switch a.kind {
	case opUpsert:
		return insertSQL + " ON DUPLICATE KEY UPDATE data = VALUES(data), expires = 0, owner = NULL", []any{key, data(a.val), 0}
	case opReplace:
		return "REPLACE INTO sessions (id, data) VALUES (?, ?)", []any{key, data(a.val)}
	case opInsert:
		return insertSQL, []any{key, data(a.val), 0}
	case opIgnore:
		return "INSERT IGNORE INTO sessions (id, data) VALUES (?, ?)", []any{key, data(a.val)}
	case opSet:
		return "UPDATE sessions SET data = ? WHERE id = ?", []any{data(a.val), key}
	case opCount:
		return "UPDATE sessions SET expires = expires + 1 WHERE id = ?", []any{key}
	case opMark:
		return "UPDATE sessions SET owner = ? WHERE id = ?", []any{fmt.Sprint(a.val), key}
	case opSwap:
		return updateSQL + " AND expires = ?", []any{data(a.val), key, int(a.want)}
	case opDelete:
		return deleteSQL, []any{key}
	}
	return readSQL, []any{key}
}

// read reads a record; false means that the connection is gone.
func (v *guest) read(key string) (record, bool) {
	return v.look(key, readSQL)
}

func (v *guest) look(key, query string) (record, bool) {
	c := v.called(v.name, key, act{kind: opRead})
	r := v.run(query, key)
	c.ended(v.history, r)
	if c.state == answered {
		var err error
		if c.out.row, err = recordOf(r); err != nil {
			v.complain("%s read %s: %v", v.name, key, err)
		}
	}
	ok := v.after(c, r)
	return c.out.row, ok && c.state == answered
}

// after judges the error of a call; false means that the connection is not to
// be used any more.
func (v *guest) after(c *call, r reply) bool {
	if c.state == unknown && !r.broken && r.errno != lostAtWrite {
		v.complain("%s %v: %s", v.name, c.act.kind, r.err)
	}
	return !r.broken
}

// transact reads a record for update, and writes it, deletes it or does
// neither. The read counts by itself as well.
func (v *guest) transact(key string, a act) bool {
	begin := "START TRANSACTION"
	if r := v.run(begin); r.err != "" {
		return v.failed(begin, r)
	}
	seen, ok := v.look(key, readSQL+" FOR UPDATE")
	if !ok {
		return v.rollback()
	}
	a.seen, a.val = seen, v.values.Add(1)
	if a.kind == opTxnDrop && !seen.exists {
		a.kind = opTxn
	}
	c := v.called(v.name, key, a)
	var query string
	var args []any
	switch {
	case a.kind == opTxnDrop:
		query, args = deleteSQL, []any{key}
	case seen.exists:
		query, args = updateSQL, []any{data(a.val), key}
	default:
		query, args = insertSQL, []any{key, data(a.val), 1}
	}
	if v.rng.IntN(4) == 0 {
		time.Sleep(time.Duration(v.rng.Int64N(int64(20 * time.Millisecond))))
	}
	r := v.run(query, args...)
	switch {
	case r.err != "":
		c.ended(v.history, r)
		c.state = refused // nothing was committed
		return v.failed(query, r) && v.rollback()
	case r.affected != 1:
		v.complain("%s %s in a transaction that has seen %v: %d rows affected", v.name, query, seen, r.affected)
	}
	if a.kind == opTxnBack {
		c.state = refused
		return v.rollback()
	}
	r = v.run("COMMIT")
	c.ended(v.history, r)
	c.out = outcome{}
	return v.after(c, r)
}

func (v *guest) rollback() bool {
	r := v.run("ROLLBACK")
	return r.err == "" || v.failed("ROLLBACK", r)
}

// failed judges an error that changes nothing.
func (v *guest) failed(query string, r reply) bool {
	if !r.broken && !harmless(r) && r.errno != lostAtWrite {
		v.complain("%s %s: %s", v.name, query, r.err)
	}
	return !r.broken
}

// readAllKeys reads each record by each proxy, until all could be read.
func (f *fleet) readAllKeys(h *history, keys []string) map[string]record {
	f.t.Helper()
	last := make(map[string]record)
	for i, p := range f.proxies {
		v := &guest{audience: &audience{history: h}, name: "last-" + p.name, speaker: newGoSpeaker(f, i, false, false, clientPatience)}
		left := slices.Clone(keys)
		eventually(f.t, time.Minute, p.name+" reads every record", func() bool {
			v.speaker.(*goSpeaker).next = i
			if v.dial() != nil {
				return false
			}
			left = slices.DeleteFunc(left, func(key string) bool {
				r, ok := v.read(key)
				if ok {
					last[key] = r
				}
				return ok
			})
			return len(left) == 0
		})
		v.close()
	}
	return last
}
