package integration

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// reply is what a statement was answered.
type reply struct {
	affected int64
	rows     [][]string // NULL is ""
	errno    int        // of an error that the server has sent
	err      string     // "" if there was none
	broken   bool       // the connection, or the answer did not come in time
}

// speaker is a client's connection. It is not safe for concurrent use.
type speaker interface {
	// run carries a statement out.
	run(query string, args ...any) reply
	// dial connects anew; the old connection is closed.
	dial() error
	close()
}

// clientPatience is how long a client waits for an answer, if nothing else is
// said.
const clientPatience = 6 * time.Second

// goSpeaker is go-sql-driver. It repeats nothing by itself: it uses one
// *sql.Conn.
type goSpeaker struct {
	dbs      []*sql.DB // of the proxies; each dial takes the next one
	next     int
	prepared bool
	conn     *sql.Conn
	stmts    map[string]*sql.Stmt
}

func newGoSpeaker(f *fleet, proxy int, prepared, found bool, patience time.Duration) *goSpeaker {
	s := &goSpeaker{next: proxy, prepared: prepared}
	for _, p := range f.proxies {
		s.dbs = append(s.dbs, f.client(p, func(c *mysql.Config) {
			c.InterpolateParams, c.ClientFoundRows = !prepared, found
			c.Timeout, c.ReadTimeout, c.WriteTimeout = patience, patience, patience
		}))
	}
	return s
}

func (s *goSpeaker) dial() error {
	s.close()
	db := s.dbs[s.next%len(s.dbs)]
	s.next++
	conn, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	s.conn, s.stmts = conn, make(map[string]*sql.Stmt)
	return nil
}

// close closes the connection itself: it does not go back to the pool.
func (s *goSpeaker) close() {
	if s.conn == nil {
		return
	}
	for _, st := range s.stmts {
		st.Close()
	}
	s.conn.Raw(func(dc any) error { dc.(io.Closer).Close(); return nil })
	s.conn.Close()
	s.conn = nil
}

func (s *goSpeaker) run(query string, args ...any) reply {
	ctx := context.Background()
	r, err := s.try(ctx, query, args)
	var e *mysql.MySQLError
	switch {
	case errors.As(err, &e):
		return reply{errno: int(e.Number), err: err.Error()}
	case err != nil:
		return reply{broken: true, err: err.Error()}
	}
	return r
}

func (s *goSpeaker) try(ctx context.Context, query string, args []any) (reply, error) {
	var stmt *sql.Stmt
	if s.prepared && len(args) > 0 {
		if stmt = s.stmts[query]; stmt == nil {
			var err error
			if stmt, err = s.conn.PrepareContext(ctx, query); err != nil {
				return reply{}, err
			}
			s.stmts[query] = stmt
		}
	}
	if asks(query) {
		var rows *sql.Rows
		var err error
		if stmt != nil {
			rows, err = stmt.QueryContext(ctx, args...)
		} else {
			rows, err = s.conn.QueryContext(ctx, query, args...)
		}
		if err != nil {
			return reply{}, err
		}
		return readAll(rows)
	}
	var res sql.Result
	var err error
	if stmt != nil {
		res, err = stmt.ExecContext(ctx, args...)
	} else {
		res, err = s.conn.ExecContext(ctx, query, args...)
	}
	if err != nil {
		return reply{}, err
	}
	n, err := res.RowsAffected()
	return reply{affected: n}, err
}

func readAll(rows *sql.Rows) (r reply, err error) {
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return r, err
	}
	for rows.Next() {
		cells, dst := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range cells {
			dst[i] = &cells[i]
		}
		if err := rows.Scan(dst...); err != nil {
			return r, err
		}
		row := make([]string, len(columns))
		for i := range cells {
			row[i] = cells[i].String
		}
		r.rows = append(r.rows, row)
	}
	return r, rows.Err()
}

// phpSpeaker is mysqli or PDO: a runner of clients/php that is given one step
// after the other. It stays with one proxy.
type phpSpeaker struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Scanner
	open  bool // it may have a connection
}

