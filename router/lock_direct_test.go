package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/rewrite"
)

// Statements of the GET_LOCK family are answered as one server answers them,
// whatever stores their locks are on.
func TestLocksAreAsAtOneServer(t *testing.T) { eachLevel(t, testLocksAreAsAtOneServer) }

func testLocksAreAsAtOneServer(t *testing.T, level string) {
	h := startAt(t, level, 4, 2)
	b := h.both()
	b.same(
		"SELECT GET_LOCK('a',1)",
		"SELECT GET_LOCK('a',1), GET_LOCK('b',1)",
		"SELECT GET_LOCK('c',1) AS x, GET_LOCK('d',1) y, GET_LOCK('e',0.5)",
		"SELECT IS_FREE_LOCK('a'), IS_FREE_LOCK('zz'), IS_USED_LOCK('zz')",
		"SELECT IS_USED_LOCK('a')=CONNECTION_ID(), IS_USED_LOCK('b') = CONNECTION_ID() AS b",
		"SELECT RELEASE_LOCK('a'), RELEASE_LOCK('b'), RELEASE_LOCK('c'), RELEASE_LOCK('qq')",
		"SELECT RELEASE_LOCK('a')",
		"SELECT RELEASE_LOCK('a')",
		"SELECT IS_FREE_LOCK('a'), IS_FREE_LOCK('d')",
		// Odd names and times.
		"SELECT GET_LOCK(NULL,1)",
		"SELECT GET_LOCK('',1)",
		"SELECT GET_LOCK('"+strings.Repeat("0123456789", 20)+"',1)",
		"SELECT RELEASE_LOCK(NULL), IS_FREE_LOCK(NULL), IS_USED_LOCK('')",
		"SELECT GET_LOCK('n',NULL)",
		"SELECT GET_LOCK('m',-1)",
		"SELECT GET_LOCK('f',0.001)",
		"SELECT GET_LOCK(5,1)",
		"SELECT GET_LOCK(0x41,1)",
		"SELECT GET_LOCK('A',1), GET_LOCK('a ',1)",
		"SELECT GET_LOCK('é',1), GET_LOCK('É',1)",
		"SELECT GET_LOCK('a')",
		"SELECT GET_LOCK()",
		"SELECT GET_LOCK('a','1x')",
		"SELECT RELEASE_ALL_LOCKS()",
		"SELECT RELEASE_ALL_LOCKS()",
		// Names that are computed, several kinds, other columns.
		"DO GET_LOCK('a',1), GET_LOCK('b',1), GET_LOCK('c', 1)",
		"SELECT RELEASE_ALL_LOCKS() AS n",
		"SELECT GET_LOCK(MD5('abc'),10)",
		"SELECT GET_LOCK(CONCAT(DATABASE(), '.x'),10) AS l",
		"SELECT IS_FREE_LOCK(MD5('abc')), IS_FREE_LOCK('app.x')",
		"SELECT RELEASE_LOCK(MD5('abc'))",
		"SELECT IF(IS_FREE_LOCK('a'), GET_LOCK('a',1), 0)",
		"SELECT IF(GET_LOCK('q',1), 5, NULL) AS acquired, IFNULL(GET_LOCK('r', 1), 0)",
		"SELECT RELEASE_ALL_LOCKS()",
		"SELECT GET_LOCK('x1',1)+GET_LOCK('x2',1)",
		"SELECT GET_LOCK('a', 1), 'text', 5 AS five, CONNECTION_ID() = CONNECTION_ID()",
		"SELECT 1 WHERE GET_LOCK('a',1)",
		"SELECT RELEASE_ALL_LOCKS()",
		// Prepared.
		"?SELECT GET_LOCK(?,?) <- p,1",
		"?SELECT GET_LOCK(?,1), GET_LOCK(?,1) AS second, GET_LOCK(?,1) <- p1,p2,p3",
		"?SELECT ? AS first, IS_FREE_LOCK(?), IS_FREE_LOCK('zz'), ? <- x,p2,y",
		"?SELECT IS_USED_LOCK(?) = CONNECTION_ID() <- p2",
		"?DO RELEASE_LOCK(?), RELEASE_LOCK(?) <- p1,p2",
		"?SELECT GET_LOCK(MD5(?), 1) <- a",
		"?SELECT RELEASE_LOCK(MD5(?)) AS r <- a",
		"?SELECT RELEASE_LOCK(?) <- p",
		"?SELECT RELEASE_LOCK(?) <- p",
		"?SELECT RELEASE_ALL_LOCKS()",
		// The locks do not stand in the way of anything else.
		"SELECT GET_LOCK('a', 1), GET_LOCK('b', 1), GET_LOCK('c', 1), GET_LOCK('d', 1)",
		"BEGIN",
		"INSERT INTO sessions (id, n) VALUES ('k', 1)",
		"SELECT IS_USED_LOCK('c') = CONNECTION_ID()",
		"ROLLBACK",
		"SELECT RELEASE_LOCK('a')+RELEASE_LOCK('b')+RELEASE_LOCK('c')",
		"SELECT RELEASE_ALL_LOCKS()",
	)
	h.fails(1235, h.conn(""), "SELECT IF(IS_FREE_LOCK('a'), GET_LOCK('b', 1), GET_LOCK('c', 1) + GET_LOCK('d', 1))")
	h.fails(1235, h.conn(""), "SELECT GET_LOCK(CONCAT(RAND()), 1)")
	h.fails(1235, h.conn(""), "SELECT GET_LOCK('a', 1) FROM sessions WHERE id = 'a'")
}

