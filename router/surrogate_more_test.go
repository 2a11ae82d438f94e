package router_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/dsmproxy/dsmproxy/router/store"
)

func TestLockByNumber(t *testing.T) {
	h := startNumbered(t, 4, 2)
	addr, _ := h.proxy()
	for _, params := range []string{"", "interpolateParams=true"} {
		db := h.openAt(addr, params)
		id := h.insert(db, "INSERT INTO rails (session_id, data) VALUES (?, '')", "k"+params)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 10 {
					tx, err := db.Begin()
					if err != nil {
						t.Error(err)
						return
					}
					var data string
					if err := tx.QueryRow("SELECT data FROM rails WHERE id = ? FOR UPDATE", id).Scan(&data); err != nil {
						t.Error(err)
					}
					h.exec(tx, "UPDATE rails SET data = ? WHERE id = ?", data+"x", id)
					if err := tx.Commit(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		h.shows(db, strings.Repeat("x", 40), "SELECT data FROM rails WHERE id = ?", id)
		h.numberOf("rails", "k"+params, h.two("k"+params)...)
		h.shows(db, "", "SELECT data FROM rails WHERE id = ? FOR UPDATE", 77777777)
		h.fails(1054, db, "SELECT nosuch FROM rails WHERE id = ? FOR UPDATE", id)
	}
}

// TestNumbersOfOneStatement: they follow one another, whoever else takes some.
func TestNumbersOfOneStatement(t *testing.T) {
	h := startNumbered(t, 4, 2)
	addr, _ := h.proxy()
	other, _ := h.proxy()
	var wg sync.WaitGroup
	for w := range 4 {
		db := h.openAt([]string{addr, other}[w%2], []string{"", "interpolateParams=true"}[w/2])
		wg.Go(func() {
			for i := range 15 {
				key := func(j int) string { return fmt.Sprintf("k%d-%d-%d", w, i, j) }
				first := h.insert(db, "INSERT INTO flask (session_id, data) VALUES (?, 'x'), (?, 'x'), (?, 'x')", key(0), key(1), key(2))
				for j := range 3 {
					if got := h.numberOf("flask", key(j), h.two(key(j))...); got != fmt.Sprint(first+int64(j)) {
						t.Errorf("%s has the number %s, want %d", key(j), got, first+int64(j))
					}
				}
				// The number is the key.
				first = h.insert(db, "INSERT INTO gorilla (session_data) VALUES (?), ('b'), ('c')", "a")
				var got []string
				for j := range int64(3) {
					got = append(got, h.strs(db, "SELECT session_data FROM gorilla WHERE id = ?", first+j)...)
				}
				if strings.Join(got, "") != "abc" {
					t.Errorf("rows from number %d are %v", first, got)
				}
			}
		})
	}
	wg.Wait()
	h.fails(1364, h.openAt(addr, ""), "INSERT INTO rails (data) VALUES ('x'), ('y')")
}

// TestNumbersWithoutAMajority: of two stores one is away. What is leased lasts
// for a while; new ranges are leased if it is the first that is left.
func TestNumbersWithoutAMajority(t *testing.T) {
	h := startNumbered(t, 2, 2)
	addr, _ := h.proxy()
	db := h.openAt(addr, "")
	i := 0
	insert := func() error {
		i++
		_, err := db.Exec("INSERT INTO tiny (session_id) VALUES (?)", fmt.Sprint("k", i))
		return err
	}
	if err := insert(); err != nil { // each number is leased by itself
		t.Fatal(err)
	}
	h.exec(db, "INSERT INTO rails (session_id, data) VALUES (?, 'x')", "before")
	h.down(1)
	h.await("store down", func() bool { return h.stores[1].State() == store.Down })
	if err := insert(); err != nil {
		t.Errorf("with the first store: %v", err)
	}
	if err := h.servers[1].Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.await("store up", func() bool { return h.stores[1].State() == store.Up })
	h.down(0)
	h.await("store down", func() bool { return h.stores[0].State() == store.Down })
	h.fails(1105, db, "INSERT INTO tiny (session_id) VALUES ('none')")
	// A number that the store missed must not be given twice: what it has leased
	// this proxy still has.
	for j := range 20 {
		h.exec(db, "INSERT INTO rails (session_id, data) VALUES (?, 'x')", fmt.Sprint("r", j))
	}
}

// TestNumbersAreLeasedAhead: an INSERT in the middle of an outage goes on with
// numbers that were leased before it.
func TestNumbersAreLeasedAhead(t *testing.T) {
	h := startNumbered(t, 3, 2)
	for _, db := range h.direct {
		h.exec(db, "DROP TABLE app.flask")
		h.exec(db, "CREATE TABLE app.flask (id mediumint NOT NULL AUTO_INCREMENT PRIMARY KEY, session_id varchar(255) UNIQUE, data blob)")
	}
	addr, _ := h.proxy()
	db := h.openAt(addr, "")
	var last int64
	for i := range 40 { // 63 are leased at a time
		last = h.insert(db, "INSERT INTO flask (session_id, data) VALUES (?, 'x')", fmt.Sprint("k", i))
	}
	h.await("a second range", func() bool { return strings.Count(h.log.String(), "numbers leased\" table=flask") >= 2 })
	h.down(1)
	h.down(2)
	h.await("stores down", func() bool { return h.stores[1].State() == store.Down && h.stores[2].State() == store.Down })
	for i := 40; i < 120; i++ {
		h.exec(db, "INSERT INTO flask (session_id, data) VALUES (?, 'x')", fmt.Sprint("k", i))
	}
	h.shows(db, "80|80", "SELECT COUNT(*), COUNT(DISTINCT id) FROM flask WHERE id > ?", last)
}