func newPHPSpeaker(t *testing.T, addr, driver string, prepared, found bool) *phpSpeaker {
	t.Helper()
	s := &phpSpeaker{cmd: exec.Command(tool(t, "php"),
		"-d", fmt.Sprintf("mysqlnd.net_read_timeout=%d", int(clientPatience.Seconds())), "clients/php/runner.php")}
	mode, rows := "text", "0"
	if prepared {
		mode = "prepared"
	}
	if found {
		rows = "1"
	}
	s.cmd.Env = append(clientEnv(t, addr), "DSM_DRIVER="+driver, "DSM_MODE="+mode, "DSM_FOUND_ROWS="+rows)
	in, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.stdin, s.out = in, bufio.NewScanner(out)
	s.out.Buffer(nil, 1<<20)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		s.cmd.Wait()
	})
	return s
}

func (s *phpSpeaker) dial() error {
	s.close()
	s.open = true
	if r := s.step(step{Op: "ping"}); r.err != "" {
		return errors.New(r.err)
	}
	return nil
}

func (s *phpSpeaker) close() {
	if s.open {
		s.step(step{Op: "close"})
		s.open = false
	}
}

func (s *phpSpeaker) run(query string, args ...any) reply {
	st := step{SQL: query, Raw: len(args) == 0}
	for _, a := range args {
		st.Params = append(st.Params, param{a})
	}
	return s.step(st)
}

func (s *phpSpeaker) step(st step) reply {
	line, err := json.Marshal(st)
	if err == nil {
		_, err = s.stdin.Write(append(line, '\n'))
	}
	if err == nil && !s.out.Scan() {
		err = errors.Join(s.out.Err(), io.ErrUnexpectedEOF)
	}
	var a answer
	if err == nil {
		// PHP's warnings about lost connections come before the answer.
		for !strings.HasPrefix(s.out.Text(), "{") && s.out.Scan() {
		}
		err = json.Unmarshal(s.out.Bytes(), &a)
	}
	if err != nil {
		return reply{broken: true, err: "php: " + err.Error()}
	}
	return a.reply()
}

func (a *answer) reply() (r reply) {
	if a.Errno != 0 || a.Error != "" {
		r.errno, r.err = a.Errno, fmt.Sprintf("Error %d: %s", a.Errno, a.Error)
		// What the client library says of itself.
		r.broken = a.Errno <= 0 || a.Errno >= 2000 && a.Errno < 3000
		return r
	}
	if a.Affected != nil {
		r.affected = *a.Affected
	}
	for _, cells := range a.Rows {
		var row []string
		for _, c := range cells {
			text, _ := c.(string)
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return reply{broken: true, err: "php: " + err.Error()}
			}
			row = append(row, string(b))
		}
		r.rows = append(r.rows, row)
	}
	return r
}

// data is the text of a value: what is torn or mixed is none.
func data(val int64) string {
	head := strconv.FormatInt(val, 10) + "/"
	return head + strings.Repeat(head, int(val*7919%200))
}

// recordOf is the record that a read of data, expires and owner has found.
func recordOf(r reply) (record, error) {
	if len(r.rows) == 0 {
		return record{}, nil
	}
	if len(r.rows) > 1 || len(r.rows[0]) != 3 {
		return record{}, fmt.Errorf("%d rows", len(r.rows))
	}
	text, count, mark := r.rows[0][0], r.rows[0][1], r.rows[0][2]
	head, _, _ := strings.Cut(text, "/")
	val, err := strconv.ParseInt(head, 10, 64)
	if err != nil || text != data(val) {
		return record{}, fmt.Errorf("data that nobody wrote: %.100q", text)
	}
	rec := record{exists: true, val: val}
	if rec.count, err = strconv.ParseInt(count, 10, 64); err == nil && mark != "" {
		rec.mark, err = strconv.ParseInt(mark, 10, 64)
	}
	return rec, err
}