// The connection that has held a lock is given back without it, also where the
// name is in another character set or was hidden in an expression.
func TestNoLockIsLeftBehind(t *testing.T) { eachLevel(t, testNoLockIsLeftBehind) }

func testNoLockIsLeftBehind(t *testing.T, level string) {
	h := startAt(t, level, 2, 1)
	for _, get := range []string{
		"SELECT GET_LOCK('l', 1)", "DO GET_LOCK('l', 1)", "SELECT IF(GET_LOCK('l', 1), 5, 6)",
		"SELECT GET_LOCK(LOWER('L'), 1)", "SELECT GET_LOCK(_latin1 x'e9', 1)", "SELECT GET_LOCK('\xc3\xa9', 1)",
	} {
		for _, release := range []string{"RELEASE_LOCK", "RELEASE_ALL_LOCKS"} {
			c := h.wire(h.addr, "app", true)
			name := "'l'"
			if i := strings.Index(get, "(_latin1"); i > 0 {
				name = "_latin1 x'e9'"
			} else if strings.Contains(get, "\xc3") {
				name = "'\xc3\xa9'"
			}
			end := "SELECT " + release + "(" + name + ")"
			if release == "RELEASE_ALL_LOCKS" {
				end = "SELECT RELEASE_ALL_LOCKS()"
			}
			for _, sql := range []string{get, end} {
				if _, err := c.Execute(sql); err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
			}
			for i := range h.servers {
				for _, free := range []string{"l", "é", "\xe9"} {
					var ok sql.NullString
					err := h.direct[i].QueryRow(fmt.Sprintf("SELECT IS_FREE_LOCK(x'%x')", free)).Scan(&ok)
					if number(err) == 3057 && free == "\xe9" {
						continue // no name of a lock in MySQL
					}
					if err != nil || ok.String != "1" {
						t.Errorf("%s, %s: lock %x at store %d: free = %v, %v", get, end, free, i, ok, err)
					}
				}
			}
			c.Close()
		}
	}
}

// Several clients of two proxies count under locks, which are on all stores.
func TestLocksExcludeOverProxies(t *testing.T) { eachLevel(t, testLocksExcludeOverProxies) }

