package ledger

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/fence"
)

var adoptRows = flag.Int("adopt", 1000, "how many records TestAdoptGroup has adopted")

// TestAdoptGroup has two proxies adopt records of 1 KiB while clients read and
// write them. Where copies differ, the first store's of the key's order counts,
// and a record that only the last store has counts as well. No client gets an
// error, and in the end every record is where it belongs.
func TestAdoptGroup(t *testing.T) {
	w := newGroups(t, time.Second, 20*time.Second, "--innodb-flush-log-at-trx-commit=1")
	stores := make([]*one, len(w.servers))
	for i, s := range w.servers {
		stores[i] = &one{t: t, server: s, db: openDB(t, s)}
		stores[i].exec("ALTER TABLE app.sessions MODIFY data VARCHAR(2000)")
	}
	n := *adoptRows
	sow(w, stores, n)
	begun := time.Now()
	w.found()
	listed := time.Since(begun)
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var done, failed atomic.Int64
	for id := range 2 * groupClients {
		clients.Go(func() { visitAdopted(ctx, w, w.groups[id%2], id, n, &done, &failed) })
	}
	most := uint64(0)
	// Either proxy may be the one that ends it.
	for o := w.groups[0].Overview(); o.Heal.Done+w.groups[1].Overview().Heal.Done == 0; o = w.groups[0].Overview() {
		if h := o.Heal; h.Running && h.Keys > 300 {
			most = max(most, h.Of)
			if off := float64(h.Of) / float64(n); off < 0.8 || off > 1.2 {
				t.Errorf("%d of about %d after %v: there are %d", h.Keys, h.Of, h.Took, n)
			}
		}
		if time.Since(begun) > 10*patience {
			t.Fatalf("not adopted: %+v", o)
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.healed()
	took := time.Since(begun)
	stop()
	clients.Wait()
	t.Logf("%d records: listed in %v, all copies after %v, %.0f a second; %d operations meanwhile; of about %d",
		n, listed, took, float64(n)/took.Seconds(), done.Load(), most)
	if failed.Load() > 0 || done.Load() == 0 {
		t.Errorf("%d of %d operations failed", failed.Load(), done.Load())
	}
	w.adoptedRight(stores, n)
}

func adoptedKey(i int) string { return fmt.Sprintf("key%07d", i) }

// The first records are the clients' to change.
const visited = 100

// sow puts each record on some stores, as the rule of 2006 may have left them.
func sow(w *world, stores []*one, n int) {
	rows := make([][]string, len(stores))
	flush := func(s, least int) {
		if len(rows[s]) > least {
			stores[s].exec("INSERT INTO app.sessions(id,data,n) VALUES" + strings.Join(rows[s], ","))
			rows[s] = rows[s][:0]
		}
	}
	for i := range n {
		order := w.order(adoptedKey(i))
		add := func(at, value int) {
			s := int(order[at])
			rows[s] = append(rows[s], fmt.Sprintf("('%s',RPAD('%d',1000,'x'),%d)", adoptedKey(i), value, value))
			flush(s, 500)
		}
		switch i % 10 {
		case 7: // the copy is older
			add(0, i)
			add(1, i+1)
		case 8: // the first store was down
			add(1, i)
			add(2, i)
		case 9:
			add(2, i)
		default:
			add(0, i)
			add(1, i)
		}
	}
	for s := range stores {
		flush(s, 0)
	}
}

func (w *world) order(id string) []uint16 {
	order := make([]uint16, len(w.servers))
	w.place.Order(order, []byte(id))
	return order
}

// visitAdopted is a client: it reads any record, and writes some.
func visitAdopted(ctx context.Context, w *world, g *fence.Group, id, n int, done, failed *atomic.Int64) {
	rng := rand.New(rand.NewPCG(uint64(id), 11))
	for ctx.Err() == nil {
		i := rng.IntN(n)
		sql, do := "SELECT n FROM app.sessions WHERE id='%s'", g.Read
		if rng.IntN(3) == 0 {
			i, sql, do = rng.IntN(visited), "UPDATE app.sessions SET n=n+1 WHERE id='%s'", g.Write
		}
		key := adoptedKey(i)
		st := &text{sql: fmt.Sprintf(sql, key)}
		err := do(context.Background(), st, []fence.Key{{Table: 1, ID: []byte(key)}})
		done.Add(1)
		switch {
		case err != nil:
			w.t.Errorf("%s: %v", st.sql, err)
			failed.Add(1)
		case st.answer.Err != nil && !transient(st.answer.Err):
			w.t.Errorf("%s: %v", st.sql, st.answer.Err)
			failed.Add(1)
		case i >= visited && st.value() != fmt.Sprint(i):
			w.t.Errorf("%s: %s", st.sql, st.value())
			failed.Add(1)
		}
		time.Sleep(time.Duration(rng.IntN(8)) * time.Millisecond)
	}
}

// adoptedRight looks at the stores.
func (w *world) adoptedRight(stores []*one, n int) {
	type record struct {
		data string
		n    int
	}
	have := make([]map[string]record, len(stores))
	read := func(s int) map[string]record {
		rows, err := stores[s].db.Query("SELECT id,data,n FROM app.sessions")
		if err != nil {
			w.t.Fatal(err)
		}
		defer rows.Close()
		list := make(map[string]record)
		for rows.Next() {
			var id string
			var r record
			if err := rows.Scan(&id, &r.data, &r.n); err != nil {
				w.t.Fatal(err)
			}
			list[id] = r
		}
		return list
	}
	wrong := func() string {
		for s := range stores {
			have[s] = read(s)
		}
		for i := range n {
			id := adoptedKey(i)
			order := w.order(id)
			a, ok := have[order[0]][id]
			b, both := have[order[1]][id]
			if _, third := have[order[2]][id]; !ok || !both || third || a != b {
				return fmt.Sprintf("record %s is at the first store: %v, the second: %v, the third: %v; the same: %v", id, ok, both, third, a == b)
			}
			if i >= visited && a.n != i {
				return fmt.Sprintf("record %s is %d", id, a.n)
			}
		}
		return ""
	}
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) { // leftovers are dropped later
		text := wrong()
		if text == "" {
			return
		}
		if time.Now().After(end) {
			w.t.Fatal(text)
		}
	}
}
