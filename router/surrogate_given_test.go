package router_test

import (
	"fmt"
	"testing"
)

// TestGivenNumbers: NULL, DEFAULT and 0 ask for a number, anything else is one;
// 0 is one too under NO_AUTO_VALUE_ON_ZERO.
func TestGivenNumbers(t *testing.T) {
	h := startNumbered(t, 4, 2)
	addr, _ := h.proxy()
	for i, params := range []string{"", "interpolateParams=true"} {
		db := h.openAt(addr, params)
		key := func(name string) string { return name + params }
		given := int64(5_000_000 + i*1_000_000)
		if id := h.insert(db, "INSERT INTO flask (id, session_id) VALUES (?, ?)", given, key("given")); id != given {
			t.Errorf("insert id of a given number is %d, want %d", id, given)
		}
		if id := h.insert(db, "INSERT INTO flask (id, session_id) VALUES (?, ?)", 0, key("zero")); id == 0 || h.numberOf("flask", key("zero"), h.two(key("zero"))...) != fmt.Sprint(id) {
			t.Errorf("0 gives the number %d", id)
		}
		if id := h.insert(db, "INSERT IGNORE INTO flask (session_id) VALUES (?)", key("given")); id != 0 {
			t.Errorf("insert id of an ignored duplicate is %d, want 0", id)
		}
		if got := h.numberOf("flask", key("given"), h.two(key("given"))...); got != fmt.Sprint(given) {
			t.Errorf("the duplicate has changed the number to %s", got)
		}
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		h.exec(c, "SET sql_mode='NO_AUTO_VALUE_ON_ZERO'")
		h.exec(c, "INSERT INTO flask (id, session_id) VALUES (0, ?)", key("nought"))
		if got := h.numberOf("flask", key("nought"), h.two(key("nought"))...); got != "0" {
			t.Errorf("0 under NO_AUTO_VALUE_ON_ZERO is %s", got)
		}
		h.exec(c, "DELETE FROM flask WHERE session_id = ?", key("nought"))
		if id := h.insert(c, "INSERT INTO flask (session_id) VALUES (?)", key("after")); h.numberOf("flask", key("after"), h.two(key("after"))...) != fmt.Sprint(id) {
			t.Errorf("insert id %d is not the number", id)
		}
	}
}
