package router_test

import (
	"testing"
	"time"
)

// TestJudgedInLostTransaction: a write that a store is asked about before it is
// carried out tells its client that the transaction is lost with that store's
// connection, and is not carried out by itself.
func TestJudgedInLostTransaction(t *testing.T) { eachLevel(t, testJudgedInLostTransaction) }

func testJudgedInLostTransaction(t *testing.T, level string) {
	h := startOtherAt(t, level, 2, 2, 1)
	db := h.open("")
	h.exec(db, "CREATE TABLE users (id varchar(64) PRIMARY KEY)")
	for _, sql := range []string{
		"DELETE FROM sessions WHERE n IN (SELECT m FROM (SELECT 7 AS m) x)",
		"DELETE s FROM sessions s JOIN sessions z ON s.n = z.n WHERE z.n = 7",
		"DELETE s FROM sessions s JOIN users u ON s.id = u.id",
	} {
		h.exec(db, "REPLACE INTO sessions (id, n) VALUES ('a', 1), ('b', 7)")
		h.exec(db, "REPLACE INTO users VALUES ('b')")
		c := h.conn("")
		h.exec(c, "BEGIN")
		h.exec(c, "UPDATE sessions SET n = 2 WHERE id = 'a'")
		killed := 0
		h.await("the transaction to be seen, and gone", func() bool {
			seen := false
			time.Sleep(200 * time.Millisecond) // the table stays as it is for who looks more often
			for _, d := range h.direct {
				for _, id := range h.strs(d, "SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX WHERE trx_rows_modified > 0") {
					seen = true
					if _, err := d.Exec("KILL " + id); err == nil {
						killed++
					}
				}
			}
			return killed > 0 && !seen
		})
		h.fails(1213, c, sql)
		h.exec(c, "COMMIT")
		h.shows(db, "2", "SELECT COUNT(*) FROM sessions WHERE id IN ('a', 'b')")
		h.shows(db, "1", "SELECT n FROM sessions WHERE id = 'a'")
		c.Close()
	}
}
