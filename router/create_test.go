package router_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/store"
)

// TestCreateTableIfNotExists: what each web server sends when it starts asks
// one store for the warning, and no store for a change.
func TestCreateTableIfNotExists(t *testing.T) {
	h := start(t, 3, 2)
	create := strings.Replace(schema, "CREATE TABLE app.sessions", "CREATE TABLE IF NOT EXISTS sessions", 1)
	created := func() (n int) {
		for _, d := range h.direct {
			var name string
			var count int
			if err := d.QueryRow("SHOW GLOBAL STATUS LIKE 'Com_create_table'").Scan(&name, &count); err != nil {
				t.Fatal(err)
			}
			n += count
		}
		return n
	}
	for _, params := range []string{"", "interpolateParams=true"} {
		before := created()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				c := h.conn(params)
				h.exec(c, create)
				h.shows(c, "Note|1050|Table 'sessions' already exists", "SHOW WARNINGS")
			})
		}
		wg.Wait()
		if n := created() - before; n != 10 {
			t.Errorf("%d CREATE TABLE at the stores, want 10", n)
		}
	}

	// Where a store lacks it, all get it.
	h.exec(h.direct[1], "DROP TABLE app.sessions")
	c := h.conn("")
	h.exec(c, "BEGIN")
	h.exec(c, create)
	h.exec(c, "ROLLBACK")
	h.shows(h.direct[1], "0", "SELECT COUNT(*) FROM app.sessions")

	// A store that is down gets it once.
	h.down(1)
	h.await("store down", func() bool { return h.stores[1].State() == store.Down })
	for range 20 {
		h.exec(c, create)
	}
	if b := h.set.Backlogs()[1]; b.Pending != 1 {
		t.Errorf("backlog is %+v, want one statement", b)
	}
	if err := h.servers[1].Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.await("run there", func() bool { return h.set.Backlogs()[1].Replayed == 1 })
	h.exec(c, "DROP TABLE IF EXISTS sessions")
	h.exec(c, create)
	for i, d := range h.direct {
		h.exec(d, fmt.Sprintf("INSERT INTO app.sessions (id) VALUES ('x%d')", i))
	}
}
