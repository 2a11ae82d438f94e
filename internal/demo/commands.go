package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// change kills or starts a store.
func (c *Console) change(ctx context.Context, w io.Writer, word, name string) error {
	if err := c.known(name); err != nil {
		return err
	}
	if word == "kill" {
		done, err := c.Stores.Kill(name)
		if err != nil {
			return fmt.Errorf("kill %s: %w", name, err)
		}
		fmt.Fprintf(w, "%s is dead: %s\n", name, done)
		return nil
	}
	if err := c.Stores.Start(ctx, name); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	fmt.Fprintf(w, "%s runs again, with what it had when it died: %s\n", name, c.records(ctx, name))
	return nil
}

func (c *Console) known(name string) error {
	if slices.Contains(c.Stores.Names(), name) {
		return nil
	}
	return fmt.Errorf("there is no store %q; there are %s", name, strings.Join(c.Stores.Names(), ", "))
}

// direct runs f with a connection of a store itself, past the proxy.
func (c *Console) direct(ctx context.Context, name string, f func(ctx context.Context, db *sql.DB) error) error {
	if c.Stores.Pid(name) == 0 {
		return errors.New("down")
	}
	db, err := Open(c.Stores.Addr(name), c.Account, Database)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return f(ctx, db)
}

// records counts a store's records: "1 record".
func (c *Console) records(ctx context.Context, name string) string {
	var n int
	err := c.direct(ctx, name, func(ctx context.Context, db *sql.DB) error {
		return db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+Table).Scan(&n)
	})
	if err != nil {
		return "-"
	}
	return count(n, "record")
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func (c *Console) status(ctx context.Context, w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, name := range c.Stores.Names() {
		state := "down"
		up, since := c.State(name)
		if up {
			state = "up"
		}
		process := "no process"
		if pid := c.Stores.Pid(name); pid != 0 {
			process = fmt.Sprintf("process %d", pid)
		}
		fmt.Fprintf(table, "%s\t%s for %v\t%s\t%s\t%s\n",
			name, state, time.Since(since).Round(time.Second), c.records(ctx, name), c.Stores.Addr(name), process)
	}
	fmt.Fprintf(table, "proxy\t\t\t%s\tcopies %d, level %s\n", c.Proxy, c.Copies, c.Level)
	return table.Flush()
}

func (c *Console) put(ctx context.Context, w io.Writer, rest string) error {
	id, data, ok := strings.Cut(rest, " ")
	if !ok || id == "" {
		return errors.New("usage: put ID DATA")
	}
	_, err := c.DB.ExecContext(ctx, "INSERT INTO "+Table+" (id, data, expires) VALUES (?, ?, ?)"+
		" ON DUPLICATE KEY UPDATE data = VALUES(data), expires = VALUES(expires)",
		id, []byte(data), time.Now().Add(time.Hour).Unix())
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s is on %s\n", id, strings.Join(c.holders(ctx, id), " and "))
	return nil
}

func (c *Console) get(ctx context.Context, w io.Writer, id string) error {
	if id == "" {
		return errors.New("usage: get ID")
	}
	var data []byte
	err := c.DB.QueryRowContext(ctx, "SELECT data FROM "+Table+" WHERE id = ?", id).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("there is no session %s", id)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s\n", data)
	return nil
}

// holders are the stores that hold an ID's record and can be asked, in order.
func (c *Console) holders(ctx context.Context, id string) (list []string) {
	for _, name := range c.Order(id) {
		if c.holding(ctx, name, id) == "holds it" {
			list = append(list, name)
		}
	}
	return list
}

func (c *Console) holding(ctx context.Context, name, id string) string {
	var n int
	err := c.direct(ctx, name, func(ctx context.Context, db *sql.DB) error {
		return db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+Table+" WHERE id = ?", id).Scan(&n)
	})
	switch {
	case err != nil:
		return err.Error()
	case n == 0:
		return "-"
	}
	return "holds it"
}

func (c *Console) where(ctx context.Context, w io.Writer, id string) error {
	if id == "" {
		return errors.New("usage: where ID")
	}
	var list []string
	for _, name := range c.Order(id) {
		list = append(list, fmt.Sprintf("%s (%s)", name, c.holding(ctx, name, id)))
	}
	fmt.Fprintf(w, "%s: %s\n", id, strings.Join(list, ", "))
	return nil
}

// waitTime bounds the wait command; a probe takes far less.
const waitTime = 30 * time.Second

func (c *Console) wait(ctx context.Context, w io.Writer, rest string) error {
	state, name, _ := strings.Cut(rest, " ")
	if state != "up" && state != "down" {
		return errors.New("usage: wait up STORE, or wait down STORE")
	}
	if err := c.known(name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, waitTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if up, _ := c.State(name); up == (state == "up") {
			fmt.Fprintf(w, "%s is %s\n", name, state)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not %s: %w", name, state, ctx.Err())
		case <-tick.C:
		}
	}
}

// sql runs a statement on a connection of its own, so that BEGIN and SET hold
// for the next one.
func (c *Console) sql(ctx context.Context, w io.Writer, statement string) (err error) {
	if statement == "" {
		return errors.New("usage: sql STATEMENT")
	}
	if c.conn != nil && c.conn.PingContext(ctx) != nil {
		c.conn.Close()
		c.conn = nil
	}
	if c.conn == nil {
		if c.conn, err = c.DB.Conn(ctx); err != nil {
			return err
		}
	}
	if !answersRows(statement) {
		r, err := c.conn.ExecContext(ctx, statement)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "ok, %d affected\n", n)
		return nil
	}
	rows, err := c.conn.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	return printRows(w, rows)
}

// answersRows tells the statements whose answer is a table by their first word.
func answersRows(statement string) bool {
	words := strings.Fields(strings.ToUpper(strings.TrimLeft(statement, "( ")))
	return len(words) > 0 && slices.Contains([]string{
		"SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "WITH", "VALUES", "TABLE",
	}, words[0]) || slices.Contains(words, "RETURNING")
}

func printRows(w io.Writer, rows *sql.Rows) error {
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(columns, "\t"))
	values := make([]sql.NullString, len(columns))
	targets := make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	n := 0
	for ; rows.Next(); n++ {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		for i, v := range values {
			if !v.Valid {
				v.String = "NULL"
			}
			if i > 0 {
				fmt.Fprint(table, "\t")
			}
			fmt.Fprint(table, v.String)
		}
		fmt.Fprintln(table)
	}
	if err := errors.Join(rows.Err(), table.Flush()); err != nil {
		return err
	}
	fmt.Fprintln(w, count(n, "row"))
	return nil
}
