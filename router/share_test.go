package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"
)

// crowd has so many clients read that they share connections, until end is
// called; each checks what it reads.
func (h *harness) crowd(clients int) (end func()) {
	h.t.Helper()
	const keys = 40
	db := h.open("")
	for i := range keys {
		h.exec(db, fmt.Sprintf("INSERT INTO sessions (id, data, n) VALUES ('crowd%d', 'data of %d', %d)", i, i, i))
	}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range clients {
		params := []string{"", "interpolateParams=true", "time_zone=%27%2B02%3A00%27"}[i%3]
		c := h.conn(params)
		all.Go(func() {
			for j := i; ctx.Err() == nil; j++ {
				var data string
				var n int
				key := fmt.Sprintf("crowd%d", j%keys)
				err := c.QueryRowContext(context.Background(), "SELECT data, n FROM sessions WHERE id = ?", key).Scan(&data, &n)
				if err != nil || n != j%keys || data != fmt.Sprintf("data of %d", n) {
					h.t.Errorf("%s is %q, %d, %v", key, data, n, err)
					return
				}
			}
		})
	}
	return func() {
		stop()
		all.Wait()
	}
}

// Clients of different session states that share connections get their own
// records, see their own writes, the warnings of their own statements, and what
// their own session state makes of a statement.
func TestSharedReads(t *testing.T) {
	h := start(t, 2, 2)
	end := h.crowd(48)
	defer end()
	c := h.conn("time_zone=%27%2B05%3A00%27")
	ctx := context.Background()
	h.exec(c, "INSERT INTO sessions (id, n) VALUES ('own', 0)")
	h.exec(c, "UPDATE sessions SET changed = FROM_UNIXTIME(86400) WHERE id = 'own'")
	for i := 1; i <= 100; i++ {
		h.exec(c, fmt.Sprintf("UPDATE sessions SET n = %d, changed = changed WHERE id = 'own'", i))
		var n, hour int
		if err := c.QueryRowContext(ctx, "SELECT n, HOUR(changed) FROM sessions WHERE id = 'own'").Scan(&n, &hour); err != nil || n != i || hour != 5 {
			t.Fatalf("read %d, hour %d, %v, want %d, 5", n, hour, err, i)
		}
		var data sql.NullString
		if err := c.QueryRowContext(ctx, "SELECT CAST('1x' AS SIGNED) FROM sessions WHERE id = 'own'").Scan(&data); err != nil || data.String != "1" {
			t.Fatalf("read %v, %v", data, err)
		}
		var level, text string
		var code int
		if err := c.QueryRowContext(ctx, "SHOW WARNINGS").Scan(&level, &code, &text); err != nil || code != 1292 {
			t.Fatalf("its warning is %d, %v, want 1292", code, err)
		}
	}
	h.fails(1054, c, "SELECT nothing FROM sessions WHERE id = 'own'")
	if st := h.stores[0].Stats(); st.Open > 48 {
		t.Errorf("%d connections", st.Open)
	}
}

// A read that waits at a store, among others that share its connection, is ended
// by KILL QUERY, and the others are not held up.
func TestKillSharedRead(t *testing.T) {
	h := start(t, 1, 1)
	end := h.crowd(32)
	h.exec(h.open(""), "INSERT INTO sessions (id, n) VALUES ('k', 1)")
	victim, killer := h.conn(""), h.conn("")
	id := lockValue(t, victim, "SELECT CONNECTION_ID()")
	locker, err := h.direct[0].Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer locker.Close()
	for _, q := range []string{"SET lock_wait_timeout = 60", "LOCK TABLES app.sessions WRITE"} {
		if _, err := locker.ExecContext(context.Background(), q); err != nil {
			t.Fatal(err)
		}
	}
	outcome := h.begin(victim, "SELECT n FROM sessions WHERE id = 'k'")
	killed := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-killed:
				return
			case <-time.After(50 * time.Millisecond):
				h.exec(killer, "KILL QUERY "+id)
			}
		}
	})
	if err := outcome(); number(err) != 1317 {
		t.Errorf("the read ends with %v, want 1317", err)
	}
	close(killed)
	all.Wait()
	if _, err := locker.ExecContext(context.Background(), "UNLOCK TABLES"); err != nil {
		t.Fatal(err)
	}
	var n int
	h.await("the victim goes on", func() bool {
		err := victim.QueryRowContext(context.Background(), "SELECT n FROM sessions WHERE id = 'k'").Scan(&n)
		return err == nil && n == 1
	})
	end()
}
