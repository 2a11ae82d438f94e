package router_test

import (
	"strings"
	"testing"
	"time"
)

// TestNextTransactionOfOneTriedAgain: what SET TRANSACTION says of a statement
// that is carried out in parts holds for each transaction that it takes, where a
// store rolls the first one back to end a deadlock.
func TestNextTransactionOfOneTriedAgain(t *testing.T) {
	eachLevel(t, testNextTransactionOfOneTriedAgain)
}

func testNextTransactionOfOneTriedAgain(t *testing.T, level string) {
	h := startPatient(t, level, 2, 1)
	var keys []string // three that the first store has, one that the second has
	for i := 0; len(keys) < 3; i++ {
		if key := string(rune('a' + i)); h.order(key)[0] == 0 {
			keys = append(keys, key)
		}
	}
	apart := ""
	for i := 0; apart == ""; i++ {
		if key := string(rune('a' + i)); h.order(key)[0] == 1 {
			apart = key
		}
	}
	c := h.conn("interpolateParams=true")
	h.exec(c, "INSERT INTO sessions (id) VALUES (?), (?)", keys[0], keys[1])
	store := h.direct[0]
	h.exec(store, "CREATE TABLE app.heavy (n int PRIMARY KEY)")
	h.exec(store, "SET GLOBAL log_output='TABLE', GLOBAL general_log=1")
	for _, test := range []struct {
		name, statement string
		// lock is what the statement waits for, cross what waits for it.
		lock, cross string
	}{
		{"several tables",
			"DELETE a, b FROM sessions a, sessions b WHERE a.id = '" + keys[0] + "' AND b.id = '" + keys[1] + "'",
			"SELECT n FROM app.sessions WHERE id = '" + keys[1] + "' FOR UPDATE",
			"UPDATE app.sessions SET n = 5 WHERE id = '" + keys[0] + "'"},
		{"several rows",
			"INSERT INTO sessions (id) VALUES ('" + keys[0] + "'), ('" + apart + "'), ('" + keys[2] + "') RETURNING id",
			"INSERT INTO app.sessions (id) VALUES ('" + keys[2] + "')",
			"INSERT INTO app.sessions (id) VALUES ('" + keys[0] + "')"},
	} {
		if strings.Contains(test.statement, "RETURNING") && !installed.MariaDB() {
			continue
		}
		h.exec(store, "TRUNCATE TABLE mysql.general_log")
		other, err := store.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		mine := h.strs(other, "SELECT CONNECTION_ID()")[0]
		h.exec(other, "INSERT INTO app.heavy WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 900) SELECT n FROM r")
		h.exec(other, test.lock)
		h.exec(c, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
		outcome := h.begin(c, test.statement)
		h.await(test.name+": it waits", func() bool {
			time.Sleep(200 * time.Millisecond) // the table stays as it is for who looks more often
			return h.rowAt(0, "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'") == "1"
		})
		h.exec(other, test.cross) // which makes a circle: who has written less is rolled back
		if err := other.Rollback(); err != nil {
			t.Fatal(err)
		}
		if err := outcome(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		// Of each connection's statements, SET TRANSACTION comes before the BEGIN.
		said, begun := map[string]bool{}, 0
		for _, line := range h.strs(store, "SELECT CONCAT(thread_id, ' ', CONVERT(argument USING utf8mb4)) FROM mysql.general_log"+
			" WHERE command_type = 'Query' AND thread_id <> "+mine+" AND (argument LIKE 'SET TRANSACTION ISOLATION LEVEL SER%'"+
			" OR argument = 'START TRANSACTION') ORDER BY event_time") {
			thread, sql, _ := strings.Cut(line, " ")
			if strings.HasPrefix(sql, "SET") {
				said[thread] = true
				continue
			}
			if begun++; !said[thread] {
				t.Errorf("%s: transaction %d is not as SET TRANSACTION has said", test.name, begun)
			}
			said[thread] = false
		}
		if begun < 2 {
			t.Errorf("%s: begun %d times, want at least twice", test.name, begun)
		}
	}
}
