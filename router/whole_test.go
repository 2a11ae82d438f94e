package router_test

import (
	"fmt"
	"testing"
)

// TestNumbersBoundAsDoubles: clients whose language has floating point numbers
// alone bind them all so; to an integer key or to a record's number 900e0 is 900.
func TestNumbersBoundAsDoubles(t *testing.T) {
	h := startNumbered(t, 4, 2)
	for _, d := range h.direct {
		h.exec(d, "CREATE TABLE app.numbered (num bigint PRIMARY KEY, v int)")
	}
	db := h.open("")
	if got := told(db, "INSERT INTO numbered (num, v) VALUES (?, ?), (?, ?)", 900.0, 1.0, -7.0, 2.0); got != "2 rows" {
		t.Errorf("INSERT: %s", got)
	}
	h.exec(db, "INSERT INTO numbered (num, v) VALUES (?, ?)", int64(1)<<53-1, 3)
	if got := h.dump("numbered", "CONCAT(num, '|', v)"); got != "map[-7|2:2 9007199254740991|3:2 900|1:2]" {
		t.Errorf("the stores hold %s", got)
	}
	h.shows(db, "1", "SELECT v FROM numbered WHERE num = ?", 900.0)
	h.shows(db, "1,2", "SELECT v FROM numbered WHERE num IN (?, ?) ORDER BY v", 900.0, -7.0)
	h.shows(db, "3", "SELECT v FROM numbered WHERE num = ?", float64(1<<53-1))
	h.fails(1235, db, "SELECT v FROM numbered WHERE num = ?", float64(1<<53))
	h.fails(1235, db, "DELETE FROM numbered WHERE num = ?", 900.5)
	h.exec(db, "UPDATE numbered SET v = 9 WHERE num = ?", 900.0)
	h.exec(db, "DELETE FROM numbered WHERE num = ?", -7.0)
	c := h.conn("")
	h.exec(c, "PREPARE p FROM 'UPDATE numbered SET v = v + 1 WHERE num = ?'")
	h.exec(c, "SET @double = 900e0, @decimal = 900.00")
	h.exec(c, "EXECUTE p USING @double")
	h.exec(c, "EXECUTE p USING @decimal")
	if got := h.dump("numbered", "CONCAT(num, '|', v)"); got != "map[9007199254740991|3:2 900|11:2]" {
		t.Errorf("the stores hold %s", got)
	}

	addr, _ := h.proxy()
	byNumber := h.openAt(addr, "")
	const given = 5_000_000
	if id := h.insert(byNumber, "INSERT INTO rails (id, session_id, data) VALUES (?, ?, 'a')", float64(given), "given"); id != given {
		t.Errorf("insert id of a given number is %d, want %d", id, given)
	}
	if id := h.insert(byNumber, "INSERT INTO rails (id, session_id) VALUES (?, ?)", 0.0, "zero"); h.numberOf("rails", "zero", h.two("zero")...) != fmt.Sprint(id) {
		t.Errorf("0 gives the number %d", id)
	}
	h.exec(byNumber, "UPDATE rails SET data = 'b' WHERE id = ?", float64(given))
	h.shows(byNumber, "b", "SELECT data FROM rails WHERE id = ?", float64(given))
	if got := h.numberOf("rails", "given", h.two("given")...); got != fmt.Sprint(given) {
		t.Errorf("the number is %s", got)
	}
	h.exec(byNumber, "DELETE FROM rails WHERE id IN (?, ?)", float64(given), 1e6)
	h.fails(1235, byNumber, "UPDATE rails SET data = 'b' WHERE id = ?", 1.5)
	h.shows(byNumber, "1", "SELECT COUNT(*) FROM rails")
}
