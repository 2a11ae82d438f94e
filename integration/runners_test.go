package integration

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// library is a client library in one of its ways of work.
type library struct {
	name     string
	command  []string // of the runner; nil for go-sql-driver, which runs here
	env      []string
	prepared bool
	found    bool
	compress bool // of go-sql-driver; the others have it in env
}

// libraries are all that the contract is tried with.
func libraries(t testing.TB) []library {
	t.Helper()
	php := []string{tool(t, "php"), "clients/php/runner.php"}
	python := []string{pythonWith(t, "pymysql"), "clients/python/runner.py"}
	node := []string{nodeWith(t, "mysql2"), "clients/node/runner.js"}
	return []library{
		{name: "php-mysqli", command: php, env: []string{"DSM_DRIVER=mysqli"}},
		{name: "php-mysqli-found", command: php, env: []string{"DSM_DRIVER=mysqli"}, found: true},
		{name: "php-mysqli-prepared", command: php, env: []string{"DSM_DRIVER=mysqli"}, prepared: true},
		{name: "php-pdo", command: php, env: []string{"DSM_DRIVER=pdo"}},
		{name: "php-pdo-found", command: php, env: []string{"DSM_DRIVER=pdo"}, found: true},
		{name: "php-pdo-prepared", command: php, env: []string{"DSM_DRIVER=pdo"}, prepared: true},
		{name: "php-mysqli-prepared-compress", command: php, env: []string{"DSM_DRIVER=mysqli", "DSM_COMPRESS=1"}, prepared: true},
		{name: "php-pdo-compress", command: php, env: []string{"DSM_DRIVER=pdo", "DSM_COMPRESS=1"}},
		{name: "python-pymysql", command: python},
		{name: "python-pymysql-found", command: python, found: true},
		{name: "node-mysql2", command: node, found: true},
		{name: "node-mysql2-prepared", command: node, prepared: true},
		{name: "node-mysql2-compress", command: node, env: []string{"DSM_COMPRESS=1"}, found: true},
		{name: "go-interpolated", found: true},
		{name: "go-prepared-compress", prepared: true, compress: true},
		{name: "go-prepared", prepared: true},
		{name: "go-prepared-found", prepared: true, found: true},
	}
}

// pythonWith is a python that has a module; the distribution's own comes first,
// for its packages are where apt puts the module.
func pythonWith(t testing.TB, module string) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if path, err := exec.LookPath(name); err == nil && exec.Command(path, "-c", "import "+module).Run() == nil {
			return path
		}
	}
	t.Fatalf("no python3 has the module %s: run \"make test\" as root, which installs what the tests need", module)
	return ""
}

func nodeWith(t testing.TB, module string) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join("clients/node/node_modules", module)); err != nil {
		t.Fatalf("%s is not installed in integration/clients/node: run \"make test\", which runs npm ci there", module)
	}
	return tool(t, "node", "nodejs")
}

// clientEnv tells a client program where to connect.
func clientEnv(t testing.TB, addr string) []string {
	t.Helper()
	host, port := hostPort(t, addr)
	return append(os.Environ(), "DSM_HOST="+host, "DSM_PORT="+port, "DSM_USER="+mariadbtest.User,
		"DSM_PASSWORD="+mariadbtest.Password, "DSM_DB=app")
}

