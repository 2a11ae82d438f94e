package router_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// orderable are columns whose values are equal in many records.
var orderable = strings.Fields("id name latin data n small big price f g day at moment length born kind tags bits twice")

// stray gives stores rows that nobody sees, for their records' first store has
// none: in every order of n and price they come first.
func (h *harness) stray(n int) {
	h.t.Helper()
	rows := make([][]string, len(h.direct))
	for k := range n {
		id := fmt.Sprint("stray-", k)
		order := h.order(id)
		i := order[1+k%(len(order)-1)]
		rows[i] = append(rows[i], fmt.Sprintf("('%s', -1000, -1000000)", id))
	}
	for i, db := range h.direct {
		h.exec(db, "INSERT INTO app.sessions (id, n, price) VALUES "+strings.Join(rows[i], ","))
	}
}

// TestScatterTakesTheFirst: whichever of the rows that are equal in the order a
// server takes, the n-th row has the rank that the n-th of one database has.
func TestScatterTakesTheFirst(t *testing.T) {
	for copies := 1; copies <= 3; copies++ {
		t.Run(fmt.Sprint(copies, " copies"), func(t *testing.T) {
			t.Parallel()
			h := start(t, 4, copies)
			h.scatter(1000, uint64(20+copies))
			h.stray(400)
			db := h.open("")
			r := rand.New(rand.NewPCG(uint64(copies), 5))
			for range 60 {
				var terms []string
				for range 1 + r.IntN(3) {
					terms = append(terms, orderable[r.IntN(len(orderable))]+[]string{"", " ASC", " DESC"}[r.IntN(3)])
				}
				where := []string{"", " WHERE n > 3", " WHERE small < 100 OR n = 2", " WHERE n > 1000"}[r.IntN(4)]
				order, offset, limit := strings.Join(terms, ", "), r.IntN(8)*r.IntN(12), r.IntN(1+r.IntN(60))
				h.takesTheFirst(db, where, order, offset, limit)
			}
			h.takesTheFirst(db, "", "n, price", 0, 1)
			h.takesTheFirst(db, "", "n, price", 700, 10)
			h.takesTheFirst(db, "", "n DESC", 0, 9000)
		})
	}
}

func (h *harness) takesTheFirst(db *sql.DB, where, order string, offset, limit int) {
	h.t.Helper()
	rank := make(map[string]string)
	var ranks []string
	for _, row := range h.strs(h.direct[0], "SELECT id, DENSE_RANK() OVER (ORDER BY "+order+") AS r FROM ref.sessions"+where+" ORDER BY r") {
		id, of, _ := strings.Cut(row, "|")
		rank[id] = of
		ranks = append(ranks, of)
	}
	want := ranks[min(offset, len(ranks)):min(offset+limit, len(ranks))]
	for _, c := range []struct {
		query string
		args  []any
	}{
		{fmt.Sprintf("SELECT s.id, LENGTH(data) FROM sessions s%s ORDER BY %s LIMIT %d, %d", where, order, offset, limit), nil},
		{"SELECT id AS k FROM sessions" + where + " ORDER BY " + order + " -- the first\n LIMIT ? OFFSET ?", []any{limit, offset}},
	} {
		var got, ids []string
		for _, row := range h.strs(db, c.query, c.args...) {
			id, _, _ := strings.Cut(row, "|")
			ids = append(ids, id)
			got = append(got, rank[id])
		}
		if !slices.Equal(got, want) {
			h.t.Errorf("%s %v: rows of the ranks %v, want %v", c.query, c.args, got, want)
		}
		slices.Sort(ids)
		if n := len(ids); len(slices.Compact(ids)) != n {
			h.t.Errorf("%s %v: a record comes twice", c.query, c.args)
		}
	}
	if limit > 0 { // without an order any rows do, each once
		ids := h.strs(db, fmt.Sprintf("SELECT id FROM sessions%s LIMIT %d OFFSET %d", where, limit, offset))
		slices.Sort(ids)
		ids = slices.Compact(ids)
		for _, id := range ids {
			if rank[id] == "" {
				h.t.Errorf("LIMIT %d OFFSET %d%s gives %s, which nobody has", limit, offset, where, id)
			}
		}
		if len(ids) != len(want) {
			h.t.Errorf("LIMIT %d OFFSET %d%s gives %d records, want %d", limit, offset, where, len(ids), len(want))
		}
	}
}

// TestScatterAsksForTheFirst: stores are asked for what is needed, and for all
// where that does not do.
func TestScatterAsksForTheFirst(t *testing.T) {
	h := start(t, 3, 2)
	db := h.open("")
	for i := range 300 {
		h.exec(db, "INSERT INTO sessions (id, n) VALUES (?, ?)", fmt.Sprint("k", i), i)
	}
	for _, d := range h.direct {
		h.exec(d, "SET GLOBAL log_output='TABLE', GLOBAL general_log=1")
	}
	// asked are the bounds that the stores have got in statements with a mark.
	asked := func(mark string) (bounds []string) {
		for _, d := range h.direct {
			for _, sql := range h.strs(d, "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log "+
				"WHERE argument LIKE '%CAST%FROM sessions%"+mark+"%' AND argument NOT LIKE '%general_log%' AND command_type='Query'") {
				bounds = append(bounds, sql[strings.LastIndex(sql, " ")+1:])
			}
		}
		slices.Sort(bounds)
		return slices.Compact(bounds)
	}
	const all = "18446744073709551615"
	h.shows(db, "3,4", "SELECT n FROM sessions WHERE n <> 1001 ORDER BY n LIMIT 3, 2")
	if got := asked("1001"); !slices.Equal(got, []string{"52"}) {
		t.Errorf("the stores are asked for %v rows", got)
	}
	if got := h.strs(db, "SELECT n FROM sessions WHERE n <> 1002 LIMIT 2"); len(got) != 2 {
		t.Errorf("LIMIT 2 gives %v", got)
	}
	if got := asked("1002"); !slices.Equal(got, []string{"40"}) {
		t.Errorf("the stores are asked for %v rows", got)
	}
	h.shows(db, "1,0", "SELECT -n + 1 AS n FROM sessions WHERE n < 1003 ORDER BY n DESC LIMIT 2")
	h.shows(db, "-299", "SELECT -n AS m FROM sessions WHERE n < 1003 ORDER BY m LIMIT 1")
	if got := asked("1003"); !slices.Equal(got, []string{all}) {
		t.Errorf("the stores are asked for %v rows in an order of the client's own", got)
	}
	for i, d := range h.direct {
		for k := range 100 {
			id := fmt.Sprint("stray", k)
			if int(h.order(id)[0]) != i {
				h.exec(d, "INSERT INTO app.sessions (id, n) VALUES (?, ?)", id, -k)
			}
		}
	}
	h.shows(db, "0,1", "SELECT n FROM sessions WHERE n <> 1004 ORDER BY n LIMIT 2")
	if got := asked("1004"); !slices.Equal(got, []string{all, "40"}) {
		t.Errorf("the stores are asked for %v rows, where the first are nobody's", got)
	}
	h.shows(db, "299", "SELECT n FROM sessions WHERE n <> 1005 ORDER BY n DESC LIMIT 1")
}
