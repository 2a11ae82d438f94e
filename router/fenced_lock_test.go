package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/fence"
)

// lockNames are names of locks of which each has another first store.
func (h *harness) lockNames() []string { return h.keysAt("lock") }

// TestFencedLockLost: a lock whose store dies, or stops, or starts anew, is free
// for others, and its holder is told so and its connection ends, whatever its
// next statement is. What does not rely on that store goes on.
func TestFencedLockLost(t *testing.T) {
	h, client := twoProxies(t, "safe", 3, 2)
	names := h.lockNames()
	for _, fail := range []struct {
		how  string
		stop func() error
		mend func() error
		next []string // what the client says next that has lost its lock
	}{
		{"killed", h.servers[0].Kill, func() error { return h.servers[0].Restart(t.Context()) },
			[]string{"SELECT n FROM sessions WHERE id = 'x'", "SELECT RELEASE_LOCK('" + names[0] + "')", "SELECT 1"}},
		{"stopped", h.servers[0].Stop, h.servers[0].Continue, []string{"SELECT 1"}},
	} {
		for _, next := range fail.next {
			holder, other, second := client(0), client(1), client(1)
			h.takesLock(holder, fmt.Sprintf("SELECT GET_LOCK('%s', 0)", names[0]), 1)
			h.takesLock(second, fmt.Sprintf("SELECT GET_LOCK('%s', 0)", names[1]), 1)
			h.takesLock(other, fmt.Sprintf("SELECT GET_LOCK('%s', 0)", names[0]), 0)
			if err := fail.stop(); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			h.takesLock(other, fmt.Sprintf("SELECT GET_LOCK('%s', 60)", names[0]), 1)
			t.Logf("%s: the lock is free after %v", fail.how, time.Since(began))
			if _, err := holder.ExecContext(context.Background(), next); err == nil {
				t.Errorf("%s: %s of a client that has lost its lock succeeds", fail.how, next)
			}
			if _, err := holder.ExecContext(context.Background(), "SELECT 1"); err == nil {
				t.Errorf("%s: the client that has lost its lock goes on", fail.how)
			}
			if err := fail.mend(); err != nil {
				t.Fatal(err)
			}
			// The name goes home, and so is lost where it was meanwhile. A proxy that
			// has not heard of the store's return yet still gives it out there, for
			// less than a lease: whoever gets it then loses it too.
			h.await("all proxies have the store back", func() bool {
				return !slices.ContainsFunc(h.groups, func(g *fence.Group) bool { return !g.IsUp(0) })
			})
			c := client(0)
			h.takesLock(c, fmt.Sprintf("SELECT GET_LOCK('%s', 60)", names[0]), 1)
			if _, err := other.ExecContext(context.Background(), "SELECT 1"); err == nil {
				t.Errorf("%s: a lock is held at two stores", fail.how)
			}
			h.takesLock(second, fmt.Sprintf("SELECT RELEASE_LOCK('%s')", names[1]), 1)
			h.takesLock(c, "SELECT RELEASE_ALL_LOCKS()", 1)
		}
	}
}

// TestFencedLockConnection: a holder whose connection to the lock's store ends,
// however well that store is, has lost it.
func TestFencedLockConnection(t *testing.T) {
	h := startAt(t, "safe", 3, 2)
	name := h.lockNames()[1]
	c, other := h.conn(""), h.conn("")
	h.takesLock(c, fmt.Sprintf("SELECT GET_LOCK('%s', 0)", name), 1)
	var id int
	if err := h.direct[1].QueryRow("SELECT IS_USED_LOCK(?)", name).Scan(&id); err != nil {
		t.Fatal(err)
	}
	h.exec(h.direct[1], fmt.Sprint("KILL ", id))
	h.takesLock(other, fmt.Sprintf("SELECT GET_LOCK('%s', 10)", name), 1)
	if _, err := c.ExecContext(context.Background(), "UPDATE sessions SET n = 1 WHERE id = 'a'"); number(err) == 0 {
		t.Error("a client that has lost its lock goes on")
	}
}

// TestFencedLockWhileStoresFail: locks exclude the clients of two proxies while their
// stores die and return: whoever counts under one, and is told that it still has
// it, has counted alone.
func TestFencedLockWhileStoresFail(t *testing.T) {
	h := startAt(t, "safe", 3, 2)
	second := h.serve(t, []rewrite.Table{{Name: "sessions", Key: "id"}})
	name := h.lockNames()[0]
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type turn struct{ from, to time.Time }
	turns := make(chan turn, 100000)
	const clients = 4
	ended := make(chan struct{}, clients)
	for i := range clients {
		go func() {
			defer func() { ended <- struct{}{} }()
			db := h.openAt([]string{h.addr, second}[i%2], "interpolateParams=true")
			db.SetMaxIdleConns(0)
			for ctx.Err() == nil {
				c, err := db.Conn(ctx)
				if err != nil {
					continue
				}
				for ctx.Err() == nil {
					var got sql.NullInt64
					if c.QueryRowContext(ctx, "SELECT GET_LOCK(?, 5)", name).Scan(&got) != nil {
						break
					}
					if got.Int64 != 1 {
						continue
					}
					from := time.Now()
					time.Sleep(time.Millisecond)
					to := time.Now()
					// Only who learns afterwards that it still has it can rely on it.
					if c.QueryRowContext(ctx, "SELECT RELEASE_LOCK(?)", name).Scan(&got) != nil {
						break
					}
					if got.Int64 != 1 {
						t.Errorf("RELEASE_LOCK = %v of a lock that is held", got)
					}
					turns <- turn{from, to}
				}
				c.Close()
			}
		}()
	}
	for range 2 {
		time.Sleep(500 * time.Millisecond)
		h.down(0)
		time.Sleep(3 * time.Second)
		h.down2back(0)
	}
	cancel()
	for range clients {
		<-ended
	}
	close(turns)
	var last turn
	n := 0
	list := make([]turn, 0, len(turns))
	for u := range turns {
		list = append(list, u)
	}
	for i := range list {
		for j := range i {
			if list[i].from.Before(list[j].to) && list[j].from.Before(list[i].to) {
				n++
				last = list[i]
			}
		}
	}
	t.Logf("%d turns", len(list))
	if n > 0 {
		t.Errorf("%d turns overlap, one at %v", n, last.from)
	}
	if len(list) < 100 {
		t.Errorf("only %d turns", len(list))
	}
}
