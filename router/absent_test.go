package router_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestAbsentTable: a write by key of a session table that no store has is refused
// at once, also right behind a DROP at the stores themselves, and carried out as
// soon as there is the table. What only some stores lack is waited for: it is
// about to come.
func TestAbsentTable(t *testing.T) { eachLevel(t, testAbsentTable) }

func testAbsentTable(t *testing.T, level string) {
	h := startAt(t, level, 4, 2)
	const (
		create  = "CREATE TABLE app.folded (id varchar(64) NOT NULL PRIMARY KEY, n int) ENGINE=InnoDB"
		atOnce  = 15 * time.Second // half of what is waited for stores that lack it
		clients = 4
	)
	db := h.open("")
	absent := func() {
		t.Helper()
		for i, sql := range []string{
			"INSERT INTO folded VALUES ('a', 1)", "UPDATE folded SET n=2 WHERE id='a'", "DELETE FROM folded WHERE id='a'",
			"REPLACE INTO folded VALUES ('a', 1)", "INSERT INTO folded VALUES ('a', 1) ON DUPLICATE KEY UPDATE n=2",
			"INSERT INTO folded VALUES ('a', 1), ('b', 2), ('c', 3)", "DELETE FROM folded WHERE id IN ('a', 'b', 'c')",
		} {
			begun := time.Now()
			_, err := db.Exec(sql)
			if number(err) != 1146 {
				t.Errorf("%s: %v, want 1146", sql, err)
			}
			if took := time.Since(begun); took > atOnce {
				t.Errorf("%d: %s has waited for %v", i, sql, took)
			}
		}
	}
	absent()
	h.exec(db, create)
	h.exec(db, "INSERT INTO folded VALUES ('a', 1), ('b', 2), ('c', 3)")
	for _, d := range h.direct {
		h.exec(d, "DROP TABLE app.folded")
	}
	absent()
	if level == "safe" {
		// The proxy goes by what it knows of a table for a moment; no more, behind DDL.
		h.exec(db, "DROP TABLE IF EXISTS folded")
		comesInTheMiddle(h, create)
	}

	// Clients that make it as they write, all at once: no write is lost.
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			c := h.conn("")
			for n := range 10 {
				id := fmt.Sprint("c", i, "-", n)
				for try := 0; ; try++ {
					_, err := c.ExecContext(t.Context(), "INSERT INTO folded VALUES (?, 1)", id)
					if err == nil {
						break
					}
					if number(err) != 1146 || try == 100 {
						t.Errorf("INSERT of %s: %v", id, err)
						return
					}
					if _, err := c.ExecContext(t.Context(), "CREATE TABLE IF NOT EXISTS app.folded (id varchar(64) NOT NULL PRIMARY KEY, n int)"); err != nil {
						t.Errorf("CREATE TABLE: %v", err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	h.shows(db, fmt.Sprint(10*clients), "SELECT COUNT(*) FROM folded")
}

// comesInTheMiddle: a write that comes while stores get the table, one after the
// other, is carried out, or told that the table is not there, as before a CREATE
// has ended, or that the stores differ; never lost.
func comesInTheMiddle(h *harness, create string) {
	h.t.Helper()
	h.exec(h.direct[0], create)
	var wg sync.WaitGroup
	for i := range 8 {
		db := h.open("")
		wg.Go(func() {
			for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
				_, err := db.Exec("INSERT INTO folded VALUES (?, 1)", fmt.Sprint("m", i))
				if err == nil {
					return
				}
				if n := number(err); n != 1105 && n != 1146 || time.Since(began) > 2*time.Minute {
					h.t.Errorf("INSERT while stores get the table: %v", err)
					return
				}
			}
		})
	}
	for _, d := range h.direct[1:] {
		h.exec(d, create)
	}
	wg.Wait()
	h.shows(h.open(""), "8", "SELECT COUNT(*) FROM folded")
	for _, d := range h.direct {
		h.exec(d, "DROP TABLE app.folded")
	}
}
