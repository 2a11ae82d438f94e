package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/verify"
	"github.com/dsmproxy/dsmproxy/rewrite"
)

// verified holds all copies to be as they should be.
func (h *harness) verified() {
	h.t.Helper()
	live := make([]bool, len(h.stores))
	for i := range live {
		live[i] = true
	}
	result, err := verify.Run(context.Background(), verify.Config{
		Ledger: h.ledger, Group: h.group, Placement: h.place, Copies: h.copies, Live: live, Idle: 0.01, Settle: time.Second,
		Found: func(d verify.Difference) error {
			h.t.Errorf("the copies of %s %q differ: %+v", d.Table.Name, d.Column, d.Faults)
			return nil
		},
	})
	if err != nil || result.Differ > 0 || result.Changing > 0 {
		h.t.Errorf("verify: %+v, %v", result, err)
	}
}

// folded are the tables of the tests of spellings: the column of each calls
// capitals and small letters equal, whatever the configuration says.
func (h *harness) folded(t *testing.T) []rewrite.Table {
	for _, d := range h.direct {
		for _, table := range []string{"exact", "ci", "auto"} {
			h.exec(d, "CREATE TABLE app."+table+" (k varchar(64) CHARSET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY, n int)")
		}
	}
	return []rewrite.Table{{Name: "exact", Key: "k"}, {Name: "ci", Key: "k", FoldCase: true}, {Name: "auto", Key: "k", Collated: true}}
}

// at says where a store has a record, and what it is.
func (h *harness) at(table, key string) map[int]string {
	h.t.Helper()
	at := map[int]string{}
	for i, d := range h.direct {
		var s string
		switch err := d.QueryRow("SELECT CONCAT(k, '=', n) FROM app."+table+" WHERE k = ?", key).Scan(&s); err {
		case nil:
			at[i] = s
		case sql.ErrNoRows:
		default:
			h.t.Fatal(err)
		}
	}
	return at
}

// TestFencedSpellings: a record that its column finds by several spellings has
// one version and one primary at the level safe, whatever collation is
// configured. Otherwise one spelling would be written where another has copies.
func TestFencedSpellings(t *testing.T) {
	h := startAt(t, "safe", 5, 2)
	h.addr = h.serve(t, h.folded(t))
	for _, params := range []string{"interpolateParams=true", ""} {
		db := h.open(params)
		for _, table := range []string{"exact", "ci", "auto"} {
			for i := range 8 {
				small, mixed := fmt.Sprintf("key%da", i), fmt.Sprintf("KeY%dA", i)
				want := func(row string) {
					t.Helper()
					o := h.order(small)
					if got, want := fmt.Sprint(h.at(table, small)), fmt.Sprint(map[int]string{int(o[0]): row, int(o[1]): row}); row != "" && got != want {
						t.Fatalf("%s %s %q: copies %s, want %s", params, table, small, got, want)
					} else if row == "" && got != "map[]" {
						t.Fatalf("%s %s %q: copies %s, want none", params, table, small, got)
					}
				}
				h.exec(db, "INSERT INTO "+table+" VALUES (?, 1)", mixed)
				want(mixed + "=1")
				h.fails(1062, db, "INSERT INTO "+table+" VALUES (?, 9)", small)
				if n := h.exec(db, "UPDATE "+table+" SET n = 2 WHERE k = ?", small); n != 1 {
					t.Errorf("UPDATE by the other spelling: %d rows", n)
				}
				want(mixed + "=2")
				h.exec(db, "UPDATE "+table+" SET n = n + 1 WHERE k IN (?, ?)", mixed, small)
				want(mixed + "=3")
				tx, err := db.Begin()
				if err != nil {
					t.Fatal(err)
				}
				h.exec(tx, "UPDATE "+table+" SET n = n + 1 WHERE k = ?", small)
				h.exec(tx, "UPDATE "+table+" SET n = n + 1 WHERE k = ?", mixed)
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
				want(mixed + "=5")
				for _, k := range []string{small, mixed} {
					var n int
					if err := db.QueryRow("SELECT n FROM "+table+" WHERE k = ?", k).Scan(&n); err != nil || n != 5 {
						t.Errorf("%s %q = %d, %v; want 5", table, k, n, err)
					}
				}
				h.exec(db, "REPLACE INTO "+table+" VALUES (?, 6)", small)
				want(small + "=6")
				h.exec(db, "INSERT INTO "+table+" VALUES (?, 1) ON DUPLICATE KEY UPDATE n = n + 1", mixed)
				want(small + "=7")
				if i%2 == 0 {
					continue
				}
				h.exec(db, "UPDATE "+table+" SET k = ? WHERE k = ?", mixed, small)
				want(mixed + "=7")
				if n := h.exec(db, "DELETE FROM "+table+" WHERE k = ?", small); n != 1 {
					t.Errorf("DELETE by the other spelling: %d rows", n)
				}
				want("")
			}
			if n := h.exec(db, "UPDATE "+table+" SET n = 70 WHERE n = 7"); n != 4 {
				t.Errorf("%s: UPDATE of all: %d rows, want 4", table, n)
			}
			h.verified()
			h.exec(db, "DELETE FROM "+table)
		}
	}
	h.verified()
}

// TestFencedSpellingsOfSeed: what the level seed has written by the bytes of its
// keys is found by each spelling, and of what the column calls one record one
// remains.
func TestFencedSpellingsOfSeed(t *testing.T) {
	h := startAt(t, "seed", 5, 2)
	tables := h.folded(t)
	h.addr = h.serve(t, tables)
	db := h.open("")
	var apart []int // keys of which seed has made two records
	for i := range 24 {
		h.exec(db, "INSERT INTO exact VALUES (?, ?)", fmt.Sprintf("KeY%dA", i), i)
		if _, err := db.Exec("INSERT INTO exact VALUES (?, ?)", fmt.Sprintf("key%da", i), i+1000); err == nil {
			apart = append(apart, i)
		}
	}
	if len(apart) == 0 {
		t.Fatal("no two spellings have stores of their own")
	}
	h.level = "safe"
	h.addr = h.serve(t, tables)
	for _, params := range []string{"interpolateParams=true", ""} {
		db = h.open(params)
		for i := range 24 {
			var first int
			for _, k := range []string{fmt.Sprintf("key%da", i), fmt.Sprintf("KeY%dA", i)} {
				var n int
				if err := db.QueryRow("SELECT n FROM exact WHERE k = ?", k).Scan(&n); err != nil || n%1000 != i || first > 0 && n != first {
					t.Errorf("%q = %d, %v; want %d", k, n, err, i)
				}
				first = n
			}
			h.exec(db, "UPDATE exact SET n = n + 1000 WHERE k = ?", fmt.Sprintf("kEy%da", i))
		}
		h.verified()
	}
	for i := range 24 {
		k := fmt.Sprintf("key%da", i)
		at := h.at("exact", k)
		o := h.order(k)
		if len(at) != 2 || at[int(o[0])] == "" || at[int(o[0])] != at[int(o[1])] {
			t.Errorf("%s is at %v, want it at %v", k, at, o[:2])
		}
	}
}
