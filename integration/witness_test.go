package integration

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/view"
)

// TestWitness: two stores and a witness serve on without any one of them, and
// with what was written last; the one that is lost is excluded, but a witness,
// which can't be.
func TestWitness(t *testing.T) {
	f := startFleet(t, fleetOptions{level: "safe", stores: 2, witnesses: 1, proxies: 2, copies: 2})
	witness := f.voters[0]
	var clients []*sql.DB
	for _, p := range f.proxies {
		clients = append(clients, f.client(p))
	}
	var keys []string
	for i := range 6 {
		keys = append(keys, fmt.Sprint("w", i))
		mustExec(t, clients[0], "INSERT INTO sessions (id, data) VALUES ('"+keys[i]+"', '')")
	}
	n := 0
	// counts has every record counted up by one proxy and read by the other.
	counts := func(what string) {
		t.Helper()
		n++
		for i, key := range keys {
			var r sql.Result
			var err error
			eventually(t, 20*time.Second, what, func() bool {
				r, err = clients[i%2].Exec("UPDATE sessions SET expires = ? WHERE id = ?", n, key)
				return err == nil
			})
			if rows, _ := r.RowsAffected(); rows > 1 {
				t.Errorf("%s: %d rows", what, rows)
			}
			var got int
			if err := clients[(i+1)%2].QueryRow("SELECT expires FROM sessions WHERE id = ?", key).Scan(&got); err != nil || got != n {
				t.Errorf("%s: %s is %d, %v; want %d", what, key, got, err, n)
			}
		}
	}
	// register is what a server has.
	register := func(o *node) *view.View {
		var vec string
		if o.db.QueryRow("SELECT vec FROM dsm.view WHERE id = 0").Scan(&vec) != nil {
			return nil
		}
		v, err := view.Parse(vec)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	excluded := func(store int) {
		t.Helper()
		eventually(t, 20*time.Second, "the store is excluded", func() bool {
			v := register(witness)
			return v != nil && v.State(store) == view.Down && v.Equal(register(f.nodes[1-store]))
		})
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	counts("all are there")
	before := register(f.nodes[0])
	must(witness.Kill())
	counts("the witness is dead")
	if v := register(f.nodes[0]); !before.Equal(v) {
		t.Errorf("the view is %v without the witness, and was %v", v, before)
	}
	must(witness.Restart(t.Context()))
	eventually(t, 30*time.Second, "the witness votes again", func() bool { return before.Equal(register(witness)) })

	must(f.nodes[1].Kill())
	counts("a store is dead")
	excluded(1)
	must(f.nodes[1].Restart(t.Context()))
	f.awaitHeal(healLimit)

	must(f.nodes[0].Stop())
	counts("the other store stands still")
	excluded(0)
	must(f.nodes[0].Continue())
	counts("it goes on")
	f.awaitHeal(healLimit)
	f.wantCopies(keys, 20*time.Second)
}
