package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dsmproxy/dsmproxy/internal/admin"
	"github.com/dsmproxy/dsmproxy/internal/realstore"
)

// run runs a command of dsmproxy on the cluster's configuration and returns
// what it prints on both outputs, and whether it exited with 0.
func (c *cluster) run(t testing.TB, args ...string) (string, bool) {
	t.Helper()
	args = append([]string{args[0], "-config", c.config}, args[1:]...)
	out, err := exec.Command(suite.Program(t), args...).CombinedOutput()
	return string(out), err == nil
}

// status asks the proxy how it is.
func (c *cluster) status(t testing.TB) *admin.Status {
	t.Helper()
	s, err := (&admin.Remote{URL: c.Admin}).Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// store is one store of a status.
func (c *cluster) store(t testing.TB, name string) admin.Store {
	t.Helper()
	for _, s := range c.status(t).Stores {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("the status has no store %s", name)
	return admin.Store{}
}

// get asks the admin address for a path.
func (c *cluster) get(t testing.TB, path string) (code int, body string) {
	t.Helper()
	resp, err := http.Get(c.Admin + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// TestStatus: what happens is seen in the status, the command's table, and the
// metrics.
func TestStatus(t *testing.T) {
	c := startCluster(t, options{stores: 3, copies: 2})
	db := c.client(t)
	for i := range 50 {
		mustExec(t, db, "INSERT INTO sessions (id, data) VALUES (?, 'x')", fmt.Sprint("key", i))
	}
	var data string
	if err := db.QueryRow("SELECT data FROM sessions WHERE id = 'key1'").Scan(&data); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := db.Exec("SELECT * FROM sessions JOIN other ON sessions.id = 'a secret'"); err == nil {
			t.Fatal("a join with another table is not refused")
		}
	}
	eventually(t, 30*time.Second, "the records to be counted, and all stores to be probed", func() bool {
		sum := int64(0)
		for _, s := range c.status(t).Stores {
			sum += s.Records
			if s.Ping == 0 {
				return false
			}
		}
		return sum > 0
	})
	s := c.status(t)
	counts := map[string]uint64{}
	for _, k := range s.Traffic {
		counts[k.Kind] = k.Count
	}
	if s.State != "ready" || counts["write"] != 50 || counts["read"] != 3 || s.Errors["proxy"] != 2 || s.Clients.Now == 0 {
		t.Errorf("status: state %s, traffic %v, errors %v, clients %v", s.State, counts, s.Errors, s.Clients)
	}
	if len(s.Refusals) != 1 || s.Refusals[0].Count != 2 || !strings.Contains(s.Refusals[0].Example, "sessions.id = ?") {
		t.Errorf("refusals: %+v", s.Refusals)
	}
	share := 0.0
	for _, st := range s.Stores {
		share += st.Share
		if st.State != "up" || st.Ping <= 0 || st.Open == 0 || st.Version == "" || st.Sent == 0 {
			t.Errorf("store: %+v", st)
		}
	}
	if share < 1.99 || share > 2.01 {
		t.Errorf("the stores' shares are %v in all, want 2 copies", share)
	}
	out, ok := c.run(t, "status")
	if !ok || !strings.Contains(out, "ready") || strings.Contains(out, "\x1b") || !strings.Contains(out, "s2") {
		t.Errorf("dsmproxy status: %s", out)
	}
	out, ok = c.run(t, "status", "--json")
	var again admin.Status
	if !ok || json.Unmarshal([]byte(out), &again) != nil || len(again.Stores) != 3 {
		t.Errorf("dsmproxy status --json: %s", out)
	}
	_, text := c.get(t, "/metrics")
	for _, want := range []string{
		`dsmproxy_statements_total{kind="write"} 50`, `dsmproxy_store_up{store="s0"} 1`,
		`dsmproxy_refusals_total 2`, `dsmproxy_statement_seconds_bucket{kind="write",le="0.001"}`,
		`dsmproxy_store_seconds_count{store="s1"}`, `dsmproxy_build_info{commit=`, "go_goroutines",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// TestStatusOfDeadStore: a store that dies is seen within two seconds, and so
// is what is kept for it; /readyz follows the last one.
func TestStatusOfDeadStore(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2, level: "seed"}) // which keeps statements for it
	c.client(t)
	if err := c.nodes[0].Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	eventually(t, 30*time.Second, "the dead store to be seen", func() bool { return c.store(t, "s0").State == "down" })
	if took := time.Since(killed); took > 2*time.Second {
		t.Logf("it took %v", took)
	}
	s := c.store(t, "s0")
	if s.LastError == "" || s.Doing == "" || s.Downs != 1 || time.Since(s.Since) > time.Minute {
		t.Errorf("the dead store: %+v", s)
	}
	mustExec(t, c.client(t), "ALTER TABLE sessions COMMENT 'missed'")
	if n := c.store(t, "s0").Backlog.Pending; n != 1 {
		t.Errorf("%d statements are kept for the dead store, want 1", n)
	}
	if code, body := c.get(t, "/readyz"); code != http.StatusOK {
		t.Errorf("/readyz with one store: %d %s", code, body)
	}
	if err := c.nodes[1].Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "/readyz to say no", func() bool {
		code, body := c.get(t, "/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "no store is up")
	})
	if code, _ := c.get(t, "/healthz"); code != http.StatusOK {
		t.Error("/healthz says no though the process lives: it would be killed for its stores")
	}
	restart(t, c.nodes[0].Server)
	eventually(t, 30*time.Second, "the backlog to be run", func() bool {
		s := c.store(t, "s0")
		return s.State == "up" && s.Backlog.Pending == 0 && s.Backlog.Replayed == 1
	})
}

func restart(t testing.TB, s *realstore.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestDrainStore: a store that is drained gets no new record, what runs there
// ends, and it is used again afterwards.
func TestDrainStore(t *testing.T) {
	c := startCluster(t, options{stores: 3, copies: 1, level: "seed"}) // TestDrainFenced is for the others
	db := c.client(t)
	key := "drained"
	first := c.orders(t, key)[key][0]
	txn, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := txn.Exec("INSERT INTO sessions (id, data) VALUES (?, 'kept')", key); err != nil {
		t.Fatal(err)
	}
	if out, ok := c.run(t, "drain", first); !ok || !strings.Contains(out, first+" gets no new statements; 1 connection is still in use") {
		t.Fatalf("drain under a transaction: %s", out)
	}
	if s := c.store(t, first); s.State != "drained" {
		t.Errorf("the drained store is %s", s.State)
	}
	if c.Log.Find("store is out of service") != "" {
		t.Error("the log tells the end of the drain before that of the transaction")
	}
	if err := txn.Commit(); err != nil {
		t.Errorf("a transaction on a store that is drained: %v", err)
	}
	eventually(t, 30*time.Second, "the log to tell the end of the drain", func() bool { return c.Log.Find("store is out of service") != "" })
	if out, ok := c.run(t, "drain", first); !ok || !strings.Contains(out, first+" is out of service: it can be stopped") {
		t.Errorf("drain of what is drained: %s", out)
	}
	mustExec(t, db, "INSERT INTO sessions (id, data) VALUES (?, 'elsewhere')", key) // not a duplicate there
	if out, ok := c.run(t, "undrain", first); !ok {
		t.Fatal(out)
	}
	var data string
	if err := db.QueryRow("SELECT data FROM sessions WHERE id = ?", key).Scan(&data); err != nil || data != "kept" {
		t.Errorf("after undrain the record is %q, %v", data, err)
	}
	if out, ok := c.run(t, "drain", "nosuch"); ok || !strings.Contains(out, "nosuch") {
		t.Errorf("draining an unknown store: %s", out)
	}
}

// TestDrainFenced: at the level safe a record stays readable and writable while a
// store that holds it is drained, and is whole afterwards.
func TestDrainFenced(t *testing.T) {
	c := startCluster(t, options{stores: 3, copies: 2, level: "safe"})
	c.awaitHeal(t) // before which no store can be spared
	db := c.client(t)
	key := "drained"
	first := c.orders(t, key)[key][0]
	reads := func(want string) {
		t.Helper()
		var data string
		if err := db.QueryRow("SELECT data FROM sessions WHERE id = ?", key).Scan(&data); err != nil || data != want {
			t.Errorf("the record is %q, %v, want %q", data, err, want)
		}
	}
	mustExec(t, db, "INSERT INTO sessions (id, data) VALUES (?, 'kept')", key)
	if out, ok := c.run(t, "drain", first); !ok {
		t.Fatal(out)
	}
	if s := c.store(t, first); s.State != "drained" {
		t.Errorf("the drained store is %s", s.State)
	}
	reads("kept")
	mustExec(t, db, "UPDATE sessions SET data = 'changed' WHERE id = ?", key)
	if out, ok := c.run(t, "undrain", first); !ok {
		t.Fatal(out)
	}
	reads("changed")
	if out, ok := c.run(t, "drain", "nosuch"); ok || !strings.Contains(out, "nosuch") {
		t.Errorf("draining an unknown store: %s", out)
	}
}

// TestKillClient: the commands clients and kill.
func TestKillClient(t *testing.T) {
	c := startCluster(t, options{stores: 1, copies: 1})
	conn, err := c.client(t).Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var id int
	if err := conn.QueryRowContext(context.Background(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	out, ok := c.run(t, "clients")
	if !ok || !strings.Contains(out, fmt.Sprintf("\n%d ", id)) {
		t.Errorf("dsmproxy clients: %s", out)
	}
	if _, err := conn.ExecContext(context.Background(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "the transaction to be shown", func() bool {
		table, _ := c.run(t, "clients")
		list, _ := c.run(t, "clients", "-json")
		return strings.Contains(table, "idle, in transaction") && strings.Contains(list, `"in_transaction":true`)
	})
	if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := conn.ExecContext(context.Background(), "SELECT SLEEP(60)")
		done <- err
	}()
	eventually(t, 30*time.Second, "the statement to run", func() bool {
		out, _ := c.run(t, "clients", "-json")
		return strings.Contains(out, `"running"`)
	})
	if out, ok := c.run(t, "kill", "-statement", fmt.Sprint(id)); !ok {
		t.Fatal(out)
	}
	if err := <-done; err != nil {
		if e, ok := err.(*mysql.MySQLError); !ok || e.Number != 1317 {
			t.Errorf("the killed statement: %v", err)
		}
	}
	if out, ok := c.run(t, "kill", fmt.Sprint(id)); !ok {
		t.Fatal(out)
	}
	eventually(t, 30*time.Second, "the client to be gone", func() bool { return len(c.status(t).Stores) > 0 && c.status(t).Clients.Now == 0 })
	if out, ok := c.run(t, "kill", fmt.Sprint(id)); ok || !strings.Contains(out, "not found") {
		t.Errorf("killing a client that has gone: %s", out)
	}
}

// TestAskRunningProxy: route and explain answer alike from a file and from the
// proxy that runs by it. At the levels safe and strict, which spellings are one
// key is known to the latter alone: TestRouteAsSpelled.
func TestAskRunningProxy(t *testing.T) {
	for _, level := range []string{"safe", "seed"} {
		c := startCluster(t, options{stores: 2, copies: 2, level: level,
			storeSQL: "ALTER TABLE app.sessions MODIFY id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL"})
		commands := [][]string{
			{"explain", "-json", "SELECT data FROM sessions WHERE id = ?", "k1"},
			{"explain", "UPDATE sessions SET data = 'x' WHERE id = 'k2'"},
		}
		if !c.fenced {
			commands = append(commands, []string{"route", "-json", "k1", "k\xff"})
		}
		for _, args := range commands {
			fromFile, ok := c.run(t, args...)
			if !ok {
				t.Fatalf("%q: %s", args, fromFile)
			}
			asked := append([]string{args[0], "-admin", c.Admin}, args[1:]...)
			out, err := exec.Command(suite.Program(t), asked...).CombinedOutput()
			if err != nil || string(out) != fromFile {
				t.Errorf("%q asks the proxy: %s, %v; the file: %s", args, out, err, fromFile)
			}
		}
		if !c.fenced {
			continue
		}
		// What the column calls one key has one order, which both tell.
		for i := range 5 {
			id := fmt.Sprint("K", i)
			var orders []string
			for _, args := range [][]string{
				{"route", "-json", strings.ToLower(id)}, {"route", "-json", "-table", "app.sessions", id},
				{"explain", "-json", "-db", "app", "SELECT data FROM sessions WHERE id = '" + id + "'"},
				{"explain", "-json", "SELECT data FROM app.sessions WHERE id = '" + id + "'"},
			} {
				var answer struct {
					Order []string
					Note  string
				}
				asked := append([]string{args[0], "-admin", c.Admin}, args[1:]...)
				out, err := exec.Command(suite.Program(t), asked...).CombinedOutput()
				if err != nil || json.Unmarshal(out, &answer) != nil || answer.Note != "" {
					t.Fatalf("%q asks the proxy: %s, %v", args, out, err)
				}
				orders = append(orders, strings.Join(answer.Order, " "))
			}
			if out, err := exec.Command(suite.Program(t), "route", "-admin", c.Admin, "-table", "sessions", id).CombinedOutput(); err != nil || !strings.Contains(string(out), "as spelled") {
				t.Errorf("the order by a table of unknown schema: %s, %v", out, err)
			}
			if slices.Sort(orders); len(slices.Compact(orders)) != 1 {
				t.Errorf("the spellings of %s have the orders %q, want one", id, orders)
			}
		}
	}
}

// TestAdminPassword: the page, the actions and the metrics need the password,
// what Kubernetes probes does not.
func TestAdminPassword(t *testing.T) {
	c := startCluster(t, options{stores: 1, copies: 1, admin: `password = "geheim"`})
	for path, want := range map[string]int{"/": 401, "/api/status": 401, "/metrics": 401, "/healthz": 200} {
		if code, _ := c.get(t, path); code != want {
			t.Errorf("%s without a password: %d, want %d", path, code, want)
		}
	}
	eventually(t, 30*time.Second, "/readyz without a password to say yes", func() bool {
		code, _ := c.get(t, "/readyz")
		return code == http.StatusOK
	})
	if out, ok := c.run(t, "status"); !ok {
		t.Errorf("dsmproxy status with the configuration: %s", out)
	}
	cmd := exec.Command(suite.Program(t), "status", "-admin", c.Admin)
	if out, err := cmd.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("DSMPROXY_ADMIN_PASSWORD")) {
		t.Errorf("dsmproxy status without a password: %s", out)
	}
	cmd = exec.Command(suite.Program(t), "status", "-admin", c.Admin)
	cmd.Env = append(os.Environ(), "DSMPROXY_ADMIN_PASSWORD=geheim")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("dsmproxy status with the password: %s", out)
	}
}

// TestDrainOnTerm: after SIGTERM /readyz says no, clients are let in for
// drain_delay, and a transaction ends before the proxy does.
func TestDrainOnTerm(t *testing.T) {
	c := startCluster(t, options{stores: 1, copies: 1, sections: "\n[limits]\ndrain_delay = \"3s\"\ndrain_timeout = \"20s\"\n"})
	txn, err := c.client(t).Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := txn.Exec("INSERT INTO sessions (id, data) VALUES ('k', 'v')"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(c.Pid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "/readyz to say no", func() bool {
		code, body := c.get(t, "/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "draining") || code == 0
	})
	if err := c.client(t).Ping(); err != nil {
		t.Errorf("a client during drain_delay: %v", err)
	}
	eventually(t, 30*time.Second, "the listener to be closed", func() bool { return c.client(t).Ping() != nil })
	if _, err := txn.Exec("UPDATE sessions SET data = 'w' WHERE id = 'k'"); err != nil {
		t.Errorf("a transaction during drain_timeout: %v", err)
	}
	if err := txn.Commit(); err != nil {
		t.Errorf("COMMIT during drain_timeout: %v", err)
	}
	eventually(t, 30*time.Second, "the log to tell the end of the clients", func() bool { return strings.Contains(c.Log.Find("clients are gone"), " cut_off=0 ") })
	var data string
	if err := c.nodes[0].db.QueryRow("SELECT data FROM app.sessions WHERE id = 'k'").Scan(&data); err != nil || data != "w" {
		t.Errorf("the record is %q, %v", data, err)
	}
}
