package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/realstore"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// The account on the stores and at the proxies, and how each client logs in.
const user, password = "app", "secret"

// The tables, with the same records.
const (
	kept  = "sessions"
	alone = "unguarded"
)

var (
	login = store.Login{
		User: user, Password: password,
		Capabilities: protocol.ClientDeprecateEOF | protocol.ClientMultiResults | protocol.ClientPSMultiResults,
		Collation:    45,
	}
	inApp = (*store.Session)(nil).WithDB("app")
)

// target is what clients connect to.
type target struct {
	name  string
	addr  string         // of the first door
	doors []*store.Store // one; two where clients write to both stores themselves
	pid   int            // of the proxy; 0: there is none, or it can't be seen
	pids  []int          // of the servers behind it
	// table is where the target's clients write. What writes to one store alone
	// has another table than what keeps the copies on both equal.
	table string
}

// newTarget returns a target at addresses. Nothing probes them.
func newTarget(name string, pid int, addrs ...string) *target {
	t := &target{name: name, addr: addrs[0], pid: pid, table: alone}
	for i, addr := range addrs {
		t.doors = append(t.doors, store.New(store.Config{
			Name: name + strconv.Itoa(i), Network: "tcp", Addr: addr,
			MaxConns: 1 << 20, ConnectTimeout: time.Minute, WaitTimeout: time.Minute,
			Log: slog.New(slog.DiscardHandler),
		}))
	}
	return t
}

// bed is all that runs during a measurement.
type bed struct {
	dir     string
	program string // of dsmproxy
	stores  []*realstore.Server
	witness *realstore.Server // nil at the level seed
	procs   []*exec.Cmd
	records int
	flush   int
	admin   string // where a proxy's admin address is to be; "": it has none
	way     string // to the stores that a proxy has; "": both, over TCP
	others  []*bed // of the levels safe and strict, each with servers of its own
}