func testLocksExcludeOverProxies(t *testing.T, level string) {
	h := startAt(t, level, 3, 2)
	second := h.serve(t, []rewrite.Table{{Name: "sessions", Key: "id"}})
	names := []string{"one", "two", "three", "four"}
	counts := make([]int, len(names)) // each guarded by its lock alone
	held := make([]sync.Mutex, len(names))
	var wg sync.WaitGroup
	const clients, rounds = 12, 25
	for i := range clients {
		addr := []string{h.addr, second}[i%2]
		wg.Go(func() {
			db := h.openAt(addr, []string{"", "interpolateParams=true"}[i/2%2])
			c, err := db.Conn(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for range rounds {
				l := rand.IntN(len(names))
				if got := lockValue(t, c, "SELECT GET_LOCK(?, 120)", names[l]); got != "1" {
					t.Errorf("lock of %s = %s", names[l], got)
					return
				}
				if !held[l].TryLock() {
					t.Errorf("%s is held by two clients", names[l])
					return
				}
				before := counts[l]
				time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond) // others come in meanwhile, if they can
				counts[l] = before + 1
				held[l].Unlock()
				if got := lockValue(t, c, "SELECT RELEASE_LOCK(?)", names[l]); got != "1" {
					t.Errorf("release of %s = %s", names[l], got)
				}
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if sum != clients*rounds && !t.Failed() {
		t.Errorf("counted %d, want %d", sum, clients*rounds)
	}
}

// IS_USED_LOCK tells the CONNECTION_ID() of a client of the same proxy, and a
// number that is nobody's for one of another proxy.
func TestWhoHoldsALock(t *testing.T) { eachLevel(t, testWhoHoldsALock) }

func testWhoHoldsALock(t *testing.T, level string) {
	h := startAt(t, level, 3, 2)
	second := h.serve(t, []rewrite.Table{{Name: "sessions", Key: "id"}})
	a, b := h.conn(""), h.conn("")
	other, err := h.openAt(second, "").Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	id := lockValue(t, a, "SELECT CONNECTION_ID()")
	for i := range 5 {
		name := fmt.Sprint("lock", i)
		lockValue(t, a, "SELECT GET_LOCK(?, 1)", name)
		for _, c := range []*sql.Conn{a, b} {
			if got := lockValue(t, c, "SELECT IS_USED_LOCK(?)", name); got != id {
				t.Errorf("IS_USED_LOCK = %s, want %s", got, id)
			}
		}
		if got := lockValue(t, other, "SELECT IS_USED_LOCK(?) > 2147483648", name); got != "1" {
			t.Errorf("at another proxy IS_USED_LOCK > 2147483648 is %s", got)
		}
		lockValue(t, a, "SELECT RELEASE_LOCK(?)", name)
		if got := lockValue(t, b, "SELECT IS_USED_LOCK(?)", name); got != "NULL" {
			t.Errorf("IS_USED_LOCK of a free lock = %s", got)
		}
	}
}

// Two clients that wait for each other's locks end: on one store as it says, on
// two as the proxy says, or when the time is up before that which one asked for.
func TestLockDeadlock(t *testing.T) { eachLevel(t, testLockDeadlock) }

func testLockDeadlock(t *testing.T, level string) {
	h := startAt(t, level, 3, 2)
	byStore := map[uint16][]string{}
	for i := range 40 {
		name := fmt.Sprint("l", i)
		byStore[h.order(name)[0]] = append(byStore[h.order(name)[0]], name)
	}
	deadlock := uint16(3058)
	if installed.MariaDB() {
		deadlock = 1213
	}
	for _, pair := range [][2]string{{byStore[0][0], byStore[0][1]}, {byStore[0][0], byStore[1][0]}} {
		refused := 0
		var mu sync.Mutex
		a, b := h.conn(""), h.conn("")
		lockValue(t, a, "SELECT GET_LOCK(?, 1)", pair[0])
		lockValue(t, b, "SELECT GET_LOCK(?, 1)", pair[1])
		var wg sync.WaitGroup
		for i, c := range []*sql.Conn{a, b} {
			wg.Go(func() {
				var v sql.NullString
				err := c.QueryRowContext(context.Background(), "SELECT GET_LOCK(?, ?)", pair[1-i], 2+i).Scan(&v)
				t.Logf("client %d: %v, %v", i, v, err)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case number(err) == deadlock, err == nil && v.String == "0":
					refused++
					lockValue(t, c, "SELECT RELEASE_LOCK(?)", pair[i])
				case err != nil || refused == 0:
					t.Errorf("client %d gets %v, %v", i, v, err)
				}
			})
		}
		wg.Wait()
	}
}
