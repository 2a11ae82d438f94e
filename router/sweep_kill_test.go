package router_test

import (
	"fmt"
	"testing"
	"time"
)

// The end of a client, or of its statement, in the middle of a keyless write
// leaves copies that are equal, whichever of them it has reached.
func TestKillInKeylessWrite(t *testing.T) {
	h := start(t, 3, 2)
	db, killer := h.open(""), h.conn("")
	keys := make([]string, 12)
	for i := range keys {
		keys[i] = fmt.Sprint("k", i)
	}
	for _, query := range []string{
		"UPDATE sessions SET n = n + 10 WHERE expires = 7",
		"DELETE FROM sessions WHERE expires = 7",
		"DELETE FROM sessions WHERE expires = 7 ORDER BY n LIMIT 11",
	} {
		for _, kill := range []string{"KILL ", "KILL QUERY "} {
			for at := range 3 {
				t.Run(fmt.Sprint(kill, at, query), func(t *testing.T) {
					h := *h
					h.t = t
					for i, key := range keys {
						h.exec(db, "REPLACE INTO sessions (id, n, expires) VALUES (?, ?, 7)", key, i)
					}
					victim := h.conn("")
					id := lockValue(t, victim, "SELECT CONNECTION_ID()")
					locked := h.keyAt(at)
					tx, err := h.direct[at].Begin()
					if err != nil {
						t.Fatal(err)
					}
					defer tx.Rollback()
					h.exec(tx, "UPDATE app.sessions SET n = 0 WHERE id = ?", locked)
					outcome := h.begin(victim, query)
					verb := query[:6] + "%"
					h.await("a row lock is waited for", func() bool { return h.busy(at, verb) })
					h.exec(killer, kill+id)
					h.await("the statement's end there", func() bool { return !h.busy(at, query[:6]+"%expires = 7%") })
					tx.Rollback()
					if err := outcome(); err == nil {
						t.Error("the statement is not killed")
					}
					for _, key := range keys {
						h.exec(db, "SELECT 1 FROM sessions WHERE id = ? FOR UPDATE", key) // it is not being written
						o := h.order(key)
						if h.record(int(o[0]), key) == "" {
							h.holders(key)
						} else {
							h.holders(key, o[0], o[1])
						}
					}
				})
			}
		}
	}
}

// A keyless write that waits at one store for a transaction which waits for it
// at another one is a deadlock: who has begun to wait last gets 1213.
func TestDeadlockWithKeylessWrite(t *testing.T) {
	for _, last := range []string{"keyed", "keyless"} {
		t.Run(last, func(t *testing.T) {
			t.Parallel()
			h := start(t, 2, 1)
			db := h.open("interpolateParams=true")
			for i := range h.direct {
				h.exec(h.direct[i], "ALTER TABLE app.sessions ADD KEY (n)")
			}
			a := h.keyAt(0)
			var gap []string // two keys of the other store, behind all others
			for n := 0; len(gap) < 2; n++ {
				if key := fmt.Sprint("z", n); h.order(key)[0] == 1 {
					gap = append(gap, key)
				}
			}
			for n := range 20 {
				h.exec(db, "REPLACE INTO sessions (id, n) VALUES (?, 7)", fmt.Sprint("j-", n))
			}
			h.exec(db, "REPLACE INTO sessions (id, n) VALUES (?, 1)", a)
			const sweep = "UPDATE sessions IGNORE INDEX (PRIMARY) SET data = 'x' WHERE n = ?"
			keyless, keyed := h.conn("interpolateParams=true"), h.conn("interpolateParams=true")
			h.exec(keyed, "BEGIN")
			h.exec(keyless, "BEGIN")
			h.exec(keyed, "UPDATE sessions SET n = 7 WHERE id = ?", a) // which is in the other's way
			insert := func() func() error {
				return h.begin(keyed, "INSERT INTO sessions (id, n) VALUES (?, 9)", gap[1])
			}
			h.exec(keyless, "SELECT n FROM sessions WHERE id = ? FOR UPDATE", gap[0])
			var outcomes [2]func() error
			if last == "keyless" {
				outcomes[0] = insert()
				h.await("the INSERT waits", func() bool { return h.busy(1, "INSERT%") })
				time.Sleep(2 * time.Second) // it is the older one by whatever clock
				outcomes[1] = h.begin(keyless, sweep, 7)
			} else {
				outcomes[0] = h.begin(keyless, sweep, 7)
				h.await("the UPDATE waits", func() bool { return h.busy(0, "UPDATE%IGNORE%") })
				time.Sleep(2 * time.Second)
				outcomes[1] = insert()
			}
			victim, other := outcomes[1](), keyless
			if number(victim) != 1213 {
				t.Errorf("who waits last gets %v, want error 1213", victim)
			}
			if last == "keyless" {
				other = keyed
			}
			if err := outcomes[0](); err != nil {
				t.Errorf("who waits first gets %v", err)
			}
			h.exec(other, "COMMIT")
			want := "0"
			if last == "keyless" {
				want = "1"
			}
			h.shows(db, want, "SELECT COUNT(*) FROM sessions WHERE id = '"+gap[1]+"'")
		})
	}
}
