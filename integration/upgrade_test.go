package integration

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

var handedOver = regexp.MustCompile(`handed over.*\bto_process=(\d+)`)

// generations are the processes of a proxy that was upgraded, the first left
// out.
func (c *cluster) generations() []int {
	var pids []int
	for _, m := range handedOver.FindAllStringSubmatch(c.Log.String(), -1) {
		pid, _ := strconv.Atoi(m[1])
		pids = append(pids, pid)
	}
	return pids
}

// newest is the process that accepts clients.
func (c *cluster) newest() int {
	if pids := c.generations(); len(pids) > 0 {
		return pids[len(pids)-1]
	}
	return c.Pid()
}

// upgrade has the proxy hand over to a new process of the program.
func (c *cluster) upgrade(t testing.TB) {
	t.Helper()
	before := len(c.generations())
	if before == 0 {
		t.Cleanup(func() { c.endAll(t) })
	}
	if err := syscall.Kill(c.newest(), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the proxy to hand over", func() bool { return len(c.generations()) > before })
}

// endAll ends the processes that run with the cluster's configuration, also
// those that have not got as far as to be logged.
func (c *cluster) endAll(t testing.TB) {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Error(err)
	}
	for _, path := range all {
		line, err := os.ReadFile(path)
		if pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && strings.Contains(string(line), "serve\x00-config\x00"+c.config+"\x00") {
			_ = syscall.Kill(pid, syscall.SIGTERM) // it may have ended
		}
	}
	if t.Failed() {
		t.Logf("end of the proxies' log:\n%s", c.Log.Tail(60))
	}
}

// alive reports whether a process runs; one that nobody has waited for does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// visitors are clients while something happens to the proxy. They count their
// statements, and none may fail.
type visitors struct {
	t          *testing.T
	ctx        context.Context
	wg         sync.WaitGroup
	statements atomic.Int64
	clients    atomic.Int64 // connections, of those that connect for each visit
	mu         sync.Mutex   // guards what follows
	errors     []string
}

// run runs visit again and again, with a pause behind it.
func (v *visitors) run(who string, pause func() time.Duration, visit func(id string, n int) error) {
	v.wg.Go(func() {
		for n := 1; v.ctx.Err() == nil; n++ {
			if err := visit(who, n); err != nil {
				said := fmt.Sprintf("%s %s: %v", time.Now().Format("15:04:05.000"), who, err)
				v.mu.Lock()
				v.errors = append(v.errors, said)
				v.mu.Unlock()
			}
			select {
			case <-v.ctx.Done():
			case <-time.After(pause()):
			}
		}
	})
}

// querier is a pool, a connection or a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// connecting is a visit by a client that connects for it.
func (v *visitors) connecting(db *sql.DB) func(id string, n int) error {
	return func(id string, n int) error {
		conn, err := db.Conn(context.Background())
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		defer conn.Close()
		v.clients.Add(1)
		return v.writeAndRead(conn, id, n)
	}
}

