package integration

import (
	"context"
	"database/sql"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// TestUpgradeStopped: a successor that is stopped once it has taken clients over,
// and before the predecessor has ended, delays nobody but those that it has: the
// predecessor passes no more on, and ends its client as its time is over. The
// time is that of an upgrade, for drain_timeout = 0.
func TestUpgradeStopped(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2, level: "seed", sections: "\n[limits]\ndrain_timeout = \"0s\"\n"})
	ctx := context.Background()
	db := c.client(t, func(c *mysql.Config) { c.CheckConnLiveness = false })
	db.SetMaxIdleConns(-1)
	client := func() *sql.Conn {
		t.Helper()
		conn, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	idle, busy := client(), client()
	var id, same int
	if err := idle.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	if _, err := busy.ExecContext(ctx, "BEGIN"); err != nil {
		t.Fatal(err)
	}
	first := c.Pid()
	c.upgrade(t)
	successor := c.newest()
	if err := idle.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&same); err != nil || same != id {
		t.Errorf("the idle client: CONNECTION_ID() = %d, want %d, %v", same, id, err)
	}
	if !alive(first) {
		t.Fatal("the predecessor has not waited for a transaction")
	}
	if err := syscall.Kill(successor, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now()
	goOn := func() { _ = syscall.Kill(successor, syscall.SIGCONT) }
	t.Cleanup(goOn)
	// From here on it can be passed on, and is sent to one who does not answer.
	if _, err := busy.ExecContext(ctx, "COMMIT"); err != nil {
		t.Errorf("COMMIT beside a successor that is stopped: %v", err)
	}
	eventually(t, 50*time.Second, "the predecessor to end", func() bool { return !alive(first) })
	t.Logf("ended %v after its successor was stopped", time.Since(stopped).Round(time.Millisecond))
	goOn()
	if err := idle.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&same); err != nil || same != id {
		t.Errorf("the client of the successor that goes on: CONNECTION_ID() = %d, want %d, %v", same, id, err)
	}
}
