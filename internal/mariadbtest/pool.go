package mariadbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/realstore"
)

// Starting a server takes longer than most tests do. So a server that a test
// leaves as it got it is emptied, and the next test with the same options gets
// it. One that a test has killed or configured is not used again.

// maxIdle is how many servers are kept for the tests to come.
const maxIdle = 8

// resetLimit is how long emptying a server may take.
const resetLimit = 10 * time.Second

// instance is a server that may serve several tests, one after the other.
type instance struct {
	*realstore.Server
	args  string
	pid   int
	state string // of what a test must not change
}

// take returns up to n idle servers with the given options.
func (in *Installation) take(args string, n int) []*instance {
	in.mu.Lock()
	defer in.mu.Unlock()
	var taken []*instance
	in.idle = slices.DeleteFunc(in.idle, func(s *instance) bool {
		if s.args != args || len(taken) == n {
			return false
		}
		taken = append(taken, s)
		return true
	})
	return taken
}

// keep makes a server an idle one. It is false if there are enough.
func (in *Installation) keep(s *instance) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.idle) >= maxIdle {
		return false
	}
	in.idle = append(in.idle, s)
	return true
}

// start starts a server.
func (in *Installation) start(o realstore.Options, args string) (*instance, error) {
	server, err := realstore.Start(context.Background(), o)
	if err != nil {
		return nil, err
	}
	s := &instance{Server: server, args: args, pid: server.Pid()}
	err = s.with(time.Minute, func(ctx context.Context, conn *sql.Conn) (err error) {
		s.state, err = stateOf(ctx, conn)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return s, nil
}

// with has f use a connection.
func (s *instance) with(limit time.Duration, f func(ctx context.Context, conn *sql.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	db, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return f(ctx, conn)
}

// reset empties the server of everything that a test may have made. Its error
// says why the server can't be used again.
func (s *instance) reset() error {
	if !s.Running() || s.Pid() != s.pid {
		return errors.New("the process is another one")
	}
	return s.with(resetLimit, func(ctx context.Context, conn *sql.Conn) error {
		if err := endOthers(ctx, conn); err != nil {
			return err
		}
		databases, err := column(ctx, conn, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA "+
			"WHERE SCHEMA_NAME NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')")
		if err != nil {
			return err
		}
		for _, name := range databases {
			if _, err := conn.ExecContext(ctx, "DROP DATABASE `"+strings.ReplaceAll(name, "`", "``")+"`"); err != nil {
				return err
			}
		}
		state, err := stateOf(ctx, conn)
		if err == nil && state != s.state {
			err = errors.New("it is configured otherwise")
		}
		return err
	})
}

// endOthers ends all connections of clients but this one, and waits until they
// are gone.
func endOthers(ctx context.Context, conn *sql.Conn) error {
	for {
		ids, err := column(ctx, conn, "SELECT ID FROM information_schema.PROCESSLIST "+
			"WHERE ID <> CONNECTION_ID() AND USER NOT IN ('system user', 'event_scheduler')")
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			_, _ = conn.ExecContext(ctx, "KILL "+id) // it may have ended
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// stateOf is the configuration of a server and its accounts.
func stateOf(ctx context.Context, conn *sql.Conn) (string, error) {
	var b strings.Builder
	for _, query := range []string{
		"SHOW GLOBAL VARIABLES WHERE Variable_name NOT LIKE '%gtid%' AND Variable_name <> 'timestamp'",
		"CHECKSUM TABLE mysql.user, mysql.global_priv, mysql.db, mysql.tables_priv, mysql.columns_priv, mysql.procs_priv, mysql.func, mysql.plugin",
	} {
		rows, err := conn.QueryContext(ctx, query)
		if err != nil {
			return "", err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			var value sql.NullString
			if err := rows.Scan(&name, &value); err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "%s=%q\n", name, value.String)
		}
		if err := rows.Err(); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// column returns the first column of a query's answer.
func column(ctx context.Context, conn *sql.Conn, query string) ([]string, error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}
