package router_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/store"
)

// TestNumbersAsAServerGivesThem: numbers, insert ids and LAST_INSERT_ID() are
// those of a plain server, whoever gives a number.
func TestNumbersAsAServerGivesThem(t *testing.T) {
	h := startNumbered(t, 4, 2)
	addr, _ := h.proxy()
	single := installed.Start(t, 1)[0]
	h.wire(single.Addr(), "", true, append([]string{"CREATE DATABASE app"}, numberedTables...)...)
	b := &both{h: h, proxy: h.wire(addr, "app", true), direct: h.wire(single.Addr(), "app", true)}
	const last = "SELECT LAST_INSERT_ID()"
	b.same(
		"INSERT INTO rails (session_id, data) VALUES ('a', '1')", last,
		"INSERT INTO rails (id, session_id, data) VALUES (50, 'b', '1')", last,
		"INSERT INTO rails (id, session_id, data) VALUES (50, 'c', '1')", last,
		"INSERT IGNORE INTO rails (id, session_id, data) VALUES (50, 'd', '1')", "SHOW WARNINGS",
		"INSERT INTO rails (session_id, data) VALUES ('d', '1')", last,
		"UPDATE rails SET id = 60 WHERE session_id = 'd'", last,
		"UPDATE rails SET id = 1 WHERE session_id = 'd'",
		"UPDATE rails SET id = 1 WHERE session_id = 'none'",
		"UPDATE rails SET id = 50 WHERE id = 60",
		"UPDATE rails SET id = 70 WHERE id = 60",
		"?UPDATE rails SET id = ? WHERE session_id = ? <- 71,d",
		"INSERT INTO rails (session_id, data) VALUES ('e', '1')", last,
		"UPDATE rails SET data = 'x' WHERE id = LAST_INSERT_ID()",
		"SELECT data FROM rails WHERE id = LAST_INSERT_ID()",
		"SELECT data FROM rails WHERE id = LAST_INSERT_ID() FOR UPDATE",
		"?SELECT data FROM rails WHERE id = LAST_INSERT_ID() AND session_id <> ? <- z",
		"?UPDATE rails SET data = ? WHERE id = LAST_INSERT_ID() <- y",
		"DELETE FROM rails WHERE id = LAST_INSERT_ID()",
		"UPDATE rails SET data = 'x' WHERE id = LAST_INSERT_ID()",
		"INSERT INTO rails (id, session_id, data) VALUES (0, 'f', '1')", last,
		"INSERT INTO rails (id, session_id, data) VALUES (NULL, 'g', '1'), (100, 'h', '1'), (NULL, 'i', '1')", last,
		"INSERT INTO rails (id, session_id, data) VALUES (200, 'j', '1'), (NULL, 'k', '1')", last,
		"INSERT INTO rails (id, session_id, data) VALUES (300, 'l', '1'), (301, 'm', '1')", last,
		"INSERT INTO rails (id, session_id, data) VALUES (301, 'm', '1') ON DUPLICATE KEY UPDATE data = 'dup'", last,
		"INSERT INTO rails (id, session_id, data) VALUES (301, 'm', '1') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), data = 'again'", last,
		"INSERT INTO rails (id, session_id, data) VALUES (400, 'n', '1') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), data = 'again'", last,
		"INSERT INTO rails (session_id, data) VALUES ('m', '1') ON DUPLICATE KEY UPDATE data = 'third'", last,
		"REPLACE INTO rails (id, session_id, data) VALUES (500, 'a', '1')", last,
		"INSERT INTO rails (id, session_id, data) VALUES (-3, 'o', '1')", last,
		"SELECT id, session_id FROM rails ORDER BY id",

		"ALTER TABLE rails AUTO_INCREMENT = 1000",
		"INSERT INTO rails (session_id, data) VALUES ('p', '1')",
		"ALTER TABLE rails ADD COLUMN extra int",
		"INSERT INTO rails (session_id, data) VALUES ('q', '1')",
		"ALTER TABLE rails AUTO_INCREMENT = 7", // above what is there all the same
		"INSERT INTO rails (session_id, data) VALUES ('r', '1')",
		"TRUNCATE TABLE rails",
		"INSERT INTO rails (session_id, data) VALUES ('a', '1')",
		"SET auto_increment_increment = 10, auto_increment_offset = 3",
		"INSERT INTO rails (session_id, data) VALUES ('b', '1')",
		"INSERT INTO rails (session_id, data) VALUES ('c', '1'), ('d', '1')", last,
		"SET auto_increment_increment = DEFAULT, auto_increment_offset = DEFAULT",
		"SET sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')",
		"INSERT INTO rails (id, session_id, data) VALUES (0, 'zero', '1')", last,
		"INSERT INTO gorilla (id, session_data) VALUES (0, 'zero')", last,
		"SET sql_mode = DEFAULT",
		"SELECT id, session_id FROM rails ORDER BY id",
		"DROP TABLE rails",
		numberedTables[0],
		"INSERT INTO rails (session_id, data) VALUES ('a', '1')",

		"INSERT INTO gorilla (session_data) VALUES ('a')", last,
		"INSERT INTO gorilla (id, session_data) VALUES (7, 'a')", last,
		"INSERT INTO gorilla (id, session_data) VALUES (7, 'b')",
		"INSERT INTO gorilla (session_data) VALUES ('c')", last,
		"UPDATE gorilla SET id = 20 WHERE id = 7",
		"INSERT INTO gorilla (session_data) VALUES ('d')", last,
		"INSERT INTO gorilla (id, session_data) VALUES (-5, 'd')", last,
		"INSERT INTO gorilla (id, session_data) VALUES (NULL, 'd')", last,
		"UPDATE gorilla SET session_data = 'x' WHERE id = LAST_INSERT_ID()",
		"SELECT id, session_data FROM gorilla ORDER BY id",

		"INSERT INTO woo (session_key) VALUES ('a')", last,
		"INSERT INTO woo (n, session_key) VALUES (9, 'b')", last,
		"INSERT INTO woo (session_key) VALUES ('c')", last,
		"UPDATE woo SET session_key = session_key WHERE n = LAST_INSERT_ID()",
	)
	b.h.fails(1235, b.h.openAt(addr, ""), "REPLACE INTO rails (id, session_id, data) VALUES (1, 'other', '1')")
	b.h.fails(1235, b.h.openAt(addr, ""), "INSERT INTO rails (id, session_id, data) VALUES (1, 'other', '1') ON DUPLICATE KEY UPDATE data = 'x'")
}