// writeAndRead is a visit: it writes a record and reads it.
func (v *visitors) writeAndRead(q querier, id string, n int) error {
	ctx := context.Background()
	if _, err := q.ExecContext(ctx, "REPLACE INTO sessions (id, data, expires) VALUES (?, ?, 1)", id, strconv.Itoa(n)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	v.statements.Add(1)
	return v.reads(q, id, n)
}

func (v *visitors) reads(q querier, id string, n int) error {
	var got int
	if err := q.QueryRowContext(context.Background(), "SELECT data FROM sessions WHERE id = ?", id).Scan(&got); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	v.statements.Add(1)
	if got != n {
		return fmt.Errorf("read %d, want %d", got, n)
	}
	return nil
}

// visit starts clients of all kinds: some connect for each visit, some are a pool
// that looks at a connection before it uses it, some one that does so after a
// pause, and some are pools' transactions.
func (c *cluster) visit(t *testing.T) (v *visitors, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	v = &visitors{t: t, ctx: ctx}
	short := func() time.Duration { return time.Duration(rand.IntN(100)) * time.Millisecond }
	mostlyShort := func() time.Duration {
		if rand.IntN(8) == 0 {
			return 4 * time.Second
		}
		return short()
	}
	plain := func(c *mysql.Config) { c.InterpolateParams = true }
	fresh := c.client(t, plain)
	fresh.SetMaxIdleConns(-1)
	for i := range 50 {
		v.run(fmt.Sprint("fresh-", i), short, v.connecting(fresh))
	}
	pool := c.client(t)
	pool.SetMaxIdleConns(30)
	for i := range 10 {
		v.run(fmt.Sprint("pool-busy-", i), short, func(id string, n int) error { return v.writeAndRead(pool, id, n) })
		v.run(fmt.Sprint("pool-", i), mostlyShort, func(id string, n int) error { return v.writeAndRead(pool, id, n) })
		v.run(fmt.Sprint("transaction-", i), mostlyShort, func(id string, n int) error {
			tx, err := pool.Begin()
			if err != nil {
				return err
			}
			defer tx.Rollback()
			if err := v.writeAndRead(tx, id, n); err != nil {
				return err
			}
			time.Sleep(short())
			if err := v.reads(tx, id, n); err != nil {
				return err
			}
			return tx.Commit()
		})
	}
	checked := c.client(t, plain, func(c *mysql.Config) { c.CheckConnLiveness = false })
	checked.SetMaxIdleConns(-1)
	for i := range 5 {
		var conn *sql.Conn
		var used time.Time
		v.run(fmt.Sprint("checked-", i), mostlyShort, func(id string, n int) (err error) {
			if conn != nil && time.Since(used) > 200*time.Millisecond && conn.PingContext(context.Background()) != nil {
				conn.Close()
				conn = nil
			}
			if conn == nil {
				if conn, err = checked.Conn(context.Background()); err != nil {
					return fmt.Errorf("connect: %w", err)
				}
			}
			err = v.writeAndRead(conn, id, n)
			used = time.Now()
			return err
		})
	}
	stop = sync.OnceFunc(func() {
		cancel()
		v.wg.Wait()
	})
	t.Cleanup(stop)
	return v, stop
}

// judge prints what has happened, and fails for each error.
func (v *visitors) judge(what string) {
	v.t.Helper()
	v.t.Logf("%s: statements=%d connections=%d errors=%d", what, v.statements.Load(), v.clients.Load(), len(v.errors))
	for i, e := range v.errors {
		if i < 15 {
			v.t.Error(e)
		}
	}
}

// progress waits for n more statements.
func (v *visitors) progress(n int64) {
	v.t.Helper()
	want := v.statements.Load() + n
	eventually(v.t, time.Minute, fmt.Sprint(n, " more statements"), func() bool { return v.statements.Load() >= want })
}

// TestUpgradeUnderLoad: the program is started anew four times, the last two
// without a pause, and no client sees an error, whatever it does with its
// connection: all of them are passed on.
func TestUpgradeUnderLoad(t *testing.T) {
	for _, level := range []string{"seed", "safe"} {
		t.Run(level, func(t *testing.T) { testUpgradeUnderLoad(t, level) })
	}
}

func testUpgradeUnderLoad(t *testing.T, level string) {
	// On a busy machine a store that is well takes its time, also to let in.
	c := startCluster(t, options{
		stores: 3, copies: 2, level: level, storeArgs: []string{"--max-connections=2000"},
		sections: "\n[limits]\ndrain_timeout = \"60s\"\n[health]\nconnect_timeout = \"30s\"\nprobe_timeout = \"30s\"\n[pool]\nwait_timeout = \"30s\"\n",
	})
	v, stop := c.visit(t)
	stopStubborn := v.stubborn(t, c)
	for range 2 {
		v.progress(500)
		c.upgrade(t)
	}
	v.progress(500)
	c.upgrade(t)
	c.upgrade(t)
	v.progress(500)
	pids := append([]int{c.Pid()}, c.generations()...)
	for _, pid := range pids[:len(pids)-1] {
		eventually(t, time.Minute, "the predecessors to end", func() bool { return !alive(pid) })
	}
	v.progress(500)
	stop()
	stopStubborn()
	upgrades, passed, closed := c.passedOn(t)
	if upgrades != 4 || passed == 0 || closed != 0 {
		t.Errorf("%d upgrades: %d clients passed on, %d closed", upgrades, passed, closed)
	}
	v.judge(fmt.Sprintf("%d upgrades, %d clients passed on, %d closed", upgrades, passed, closed))
}

// TestUpgrade: a successor that can't start changes nothing; one that can takes
// over a socket's path, and the stores that are out of service.
func TestUpgrade(t *testing.T) {
	c := startStores(t, options{stores: 2, copies: 2, level: "seed"}) // at the others the stores keep what is drained
	path := filepath.Join(t.TempDir(), "proxy.sock")
	data, err := os.ReadFile(c.config)
	if err != nil {
		t.Fatal(err)
	}
	c.edit(t, strings.SplitN(string(data), "\n", 2)[0], fmt.Sprintf("listen = %q", "unix:"+path))
	// A proxy that was killed has left its socket behind.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	c.Proxy = suite.Serve(t, c.config)
	ping := func() {
		t.Helper()
		if err := c.client(t, func(m *mysql.Config) { m.Net, m.Addr = "unix", path }).Ping(); err != nil {
			t.Error(err)
		}
	}
	ping()
	if out, ok := c.run(t, "drain", "-force", "s1"); !ok {
		t.Fatal(out)
	}
	c.edit(t, "copies = 2", "copies = 5")
	if err := syscall.Kill(c.Pid(), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the upgrade to be refused", func() bool { return strings.Contains(c.Log.String(), "no successor") })
	ping()
	c.edit(t, "copies = 5", "copies = 2")
	first := c.Pid()
	c.upgrade(t)
	eventually(t, time.Minute, "the predecessor to end", func() bool { return !alive(first) })
	ping()
	if s := c.store(t, "s1"); s.State != "drained" {
		t.Errorf("the store that was taken out of service: %+v", s)
	}
	if err := syscall.Kill(c.newest(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the socket to be removed", func() bool { _, err := os.Stat(path); return os.IsNotExist(err) })
}

// TestSocketActivation: sockets that another process has opened, as systemd
// does, are used; who connects while no proxy runs waits for the next one.
func TestSocketActivation(t *testing.T) {
	c := startStores(t, options{stores: 1, copies: 1})
	listen := func() *net.TCPListener {
		l, err := net.Listen("tcp", proxytest.FreeAddr(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l.(*net.TCPListener)
	}
	clients, operators := listen(), listen()
	addr := clients.Addr().String()
	start := func() *exec.Cmd {
		t.Helper()
		cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh", suite.Program(t), "serve", "-config", c.config)
		cmd.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDNAMES=dsmproxy.socket:admin")
		for _, l := range []interface{ File() (*os.File, error) }{clients, operators} {
			f, err := l.File()
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		return cmd
	}
	first := start()
	db := open(t, addr)
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	if err := first.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err != nil {
		t.Errorf("the first proxy ended with %v", err)
	}
	waiting := make(chan error, 10)
	for range cap(waiting) {
		go func() { waiting <- open(t, addr, func(c *mysql.Config) { c.Timeout = time.Minute }).Ping() }()
	}
	start()
	for range cap(waiting) {
		if err := <-waiting; err != nil {
			t.Errorf("who has connected while no proxy ran: %v", err)
		}
	}
	s, err := (&admin.Remote{URL: "http://" + operators.Addr().String()}).Status(context.Background())
	if err != nil || s.Listen != addr {
		t.Errorf("status: %+v, %v", s, err)
	}
}
