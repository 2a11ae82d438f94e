package router_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
)

// Clients that wait for each other's named locks get, on several stores, what
// they get on one server: one of them an error, the other its lock.
func TestNamedLocksInACircle(t *testing.T) { eachLevel(t, testNamedLocksInACircle) }

func testNamedLocksInACircle(t *testing.T, level string) {
	h := startAt(t, level, 3, 2)
	single := installed.Start(t, 1)[0]
	direct, err := sql.Open("mysql", single.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { direct.Close() })
	name := func(store int) string { // whose lock is there
		for n := 0; ; n++ {
			if key := fmt.Sprint("n", n); int(h.order(key)[0]) == store {
				return key
			}
		}
	}
	names := []string{name(0), name(1), name(2)}
	// circle has each client hold a name and wait for the next one's, and returns
	// the error of the only one that fails. A server by itself may find a circle
	// twice, when two of it begin to wait at once.
	circle := func(db *sql.DB, n int, get string) string {
		t.Helper()
		conns, errs := make([]*sql.Conn, n), make(chan error, n)
		got := make(chan int, n)
		for i := range conns {
			c, err := db.Conn(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			conns[i] = c
			if v := lockValue(t, c, "SELECT GET_LOCK(?, 5)", names[i]); v != "1" {
				t.Fatalf("GET_LOCK = %s", v)
			}
		}
		for i, c := range conns {
			go func() {
				var v sql.NullString
				errs <- c.QueryRowContext(context.Background(), get, names[(i+1)%n]).Scan(&v)
				got <- i
			}()
		}
		failed := ""
		for range n {
			err, i := <-errs, <-got
			if number(err) == 1 {
				t.Errorf("a wait ends with %v", err)
			}
			if err != nil {
				if failed != "" && db != direct {
					t.Errorf("%v as well as %s", err, failed)
				}
				failed = err.Error()
			}
			lockValue(t, conns[i], "SELECT RELEASE_ALL_LOCKS()")
			lockValue(t, conns[i], "SELECT GET_LOCK(?, 0)", fmt.Sprint("own", i)) // it goes on
		}
		return failed
	}
	for _, params := range []string{"", "interpolateParams=true"} {
		for n := 2; n <= 3; n++ {
			for _, get := range []string{"SELECT GET_LOCK(?, 1000)", "SELECT COALESCE(GET_LOCK(?, 1000), 5) + 1"} {
				want := circle(direct, n, get)
				if got := circle(h.open(params), n, get); got != want || got == "" {
					t.Errorf("%d clients, %s: %q, want %q", n, get, got, want)
				}
			}
		}
	}
}