// run carries the steps out at addr and returns what the library said.
func (l library) run(t testing.TB, addr string, steps []*step) []*answer {
	t.Helper()
	if l.command == nil {
		return l.runGo(t, addr, steps)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	var in, stderr bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, st := range steps {
		if err := enc.Encode(st); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(ctx, l.command[0], l.command[1:]...)
	mode, found := "text", "0"
	if l.prepared {
		mode = "prepared"
	}
	if l.found {
		found = "1"
	}
	cmd.Env = append(append(clientEnv(t, addr), l.env...), "DSM_MODE="+mode, "DSM_FOUND_ROWS="+found)
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	var answers []*answer
	dec := json.NewDecoder(bytes.NewReader(out))
	dec.UseNumber()
	for dec.More() {
		a := new(answer)
		if e := dec.Decode(a); e != nil {
			t.Fatalf("%s printed what is no JSON: %v\n%.2000s\n%s", l.name, e, out, stderr.String())
		}
		answers = append(answers, a)
	}
	if err != nil || len(answers) != len(steps) {
		t.Fatalf("%s answered %d of %d steps: %v\n%.3000s", l.name, len(answers), len(steps), err, stderr.String())
	}
	return answers
}

// goClient is the runner of go-sql-driver/mysql.
type goClient struct {
	l     library
	db    *sql.DB
	conns map[int]*sql.Conn
	stmts map[string]*sql.Stmt // by connection and text
}

func (l library) runGo(t testing.TB, addr string, steps []*step) []*answer {
	t.Helper()
	c := goClient{l: l, conns: map[int]*sql.Conn{}, stmts: map[string]*sql.Stmt{}}
	c.db = open(t, addr, func(c *mysql.Config) {
		c.DBName, c.InterpolateParams, c.ClientFoundRows = "app", !l.prepared, l.found
		c.Apply(mysql.EnableCompression(l.compress))
	})
	defer c.db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	var answers []*answer
	for _, st := range steps {
		a, err := c.step(ctx, st)
		if a == nil {
			a = new(answer)
		}
		var e *mysql.MySQLError
		if errors.As(err, &e) {
			a.Errno, a.Error = int(e.Number), e.Message
		} else if err != nil {
			a.Errno, a.Error = -1, err.Error()
		}
		answers = append(answers, a)
	}
	for _, conn := range c.conns {
		conn.Close()
	}
	return answers
}

func (c *goClient) step(ctx context.Context, st *step) (*answer, error) {
	conn := c.conns[st.Conn]
	if conn == nil {
		var err error
		if conn, err = c.db.Conn(ctx); err != nil {
			return nil, err
		}
		c.conns[st.Conn] = conn
	}
	if st.Op != "" {
		return c.op(ctx, st, conn)
	}
	var args []any
	for _, p := range st.Params {
		args = append(args, p.value())
	}
	if c.l.prepared && !st.Raw {
		name := fmt.Sprint(st.Conn, " ", st.SQL)
		stmt := c.stmts[name]
		if stmt == nil {
			var err error
			if stmt, err = conn.PrepareContext(ctx, st.SQL); err != nil {
				return nil, err
			}
			c.stmts[name] = stmt
		}
		if asks(st.SQL) {
			return fetch(stmt.QueryContext(ctx, args...))
		}
		return done(stmt.ExecContext(ctx, args...))
	}
	if asks(st.SQL) {
		return fetch(conn.QueryContext(ctx, st.SQL, args...))
	}
	return done(conn.ExecContext(ctx, st.SQL, args...))
}

func (c *goClient) op(ctx context.Context, st *step, conn *sql.Conn) (*answer, error) {
	text := map[string]string{
		"begin": "START TRANSACTION", "commit": "COMMIT", "rollback": "ROLLBACK",
		"autocommit_off": "SET autocommit=0", "autocommit_on": "SET autocommit=1",
	}[st.Op]
	switch {
	case text != "":
	case st.Op == "ping":
		return nil, conn.PingContext(ctx)
	case st.Op == "close":
		for name, stmt := range c.stmts {
			if strings.HasPrefix(name, fmt.Sprint(st.Conn, " ")) {
				stmt.Close()
				delete(c.stmts, name)
			}
		}
		delete(c.conns, st.Conn)
		// The connection itself goes, not back to the pool.
		conn.Raw(func(any) error { return errors.New("done") })
		conn.Raw(func(dc any) error { return dc.(interface{ Close() error }).Close() })
		return nil, conn.Close()
	case strings.HasPrefix(st.Op, "use:"):
		text = "USE `" + st.Op[len("use:"):] + "`"
	default:
		return &answer{Unsupported: true}, nil
	}
	return done(conn.ExecContext(ctx, text))
}

// asks reports whether a statement answers with rows.
func asks(query string) bool {
	word, _, _ := strings.Cut(strings.TrimSpace(strings.ToUpper(query)), " ")
	return word == "SELECT" || word == "SHOW" || word == "DESCRIBE"
}

func done(r sql.Result, err error) (*answer, error) {
	if err != nil {
		return nil, err
	}
	a := new(answer)
	affected, _ := r.RowsAffected()
	id, _ := r.LastInsertId()
	a.Affected, a.InsertID = &affected, &id
	return a, nil
}

func fetch(rows *sql.Rows, err error) (*answer, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	a := &answer{Rows: [][]any{}}
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values := make([]any, len(columns))
		raw := make([]sql.RawBytes, len(columns))
		for i := range raw {
			values[i] = &raw[i]
		}
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		row := make([]any, len(columns))
		for i, b := range raw {
			if b != nil {
				row[i] = encodeValue(b)
			}
		}
		a.Rows = append(a.Rows, row)
	}
	return a, rows.Err()
}
