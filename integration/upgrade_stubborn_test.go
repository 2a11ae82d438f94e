package integration

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// stubborn starts clients that see each closing of a connection: they have one
// each, never look at it before they use it, and never open another one. Some use
// it without a pause, some after rests of all lengths, some with statements that
// they have prepared once, and all have a user variable on it and know its id.
func (v *visitors) stubborn(t *testing.T, c *cluster) (stop func()) {
	t.Helper()
	ctx := context.Background()
	db := c.client(t, func(c *mysql.Config) { c.CheckConnLiveness = false; c.InterpolateParams = true })
	db.SetMaxIdleConns(-1)
	rests := func() time.Duration {
		return time.Duration(rand.ExpFloat64() * float64(500*time.Millisecond))
	}
	start := func(who string, pause func() time.Duration, visit func(conn *sql.Conn, id string, n int) error) {
		conn, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		var thread int
		err = conn.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&thread)
		if err == nil {
			_, err = conn.ExecContext(ctx, "SET @who = ?", who)
		}
		if err != nil {
			t.Fatal(err)
		}
		v.run(who, pause, func(id string, n int) error {
			if err := visit(conn, id, n); err != nil {
				return err
			}
			var name string
			var same int
			if err := conn.QueryRowContext(ctx, "SELECT @who, CONNECTION_ID()").Scan(&name, &same); err != nil {
				return fmt.Errorf("the connection's own: %w", err)
			}
			v.statements.Add(1)
			if name != who || same != thread {
				return fmt.Errorf("@who is %q on connection %d, which was %d", name, same, thread)
			}
			return nil
		})
	}
	plain := func(conn *sql.Conn, id string, n int) error { return v.writeAndRead(conn, id, n) }
	for i := range 2 {
		start(fmt.Sprint("hot-", i), func() time.Duration { return 0 }, plain)
	}
	for i := range 10 {
		start(fmt.Sprint("resting-", i), rests, plain)
	}
	for i := range 5 {
		var write, read *sql.Stmt
		start(fmt.Sprint("prepared-", i), rests, func(conn *sql.Conn, id string, n int) (err error) {
			if write == nil {
				if write, err = conn.PrepareContext(ctx, "REPLACE INTO sessions (id, data, expires) VALUES (?, ?, 1)"); err != nil {
					return err
				}
				if read, err = conn.PrepareContext(ctx, "SELECT data FROM sessions WHERE id = ?"); err != nil {
					return err
				}
			}
			if _, err := write.ExecContext(ctx, id, n); err != nil {
				return fmt.Errorf("write: %w", err)
			}
			var got int
			if err := read.QueryRowContext(ctx, id).Scan(&got); err != nil {
				return fmt.Errorf("read: %w", err)
			}
			v.statements.Add(2)
			if got != n {
				return fmt.Errorf("read %d, want %d", got, n)
			}
			return nil
		})
	}
	var ends []func()
	for i := range 2 {
		ends = append(ends, v.php(t, c, fmt.Sprint("php-", i)))
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// php starts a program in PHP that keeps its connections.
func (v *visitors) php(t *testing.T, c *cluster, name string) (end func()) {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.Command(tool(t, "php"), "clients/php/steady.php", name)
	cmd.Env, cmd.Stdout, cmd.Stderr = clientEnv(t, c.Addr), &out, &stderr
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		stdin.Close()
		err := cmd.Wait()
		n, bad := strconv.Atoi(strings.TrimSpace(out.String()))
		v.statements.Add(int64(n))
		if err != nil || bad != nil || n == 0 {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.errors = append(v.errors, fmt.Sprintf("%s: %v %.500s %.500s", name, err, out.String(), stderr.String()))
		}
	}
}

var passedOn = regexp.MustCompile(`clients passed on.*\bpassed=(\d+) closed=(\d+) why=("[^"]*"|\S*)`)

// passedOn sums up what the log says of clients at upgrades.
func (c *cluster) passedOn(t *testing.T) (upgrades, passed, closed int) {
	t.Helper()
	for _, m := range passedOn.FindAllStringSubmatch(c.Log.String(), -1) {
		p, _ := strconv.Atoi(m[1])
		n, _ := strconv.Atoi(m[2])
		if n > 0 {
			t.Logf("%d clients were closed: %s", n, m[3])
		}
		upgrades, passed, closed = upgrades+1, passed+p, closed+n
	}
	return upgrades, passed, closed
}