// TestGivenNumbersOfTwoProxies: what a client gives by itself within a range
// that another proxy has leased, that one does not give any more; nor what it
// had leased before a TRUNCATE.
func TestGivenNumbersOfTwoProxies(t *testing.T) {
	h := startNumbered(t, 3, 2)
	a, _ := h.proxy()
	b, _ := h.proxy()
	one, two := h.openAt(a, ""), h.openAt(b, "interpolateParams=true")
	seen := map[int64]string{}
	var mu sync.Mutex
	note := func(id int64, key string) {
		mu.Lock()
		defer mu.Unlock()
		if other, ok := seen[id]; ok {
			t.Errorf("number %d for %s, and for %s", id, key, other)
		}
		seen[id] = key
	}
	insert := func(db execer, key string) int64 {
		id := h.insert(db, "INSERT INTO flask (session_id) VALUES (?)", key)
		note(id, key)
		return id
	}
	insert(one, "first")
	next := insert(two, "second") // leased by the other proxy
	for i := range 3 {
		id := next + int64(5*i+1)
		h.insert(one, "INSERT INTO flask (id, session_id) VALUES (?, ?)", id, fmt.Sprint("given", i))
		note(id, fmt.Sprint("given", i))
		var wg sync.WaitGroup
		for w, db := range []execer{one, two} {
			wg.Go(func() {
				for j := range 10 {
					insert(db, fmt.Sprint("k", i, "-", w, "-", j))
				}
			})
		}
		wg.Wait()
	}
	h.exec(one, "UPDATE flask SET id = ? WHERE session_id = 'given0'", insert(two, "third")+2)
	h.fails(1062, one, "INSERT INTO flask (id, session_id) VALUES (?, 'late')", next)
	h.exec(two, "DELETE FROM flask WHERE session_id = 'given0'")

	h.exec(one, "TRUNCATE TABLE flask")
	clear(seen)
	if id := insert(one, "anew"); id != 1 {
		t.Errorf("first number after TRUNCATE is %d", id)
	}
	for j := range 20 {
		insert(two, fmt.Sprint("b", j))
		insert(one, fmt.Sprint("a", j))
	}
	if id := insert(two, "last"); id > 1<<17 {
		t.Errorf("number %d after TRUNCATE", id)
	}
	for id, key := range seen {
		if got := h.numberOf("flask", key, h.two(key)...); got != fmt.Sprint(id) {
			t.Errorf("%s has the number %s, want %d", key, got, id)
		}
	}
}