// newBed starts two stores, and the witness that two need at the levels safe and
// strict, with their records: every record on both, which are
// its copies.
func newBed(ctx context.Context, program string, records, flush int, fenced bool) (b *bed, err error) {
	b = &bed{program: program, records: records, flush: flush}
	if b.dir, err = os.MkdirTemp("", "dsmproxy-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	server, err := realstore.Find(ctx)
	if err != nil {
		return nil, err
	}
	template := filepath.Join(b.dir, "template")
	if err := server.Prepare(ctx, template); err != nil {
		return nil, err
	}
	start := func(name string) (*realstore.Server, error) {
		return realstore.Start(ctx, realstore.Options{
			Program: server, Template: template, Dir: filepath.Join(b.dir, name),
			User: user, Password: password,
			Args: []string{
				"--max-connections=12000", "--innodb-buffer-pool-size=1G", "--back-log=4096",
				"--innodb-flush-log-at-trx-commit=" + strconv.Itoa(flush), "--skip-log-bin",
			},
		})
	}
	if fenced {
		if b.witness, err = start("w"); err != nil {
			return nil, err
		}
	}
	for i := range 2 {
		s, err := start("s" + strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		b.stores = append(b.stores, s)
		if err := fill(ctx, s, records); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// fill makes the table and its records.
func fill(ctx context.Context, s *realstore.Server, records int) error {
	db, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "CREATE DATABASE app"); err != nil {
		return err
	}
	for _, table := range []string{kept, alone} {
		if err := fillTable(ctx, db, "app."+table, records); err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
	}
	return nil
}

func fillTable(ctx context.Context, db *sql.DB, table string, records int) error {
	_, err := db.ExecContext(ctx, "CREATE TABLE "+table+" (id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, data LONGBLOB NOT NULL, expires INT UNSIGNED NOT NULL DEFAULT 0) ENGINE=InnoDB")
	if err != nil {
		return err
	}
	const batch = 1000
	for at := 0; at < records; at += batch {
		var text strings.Builder
		text.WriteString("INSERT INTO " + table + " VALUES ")
		for i := at; i < min(at+batch, records); i++ {
			fmt.Fprintf(&text, "('%s', REPEAT('x', 1000), 0),", key(i))
		}
		if _, err := db.ExecContext(ctx, strings.TrimSuffix(text.String(), ",")); err != nil {
			return err
		}
	}
	return nil
}

// resize gives every record another length.
func (b *bed) resize(ctx context.Context, payload int) error {
	for _, o := range b.others {
		if err := o.resize(ctx, payload); err != nil {
			return err
		}
	}
	for _, s := range b.stores {
		db, err := sql.Open("mysql", s.DSN("app"))
		if err != nil {
			return err
		}
		for _, table := range []string{kept, alone} {
			if err == nil {
				_, err = db.ExecContext(ctx, "UPDATE "+table+" SET data = REPEAT('x', ?)", payload)
			}
		}
		if err = errors.Join(err, db.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (b *bed) pids() []int {
	var pids []int
	for _, s := range b.stores {
		pids = append(pids, s.Pid())
	}
	if b.witness != nil {
		pids = append(pids, b.witness.Pid())
	}
	return pids
}

// over is a target whose servers are those of b.
func (b *bed) over(t *target) *target {
	t.pids = b.pids()
	return t
}

// direct is what there is without a proxy; both is a client that writes to both
// stores itself.
func (b *bed) direct() *target { return b.over(newTarget("direct", 0, b.stores[0].Addr())) }
func (b *bed) both() *target {
	return b.over(newTarget("direct, both stores", 0, b.stores[0].Addr(), b.stores[1].Addr()))
}

// dsmproxy starts the proxy at a consistency level; profile is a file for its
// processor profile, or "".
func (b *bed) dsmproxy(ctx context.Context, level string, maxConns int, profile string) (*target, error) {
	return b.variant(ctx, b.program, level, maxConns, profile)
}

// Ways to the stores that are measured beside the usual one.
const (
	wayUnix = "unix" // by their sockets
	wayOne  = "one"  // one store alone, with one copy
)

// variant is dsmproxy by another program. What it writes at the levels safe and
// strict nobody else may, so there it has stores of its own.
func (b *bed) variant(ctx context.Context, program, level string, maxConns int, profile string) (*target, error) {
	if level != "seed" && b.witness == nil {
		o, err := newBed(ctx, b.program, b.records, b.flush, true)
		if err != nil {
			return nil, err
		}
		b.others = append(b.others, o)
		return o.variant(ctx, program, level, maxConns, profile)
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(b.dir, "dsmproxy-"+strconv.Itoa(len(b.procs))+".toml")
	table, copies, addrs := kept, 2, []string{b.stores[0].Addr(), b.stores[1].Addr()}
	switch b.way {
	case wayUnix:
		addrs = []string{"unix:" + b.stores[0].Socket(), "unix:" + b.stores[1].Socket()}
	case wayOne:
		table, copies, addrs = alone, 1, addrs[:1]
	}
	text := fmt.Sprintf(`listen = %q
copies = %d
[limits]
max_clients = 20000
[pool]
max_conns = %d
[consistency]
level = %q
[admin]
listen = %q
[log]
level = "warn"
[[user]]
name = %q
password = %q
[[table]]
name = %q
key = "id"
`, addr, copies, maxConns, level, b.admin, user, password, table)
	for i, addr := range addrs {
		text += fmt.Sprintf("[[store]]\nname = \"s%d\"\naddr = %q\n", i, addr)
	}
	if b.witness != nil {
		text += fmt.Sprintf("[[witness]]\nname = \"w\"\naddr = %q\n", b.witness.Addr())
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	args := []string{"serve", "-config", config}
	if profile != "" {
		args = append(args, "-cpuprofile", profile)
	}
	pid, err := b.run(ctx, addr, program, args...)
	if err != nil {
		return nil, err
	}
	t := b.over(newTarget("dsmproxy "+level, pid, addr))
	t.table = table
	return t, serves(ctx, addr, table)
}

// serves waits until the proxy has made the stores a group.
func serves(ctx context.Context, addr, table string) error {
	db, err := sql.Open("mysql", user+":"+password+"@tcp("+addr+")/app")
	if err != nil {
		return err
	}
	defer db.Close()
	for range 60 {
		var n int
		err = db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table+" WHERE id = ?", key(0)).Scan(&n)
		if err == nil || ctx.Err() != nil {
			break
		}
		time.Sleep(time.Second)
	}
	return err
}

// haproxy starts HAProxy in TCP mode before the first store.
func (b *bed) haproxy(ctx context.Context) (*target, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(b.dir, "haproxy.cfg")
	text := fmt.Sprintf(`global
    maxconn 8000
defaults
    mode tcp
    timeout connect 10s
    timeout client 10m
    timeout server 10m
listen sessions
    bind %s
    server s0 %s
`, addr, b.stores[0].Addr())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	program, err := exec.LookPath("haproxy")
	if err != nil {
		program = "/usr/sbin/haproxy"
	}
	pid, err := b.run(ctx, addr, program, "-db", "-f", config)
	if err != nil {
		return nil, err
	}
	return b.over(newTarget("haproxy", pid, addr)), nil
}

// run starts a program and waits until it listens.
func (b *bed) run(ctx context.Context, addr, program string, args ...string) (pid int, err error) {
	c := exec.Command(program, args...)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return 0, err
	}
	b.procs = append(b.procs, c)
	for range 300 {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return c.Process.Pid, conn.Close()
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return 0, fmt.Errorf("%s does not listen at %s", program, addr)
}

// stop ends the process of a target, as an operator would.
func (b *bed) stop(t *target) error {
	for _, b := range append([]*bed{b}, b.others...) {
		for _, p := range b.procs {
			if p.Process.Pid == t.pid {
				if err := p.Process.Signal(syscall.SIGTERM); err != nil {
					return err
				}
				return p.Wait()
			}
		}
	}
	return fmt.Errorf("no process of %s", t.name)
}

func (b *bed) close() {
	for _, p := range b.procs {
		if p.ProcessState == nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	}
	for _, s := range b.stores {
		_ = s.Close()
	}
	if b.witness != nil {
		_ = b.witness.Close()
	}
	for _, o := range b.others {
		o.close()
	}
	_ = os.RemoveAll(b.dir)
}

// peer is a target that runs already: "name:port" or "name:host:port".
func peer(text string) (*target, error) {
	name, addr, ok := strings.Cut(text, ":")
	if !ok || name == "" {
		return nil, fmt.Errorf("peer %q: want name:port or name:host:port", text)
	}
	if !strings.Contains(addr, ":") {
		addr = "127.0.0.1:" + addr
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("peer %q: %w", text, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("peer %q: %w", text, err)
	}
	return newTarget(name, listener(n), addr), nil
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
