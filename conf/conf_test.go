package conf

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const least = `
listen = "127.0.0.1:3307"
copies = 2
[[user]]
name = "app"
password = "secret"
[[store]]
name = "s1"
addr = "10.0.0.1:3306"
[[store]]
name = "s2"
addr = "10.0.0.2"
[[table]]
name = "sessions"
key  = "id"
`

func TestLeastConfiguration(t *testing.T) {
	got, err := Parse("dsmproxy.toml", []byte(least))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Users = []User{{Name: "app", Password: "secret"}}
	want.Stores = []Store{
		{Name: "s1", Addr: "10.0.0.1:3306", Weight: 1, TLS: StoreTLS{Mode: "off"}},
		{Name: "s2", Addr: "10.0.0.2:3306", Weight: 1, TLS: StoreTLS{Mode: "off"}},
	}
	want.Tables = []Table{{Name: "sessions", Key: "id", Collation: "exact"}}
	if want.Consistency.Fenced() { // the default level
		want.Consistency.Quorum, want.Tables[0].Collation = "solo", "auto"
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Parse(least) = %+v, want %+v", got, want)
	}
}

func TestEverySetting(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "app.secret", "from file\n")
	t.Setenv("DSMPROXY_TEST_SECRET", "from env")
	file := writeFile(t, dir, "all.toml", `
listen = "unix:/run/dsmproxy//proxy.sock"
watch = true
copies = 1
placement = "rendezvous"
other_tables = "b"
compression = ["zstd"]
proxy_protocol = ["10.0.0.0/8", "::1", "unix"]
user = [ {name = "inline", password_env = "DSMPROXY_TEST_SECRET"},
         {name = "file", password_file = "app.secret"} ]
[tls]
off = true
[limits]
max_clients = 5
max_pending_logins = 6
max_allowed_packet = "16M"
handshake_timeout = "1500ms"
idle_timeout = "1h30m"
max_user_clients = 9
max_login_failures = 10
statement_timeout = "11s"
drain_delay = "12s"
drain_timeout = "13s"
[health]
connect_timeout = "2s"
probe_interval = "3s"
probe_timeout = "4s"
[pool]
max_conns = 7
max_idle = 6
max_lifetime = 0
wait_timeout = "8s"
[log]
level = "debug"
format = "json"
slow_statement = "14ms"
[admin]
listen = "0.0.0.0:8307"
user = "ops"
password_file = "app.secret"
[metrics]
histograms = false
timed_every = 15
open = true
[consistency]
level = "safe"
min_copies = 1
view_lease = "16s"
detect = "17s"
quorum = "auto"
patience = "36s"
[[store]]
name = "a"
addr = "[::2]"
user = "proxy"
password = ""
weight = 2
zone = "z1"
[store.tls]
mode = "require"
server_name = "db"
[[store]]
name = "b"
addr = "unix:/run/mysqld/mysqld.sock"
weight = 0.5
tls = { mode = "verify-ca" }
[[witness]]
name = "w"
addr = "c"
user = "vote"
password = "x"
tls = { mode = "require" }
[[table]]
schema = "shop"
preset = "rails"
name = "web_sessions"
secondary = ["parts(session_id)"]
columns = ["id", "session_id", "data"]
collation = "ci"
number = 19
`)
	got, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Listen:      "unix:/run/dsmproxy/proxy.sock",
		Copies:      1,
		Placement:   "rendezvous",
		OtherTables: "b",
		Compression: []string{"zstd"}, ProxyProtocol: []string{"10.0.0.0/8", "::1", "unix"},
		TLS: ClientTLS{Off: true},
		Limits: Limits{MaxClients: 5, MaxPendingLogins: 6, MaxAllowedPacket: 16 << 20, HandshakeTimeout: 1500 * time.Millisecond, IdleTimeout: 90 * time.Minute,
			MaxUserClients: 9, MaxLoginFailures: 10, StatementTimeout: 11 * time.Second, DrainDelay: 12 * time.Second, DrainTimeout: 13 * time.Second},
		Health:  Health{ConnectTimeout: 2 * time.Second, ProbeInterval: 3 * time.Second, ProbeTimeout: 4 * time.Second},
		Pool:    Pool{MaxConns: 7, MaxIdle: 6, WaitTimeout: 8 * time.Second},
		Log:     Log{Level: "debug", Format: "json", SlowStatement: 14 * time.Millisecond},
		Admin:   Admin{Listen: "0.0.0.0:8307", User: "ops", Password: "from file", PasswordFile: "app.secret"},
		Metrics: Metrics{TimedEvery: 15, Open: true},
		Watch:   true,
		Consistency: Consistency{Level: "safe", MinCopies: 1, ViewLease: 16 * time.Second, Detect: 17 * time.Second,
			Quorum: "auto", Patience: 36 * time.Second},
		Witnesses: []Witness{{Name: "w", Addr: "c:3306", User: "vote", Password: "x", TLS: StoreTLS{Mode: "require"}}},
		Users: []User{
			{Name: "inline", Password: "from env", PasswordEnv: "DSMPROXY_TEST_SECRET"},
			{Name: "file", Password: "from file", PasswordFile: "app.secret"},
		},
		Stores: []Store{
			{Name: "a", Addr: "[::2]:3306", User: "proxy", Weight: 2, Zone: "z1", TLS: StoreTLS{Mode: "require", ServerName: "db"}},
			{Name: "b", Addr: "unix:/run/mysqld/mysqld.sock", Weight: 0.5, TLS: StoreTLS{Mode: "verify-ca"}},
		},
		Tables: []Table{{
			Schema: "shop", Name: "web_sessions", Key: "session_id", Preset: "rails", Surrogate: "id",
			Secondary: []string{"parts(session_id)"}, Columns: []string{"id", "session_id", "data"}, Collation: "auto", Number: 19, // "ci" at the level seed
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Load(all.toml) = %+v, want %+v", got, want)
	}
}

func TestLoadUnreadable(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"))
	if err == nil || !strings.Contains(err.Error(), "none.toml") {
		t.Errorf("Load of a missing file: %v, want an error that names it", err)
	}
}

// TestPresets holds each preset to what a table must have.
func TestPresets(t *testing.T) {
	for _, name := range Presets() {
		c, err := Parse("t.toml", []byte(strings.Replace(least, `name = "sessions"
key  = "id"`, `preset = "`+name+`"`, 1)))
		if err != nil {
			t.Errorf("preset %q: %v", name, err)
			continue
		}
		if got := c.Tables[0]; got.Name == "" || got.Key == "" {
			t.Errorf("preset %q gives %+v, want a name and a key", name, got)
		}
	}
}

func writeFile(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