// TestLeasesOutliveOtherDDL: the numbers go on, and nothing is leased anew.
func TestLeasesOutliveOtherDDL(t *testing.T) {
	h := startNumbered(t, 3, 2)
	addr, _ := h.proxy()
	db := h.openAt(addr, "")
	before := h.insert(db, "INSERT INTO rails (session_id, data) VALUES ('a', 'x')")
	for i, ddl := range []string{
		"ALTER TABLE rails ADD COLUMN more int", "CREATE INDEX i ON rails (created_at)", "TRUNCATE TABLE flask",
		"DROP TABLE gorilla", "CREATE TABLE IF NOT EXISTS rails (id int)", "ANALYZE TABLE rails",
	} {
		h.exec(db, ddl)
		if id := h.insert(db, "INSERT INTO rails (session_id, data) VALUES (?, 'x')", fmt.Sprint("k", i)); id != before+1 {
			t.Errorf("%s: number %d after %d", ddl, id, before)
		}
		before++
	}
}

// TestLeasesOfAnOlderTable: a table of leases without epochs gets them.
func TestLeasesOfAnOlderTable(t *testing.T) {
	h := startNumbered(t, 3, 2)
	for _, db := range h.direct {
		h.exec(db, "CREATE TABLE app.dsmproxy_ids (name varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, next bigint unsigned NOT NULL)")
		h.exec(db, "INSERT INTO app.dsmproxy_ids VALUES ('rails', 5001)")
	}
	addr, _ := h.proxy()
	db := h.openAt(addr, "")
	if id := h.insert(db, "INSERT INTO rails (session_id, data) VALUES ('a', 'x')"); id != 5001 {
		t.Errorf("first number %d, want 5001", id)
	}
	began := time.Now()
	h.insert(db, "INSERT INTO rails (id, session_id, data) VALUES (17, 'b', 'x')")
	if d := time.Since(began); d < time.Second {
		t.Errorf("a number that an older proxy may have leased took %v", d)
	}
	h.exec(db, "TRUNCATE TABLE rails")
	if id := h.insert(db, "INSERT INTO rails (session_id, data) VALUES ('a', 'x')"); id != 1 {
		t.Errorf("first number after TRUNCATE %d, want 1", id)
	}
	h.down(2)
	h.await("store down", func() bool { return h.stores[2].State() == store.Down })
	h.insert(db, "INSERT INTO rails (id, session_id, data) VALUES (200000, 'c', 'x')")
	if id := h.insert(db, "INSERT INTO rails (session_id, data) VALUES ('d', 'x')"); id != 200001 {
		t.Errorf("number %d after 200000", id)
	}
}
