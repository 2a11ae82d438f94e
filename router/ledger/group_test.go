package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/dsmproxy/dsmproxy/internal/realstore"
	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/placement"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Two proxies, each with clients of its own, work on a few keys on three real
// servers, which are killed, stopped and wiped meanwhile. What each client has
// seen must be as if there were one server (porcupine), and in the end all
// copies must be the same.

const (
	groupKeys    = 6
	groupClients = 3 // of each proxy
)

// world is the servers and the proxies.
type world struct {
	t       *testing.T
	servers []*realstore.Server
	ledgers []*Ledger
	groups  []*fence.Group
	start   time.Time
	place   placement.Placement
	found   func() // the groups, and has them run

	mu      sync.Mutex // guards history
	history []porcupine.Operation
	counts  map[string]int
}

// input is an operation on one key.
type input struct {
	key  int
	verb string
	val  string
}

// output is what it has told.
type output struct {
	val     string // of a read: "" for no record
	rows    uint64
	unknown bool
	untold  bool // it was done, and rows is not known
}

func newWorld(t *testing.T, lease time.Duration, args ...string) *world {
	w := newGroups(t, lease, 2*time.Second, args...)
	w.found()
	return w
}

// newGroups makes groups that are not founded yet, and do not run.
func newGroups(t *testing.T, lease, own time.Duration, args ...string) *world {
	w := &world{t: t, servers: installation.Start(t, 3, args...), start: time.Now(), counts: make(map[string]int)}
	for _, s := range w.servers {
		o := &one{t: t, server: s}
		o.db = openDB(t, s)
		o.exec("CREATE DATABASE app")
		o.exec(makeSessions)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for p := range 2 {
		var list []*store.Store
		var names []placement.Store
		for i, s := range w.servers {
			st := store.New(store.Config{
				Name: fmt.Sprintf("s%d", i), Network: "tcp", Addr: s.Addr(), ProbeLogin: login, User: login.User, Password: login.Password,
				ConnectTimeout: 2 * time.Second, ProbeInterval: 100 * time.Millisecond, ProbeTimeout: 500 * time.Millisecond,
			})
			running.Go(func() { _ = st.Run(ctx) })
			list = append(list, st)
			names = append(names, placement.Store{Name: st.Name()})
		}
		log := logTo(t).With("proxy", p)
		l, err := New(Config{Login: login, Tables: []Table{sessions}, Timeout: 700 * time.Millisecond, OwnTimeout: own, Log: log}, list, nil)
		if err != nil {
			t.Fatal(err)
		}
		place, err := placement.New(placement.Rendezvous, names)
		if err != nil {
			t.Fatal(err)
		}
		w.place = place
		stores, _ := l.Of()
		g, err := fence.New(fence.Config{
			Stores: stores, Placement: place, Copies: 2, Lease: lease, Detect: 400 * time.Millisecond, DetectRefused: 150 * time.Millisecond,
			Rejoin: 300 * time.Millisecond, RejoinMax: time.Second, MendEvery: 100 * time.Millisecond, BeatEvery: 60 * time.Millisecond,
			Patience: 25 * time.Second, Env: &fence.Live{}, Log: log,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.ledgers, w.groups = append(w.ledgers, l), append(w.groups, g)
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	w.found = func() {
		for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) { // a store may be slow on a busy machine
			if err := w.groups[0].Found(ctx); err == nil {
				break
			} else if time.Since(begun) > patience {
				t.Fatalf("Found: %v", err)
			}
		}
		for _, g := range w.groups {
			running.Go(func() { _ = g.Run(ctx) })
		}
	}
	return w
}

// healed waits until each proxy says that all stores are up and covered.
func (w *world) healed() {
	w.t.Helper()
	end := time.Now().Add(patience)
	for {
		bad := ""
		for _, g := range w.groups {
			o := g.Overview()
			for _, s := range o.Stores {
				if s.State != "up" || !s.Covered || s.Err != nil {
					bad = fmt.Sprintf("%+v", o)
				}
			}
		}
		if bad == "" {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("not healed within %v: %s", patience, bad)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

var verbs = []struct{ name, sql string }{
	{"put", "INSERT INTO app.sessions (id, data) VALUES ('%[1]s', '%[2]s') ON DUPLICATE KEY UPDATE data='%[2]s', n=0"},
	{"upd", "UPDATE app.sessions SET data='%[2]s' WHERE id='%[1]s'"},
	{"inc", "UPDATE app.sessions SET n=n+1 WHERE id='%[1]s'"},
	{"del", "DELETE FROM app.sessions WHERE id='%[1]s'"},
	{"read", "SELECT CONCAT(data, '/', n) FROM app.sessions WHERE id='%[1]s'"},
	{"read", "SELECT CONCAT(data, '/', n) FROM app.sessions WHERE id='%[1]s'"},
	{"read", "SELECT CONCAT(data, '/', n) FROM app.sessions WHERE id='%[1]s'"},
}

// client works until ctx ends.
func (w *world) client(ctx context.Context, id int, g *fence.Group) {
	rng := rand.New(rand.NewPCG(uint64(id), 7))
	for n := 0; ctx.Err() == nil; n++ {
		v := verbs[rng.IntN(len(verbs))]
		in := input{rng.IntN(groupKeys), v.name, fmt.Sprintf("c%dn%d", id, n)}
		w.do(ctx, id, g, in, v.sql)
		time.Sleep(time.Duration(rng.IntN(8)) * time.Millisecond) // the load of a client that also does other things
	}
}

func (w *world) do(_ context.Context, id int, g *fence.Group, in input, sql string) {
	name := "k" + strconv.Itoa(in.key)
	st := &text{sql: fmt.Sprintf(sql, name, in.val)}
	if id%2 == 0 { // in the other way than the others
		st.login = multiResults
	}
	keys := []fence.Key{{Table: 1, ID: []byte(name)}}
	begun := time.Since(w.start)
	var err error
	if in.verb == "read" {
		err = g.Read(context.Background(), st, keys)
	} else {
		err = g.Write(context.Background(), st, keys)
	}
	out := output{rows: st.answer.AffectedRows}
	ended := time.Since(w.start)
	what := in.verb
	var unavailable *fence.Unavailable
	switch {
	case errors.Is(err, fence.ErrUnknown):
		what = "unknown"
		out.unknown = true
	case errors.Is(err, fence.ErrAnswerLost):
		what = "answer lost"
		out.untold = true
	case errors.As(err, &unavailable):
		w.count("unavailable")
		return
	case err != nil:
		w.t.Errorf("%s of %s: %v", in.verb, name, err)
		return
	case st.answer.Err != nil && transient(st.answer.Err): // nothing was done
		w.count("deadlock")
		return
	case st.answer.Err != nil:
		w.t.Errorf("%s of %s: %v", in.verb, name, st.answer.Err)
		return
	case in.verb == "read":
		if out.val = st.value(); out.val == "-" {
			out.val = ""
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
	w.history = append(w.history, porcupine.Operation{ClientId: id, Input: in, Call: int64(begun), Output: out, Return: int64(ended)})
}

func (w *world) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
}

// model is one record: "" or its data, a slash and n.
var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := make([][]porcupine.Operation, groupKeys)
		for _, op := range history {
			k := op.Input.(input).key
			byKey[k] = append(byKey[k], op)
		}
		return byKey
	},
	Init: func() any { return "" },
	Step: func(state, in, out any) (bool, any) {
		i, o := in.(input), out.(output)
		next, rows := step(state.(string), i)
		if i.verb == "read" {
			return o.val == state.(string), state
		}
		return o.unknown || o.untold || rows == o.rows, next
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
}

func step(state string, i input) (next string, rows uint64) {
	data, n := "", 0
	if state != "" {
		for at := range state {
			if state[at] == '/' {
				data = state[:at]
				n, _ = strconv.Atoi(state[at+1:])
			}
		}
	}
	switch {
	case i.verb == "put" && state == "":
		return i.val + "/0", 1
	case i.verb == "put":
		return i.val + "/0", 2
	case state == "" || i.verb == "read":
		return state, 0
	case i.verb == "upd":
		return i.val + "/" + strconv.Itoa(n), 1
	case i.verb == "inc":
		return data + "/" + strconv.Itoa(n+1), 1
	}
	return "", 1 // del
}

// judge checks the history. What is unknown may happen at any later time, or
// never.
func (w *world) judge() {
	w.t.Helper()
	var history []porcupine.Operation
	end := int64(time.Since(w.start)) + int64(time.Hour)
	for _, op := range w.history {
		if op.Output.(output).unknown {
			op.Return = end
		}
		history = append(history, op)
	}
	w.t.Logf("%d operations: %v", len(history), w.counts)
	switch porcupine.CheckOperationsTimeout(model, history, time.Minute) {
	case porcupine.Illegal:
		w.t.Error("what the clients have seen is not linearizable")
	case porcupine.Unknown:
		w.t.Error("the checker did not finish")
	}
}

// equal looks at the stores: each record must be on two of them, and the same.
func (w *world) equal() {
	w.t.Helper()
	type copy struct {
		store int
		row   string
	}
	for k := range groupKeys {
		name := "k" + strconv.Itoa(k)
		for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			var copies []copy
			for i, s := range w.servers {
				o := &one{t: w.t, server: s, db: openDB(w.t, s)}
				row := o.ask("SELECT CONCAT(data, '/', n) FROM app.sessions WHERE id='" + name + "'")
				if row != "-" {
					copies = append(copies, copy{i, row})
				}
			}
			if len(copies) == 0 || len(copies) == 2 && copies[0].row == copies[1].row {
				break
			}
			if time.Now().After(end) {
				w.t.Errorf("record %s is at %v", name, copies)
				break
			}
		}
	}
}

func TestGroup(t *testing.T) {
	for _, c := range []struct {
		name  string
		lease time.Duration
		args  []string
	}{
		{"safe", 300 * time.Millisecond, []string{"--innodb-flush-log-at-trx-commit=1"}},
		{"strict, stores that may lose the last second", 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) { testGroup(t, c.lease, c.args) })
	}
}

func testGroup(t *testing.T, lease time.Duration, args []string) {
	w := newWorld(t, lease, args...)
	w.healed()
	ctx, stop := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for id := range 2 * groupClients {
		clients.Go(func() { w.client(ctx, id, w.groups[id%2]) })
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	lull := func(d time.Duration) { time.Sleep(d) } // how long a fault lasts
	lull(500 * time.Millisecond)

	ok(w.servers[0].Kill())
	lull(600 * time.Millisecond)
	ok(w.servers[0].Restart(t.Context()))
	w.healed()
	t.Log("killed and back")

	ok(w.servers[1].Kill()) // a quick restart
	ok(w.servers[1].Restart(t.Context()))
	w.healed()
	t.Log("restarted")

	ok(w.servers[1].Stop())
	lull(1500 * time.Millisecond)
	ok(w.servers[1].Continue())
	w.healed()
	t.Log("stopped and back")

	ok(w.servers[2].Wipe(t.Context()))
	w.healed()
	t.Log("wiped and back")
	lull(300 * time.Millisecond)

	stop()
	clients.Wait()
	w.healed()
	for k := range groupKeys { // the last word
		w.do(ctx, 2*groupClients, w.groups[k%2], input{k, "read", ""}, verbs[4].sql)
	}
	w.judge()
	w.equal()
	for p, g := range w.groups {
		t.Logf("proxy %d: %+v", p, g.Overview().Counts)
	}
	if w.counts["put"] < 20 || w.counts["read"] < 100 {
		t.Errorf("too little was done: %v", w.counts)
	}
}
