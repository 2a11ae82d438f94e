package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/faultlink"
)

// holdCommits keeps store i from committing until it dies or the function that
// is returned is called.
func (h *harness) holdCommits(i int) (letGo func()) {
	h.t.Helper()
	c, err := h.direct[i].Conn(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	h.exec(c, "FLUSH TABLES WITH READ LOCK")
	return func() { h.exec(c, "UNLOCK TABLES") }
}

// awaitCommit waits until store i is about to commit.
func (h *harness) awaitCommit(i int) {
	h.t.Helper()
	h.await("a COMMIT that waits", func() bool { return h.busy(i, "COMMIT%") })
}

// isDown waits until the proxy takes store i for dead.
func (h *harness) isDown(i int) {
	h.t.Helper()
	h.await("the store's death is noticed", func() bool { return h.stores[i].State().String() == "down" })
}

// back starts store i again and waits until the proxy uses it.
func (h *harness) back(i int) {
	h.t.Helper()
	if err := h.servers[i].Restart(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	h.await("the store is up", func() bool { return h.stores[i].State().String() == "up" })
}

// n is the column n of a record at one store.
func (h *harness) n(i int, key string) string {
	h.t.Helper()
	_, rest, _ := strings.Cut("|"+h.record(i, key), "|")
	n, _, _ := strings.Cut(rest, "|")
	return n
}

// One of two copies is lost between the COMMITs, or with its own: the client
// learns of success, and another store stands in. When the store returns it has
// what it had, or what it has committed before its end, until the next write.
func TestCopyLostBetweenCommits(t *testing.T) {
	for name, c := range map[string]struct {
		lost     int                                                     // which of the copies
		fails    func(h *harness, link *faultlink.Link, lost, other int) // COMMIT runs
		returned string                                                  // n at the lost store
	}{
		"second, unsent": {1, func(h *harness, _ *faultlink.Link, lost, other int) {
			h.awaitCommit(other)
			h.down(lost)
			h.isDown(lost)
		}, "1"},
		"second, sent": {1, func(h *harness, _ *faultlink.Link, lost, _ int) {
			h.awaitCommit(lost)
			h.down(lost)
		}, "1"},
		"second, done": {1, func(h *harness, link *faultlink.Link, lost, _ int) {
			h.await("the commit", func() bool { return h.n(lost, "k") == "2" })
			link.Cut()
			h.down(lost)
		}, "2"},
		"first, sent": {0, func(h *harness, _ *faultlink.Link, lost, _ int) {
			h.awaitCommit(lost)
			h.down(lost)
		}, "1"},
		"first, done": {0, func(h *harness, link *faultlink.Link, lost, _ int) {
			h.await("the commit", func() bool { return h.n(lost, "k") == "2" })
			link.Cut()
			h.down(lost)
		}, "2"},
	} {
		for _, begin := range []string{"BEGIN", "SET autocommit=0"} {
			if begin != "BEGIN" && name != "second, sent" {
				continue
			}
			t.Run(name+"/"+begin, func(t *testing.T) {
				t.Parallel()
				h, links := startLinked(t, 3, 2, -1)
				db := h.open("")
				h.exec(db, "INSERT INTO sessions (id, n) VALUES ('k', 1)")
				o := h.order("k")
				lost, other := int(o[c.lost]), int(o[1-c.lost])
				client := h.conn("")
				h.exec(client, begin)
				h.exec(client, "UPDATE sessions SET n = 2 WHERE id = 'k'")
				letGo := func() {}
				switch {
				case strings.HasSuffix(name, "unsent"):
					letGo = h.holdCommits(other)
				case strings.HasSuffix(name, "sent"):
					h.holdCommits(lost)
				default:
					links[lost].Stall(faultlink.Down)
				}
				outcome := h.begin(client, "COMMIT")
				c.fails(h, links[lost], lost, other)
				letGo()
				if err := outcome(); err != nil {
					t.Fatalf("COMMIT = %v", err)
				}
				h.holders("k", uint16(other), o[2])
				if h.n(other, "k") != "2" {
					t.Errorf("n = %s where it was committed", h.n(other, "k"))
				}
				h.exec(client, "ROLLBACK") // nothing is left to be undone
				h.holders("k", uint16(other), o[2])
				if got := lockValue(t, client, "SELECT n FROM sessions WHERE id = 'k'"); got != "2" {
					t.Errorf("n = %s after COMMIT, want 2", got)
				}
				h.exec(client, "COMMIT")

				if err := links[lost].Restore(); err != nil {
					t.Fatal(err)
				}
				h.back(lost)
				if got := h.n(lost, "k"); got != c.returned {
					t.Errorf("n = %s at the store that has returned, want %s", got, c.returned)
				}
				h.exec(db, "REPLACE INTO sessions (id, n) VALUES ('k', 3)")
				for i := range 2 {
					if got := h.n(int(o[i]), "k"); got != "3" {
						t.Errorf("n = %s at store %d after the next write", got, o[i])
					}
				}
			})
		}
	}
}

// keyAt is a key whose first store is i.
func (h *harness) keyAt(i int) string {
	for n := 0; ; n++ {
		if key := fmt.Sprint("k", n); int(h.order(key)[0]) == i {
			return key
		}
	}
}

// Two records without a common store: if one's store is lost before anything is
// committed, both are rolled back; if it is lost after that, the client is told
// that there may be a half, and which.
func TestRecordLostBetweenCommits(t *testing.T) {
	writes := map[string]func(h *harness, c execer, a, b string){
		"keyed": func(h *harness, c execer, a, b string) {
			h.exec(c, "UPDATE sessions SET n = 2 WHERE id = ?", a)
			h.exec(c, "UPDATE sessions SET n = 2 WHERE id = ?", b)
		},
		"keyless": func(h *harness, c execer, _, _ string) {
			h.exec(c, "UPDATE sessions SET n = 2 WHERE n = 1")
		},
		"rows": func(h *harness, c execer, a, b string) {
			h.exec(c, "INSERT INTO sessions (id, n) VALUES (?, 1), (?, 1) ON DUPLICATE KEY UPDATE n = 2", a, b)
		},
	}
	for name, c := range map[string]struct {
		lost int
		when string
		code uint16
		n    [2]string
	}{
		"first, before":   {0, "before", 1213, [2]string{"1", "1"}},
		"second, before":  {1, "before", 1213, [2]string{"1", "1"}},
		"first, sent":     {0, "sent", 1180, [2]string{"1", "2"}},
		"second, sent":    {1, "sent", 1180, [2]string{"2", "1"}},
		"second, between": {1, "between", 1180, [2]string{"2", "1"}},
	} {
		for how, write := range writes {
			if how != "keyed" && name != "second, sent" {
				continue
			}
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				h := start(t, 2, 1)
				a, b := h.keyAt(0), h.keyAt(1)
				for _, key := range []string{a, b} {
					h.exec(h.open(""), "INSERT INTO sessions (id, n) VALUES (?, 1)", key)
				}
				client := h.conn("interpolateParams=true")
				h.exec(client, "SET autocommit=0")
				write(h, client, a, b)
				var outcome func() error
				switch c.when {
				case "before":
					h.down(c.lost)
					outcome = h.begin(client, "COMMIT")
				case "sent":
					h.holdCommits(c.lost)
					outcome = h.begin(client, "COMMIT")
					h.awaitCommit(c.lost)
					h.down(c.lost)
				case "between":
					letGo := h.holdCommits(1 - c.lost)
					outcome = h.begin(client, "COMMIT")
					h.awaitCommit(1 - c.lost)
					h.down(c.lost)
					h.isDown(c.lost)
					letGo()
				}
				err := outcome()
				if number(err) != c.code {
					t.Errorf("COMMIT = %v, want error %d", err, c.code)
				}
				h.isDown(c.lost)
				h.back(c.lost)
				for i, key := range []string{a, b} {
					if got := h.n(i, key); got != c.n[i] {
						t.Errorf("n of %s = %s, want %s", key, got, c.n[i])
					}
				}
				// The client goes on, and nothing is locked.
				h.exec(client, "UPDATE sessions SET n = 5 WHERE id = ?", a)
				h.exec(client, "UPDATE sessions SET n = 5 WHERE id = ?", b)
				h.exec(client, "COMMIT")
				for i, key := range []string{a, b} {
					if got := h.n(i, key); got != "5" {
						t.Errorf("n of %s = %s in the end", key, got)
					}
				}
			})
		}
	}
}

// What has been written at the store of the other tables is there alone.
func TestOtherTablesLostAtCommit(t *testing.T) {
	for _, begin := range []string{"BEGIN", "SET autocommit=0"} {
		t.Run(begin, func(t *testing.T) {
			t.Parallel()
			h := startOther(t, 3, 2, 0)
			db := h.open("")
			h.exec(db, "CREATE TABLE app.others (n int)")
			client := h.conn("")
			key := h.keyAt(1)
			for _, write := range []func(*sql.Conn){
				func(c *sql.Conn) { h.exec(c, "INSERT INTO others VALUES (1)") },
				func(c *sql.Conn) {
					h.exec(c, "REPLACE INTO sessions (id, n) VALUES (?, 1)", key)
					h.exec(c, "INSERT INTO others VALUES (1)")
				},
			} {
				h.exec(client, begin)
				write(client)
				h.holdCommits(0)
				outcome := h.begin(client, "COMMIT")
				h.awaitCommit(0)
				h.down(0)
				if err := outcome(); number(err) != 1180 {
					t.Errorf("COMMIT = %v, want error 1180", err)
				}
				h.isDown(0)
				h.back(0)
				h.shows(db, "0", "SELECT COUNT(*) FROM others")
			}
		})
	}
}
