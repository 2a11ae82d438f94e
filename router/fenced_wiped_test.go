package router_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// TestFencedWiped: that a store has lost its tables is no client's business,
// whatever it asks for.
func TestFencedWiped(t *testing.T) {
	h := startAt(t, "safe", 3, 2)
	h.exec(h.open(""), "INSERT INTO sessions (id, n) VALUES ('w', 1)")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var clients sync.WaitGroup
	for range 3 {
		db := h.open("")
		db.SetMaxIdleConns(0) // each statement logs in
		clients.Go(func() {
			for ctx.Err() == nil {
				if err := asks(db); err != nil {
					t.Errorf("a client is told: %v", err)
					return
				}
			}
		})
	}
	if err := h.servers[0].Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.await("the wiped store is up again", func() bool {
		s := h.group.Overview().Stores[0]
		return h.group.Overview().Counts.Reset > 0 && s.State == "up" && s.Covered
	})
	cancel()
	clients.Wait()
}

// asks prepares a statement, asks for a record and for what is none, and
// returns what speaks of missing tables.
func asks(db *sql.DB) error {
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err == nil {
		defer conn.Close()
		var stmt *sql.Stmt
		if stmt, err = conn.PrepareContext(ctx, "SELECT n FROM sessions WHERE id = ?"); err == nil {
			defer stmt.Close()
			var n int
			err = stmt.QueryRow("w").Scan(&n)
		}
		if err == nil {
			_, err = conn.ExecContext(ctx, "USE app")
		}
	}
	var e *mysql.MySQLError
	if errors.As(err, &e) && (e.Number == 1049 || e.Number == 1146) {
		return err
	}
	return nil
}
