// Package conf reads dsmproxy's configuration file: TOML into a [Config] with
// its defaults filled in, every problem reported at once with its line and
// key. It is imported by cmd/dsmproxy only; each package has a config of its
// own, which cmd fills.
//
// It refuses what would lose sessions (two stores that are one server, more
// copies than stores) and what would be ignored (a weight with a placement that
// has none): whoever wrote it meant something by it.
package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config is a whole configuration. Durations are written "1s", sizes "64MiB".
type Config struct {
	Listen    string `toml:"listen"` // host:port or unix:/path; see [SplitAddr]
	Copies    int    `toml:"copies"`
	Placement string `toml:"placement"` // php | php-legacy | rendezvous
	// OtherTables is "refuse" or the name of the store that serves all tables
	// that are not configured.
	OtherTables string `toml:"other_tables"`
	// Compression lists what clients are offered: "zlib", "zstd"; none if empty.
	Compression []string `toml:"compression"`
	// ProxyProtocol lists who may say by the PROXY protocol for whom they
	// connect; see [ProxyNetworks].
	ProxyProtocol []string `toml:"proxy_protocol"`
	// Watch reloads the file when it has changed.
	Watch bool `toml:"watch"`

	TLS         ClientTLS   `toml:"tls"`
	Limits      Limits      `toml:"limits"`
	Health      Health      `toml:"health"`
	Pool        Pool        `toml:"pool"`
	Log         Log         `toml:"log"`
	Admin       Admin       `toml:"admin"`
	Metrics     Metrics     `toml:"metrics"`
	Consistency Consistency `toml:"consistency"`
	Users       []User      `toml:"user"`
	Stores      []Store     `toml:"store"`
	Witnesses   []Witness   `toml:"witness"`
	Tables      []Table     `toml:"table"`
}

// ClientTLS is TLS towards clients.
type ClientTLS struct {
	Cert    string `toml:"cert"` // PEM files; without them a self-signed certificate is made at start
	Key     string `toml:"key"`
	CA      string `toml:"ca"`      // verify client certificates against it, if given
	Require bool   `toml:"require"` // refuse clients without TLS
	Off     bool   `toml:"off"`     // offer none
}

// Limits bound what clients may use.
type Limits struct {
	MaxClients       int           `toml:"max_clients"`
	MaxPendingLogins int           `toml:"max_pending_logins"`
	MaxAllowedPacket int64         `toml:"max_allowed_packet"`
	HandshakeTimeout time.Duration `toml:"handshake_timeout"`
	IdleTimeout      time.Duration `toml:"idle_timeout"`
	MaxUserClients   int           `toml:"max_user_clients"`   // of one user; 0: no bound
	MaxLoginFailures int           `toml:"max_login_failures"` // of one user from one host, in a row; 0: no bound
	StatementTimeout time.Duration `toml:"statement_timeout"`  // 0: none
	DrainDelay       time.Duration `toml:"drain_delay"`
	DrainTimeout     time.Duration `toml:"drain_timeout"`
}

// Health is how stores are watched.
type Health struct {
	ConnectTimeout time.Duration `toml:"connect_timeout"`
	ProbeInterval  time.Duration `toml:"probe_interval"`
	ProbeTimeout   time.Duration `toml:"probe_timeout"`
}

// Pool is how many connections a store gets.
type Pool struct {
	MaxConns    int           `toml:"max_conns"`    // per store
	MaxIdle     int           `toml:"max_idle"`     // 0: as many as MaxConns
	MaxLifetime time.Duration `toml:"max_lifetime"` // 0: no bound
	WaitTimeout time.Duration `toml:"wait_timeout"` // for a connection
}

// Log is where and how to log.
type Log struct {
	Level  string `toml:"level"`  // debug | info | warn | error
	Format string `toml:"format"` // text | json
	// SlowStatement is how long a statement takes that is logged; 0: none is.
	SlowStatement time.Duration `toml:"slow_statement"`
}

// User is an account that clients log in with. Load fills Password from the
// file or the environment variable where that is given.
type User struct {
	Name         string `toml:"name"`
	Password     string `toml:"password"`
	PasswordFile string `toml:"password_file"`
	PasswordEnv  string `toml:"password_env"`
}

// Store is one MySQL or MariaDB server. Load fills Password as it does a
// user's, and adds the port 3306 to an Addr without one.
type Store struct {
	Name         string   `toml:"name"`
	Addr         string   `toml:"addr"` // host:port or unix:/path; see [SplitAddr]
	User         string   `toml:"user"` // "" logs in as the client does
	Password     string   `toml:"password"`
	PasswordFile string   `toml:"password_file"`
	PasswordEnv  string   `toml:"password_env"`
	Weight       float64  `toml:"weight"`
	Zone         string   `toml:"zone"`
	TLS          StoreTLS `toml:"tls"`
}

// StoreTLS is TLS towards one store.
type StoreTLS struct {
	Mode       string `toml:"mode"` // off | require (no check) | verify-ca | verify-identity
	CA         string `toml:"ca"`
	ServerName string `toml:"server_name"`
	Cert       string `toml:"cert"` // client certificate
	Key        string `toml:"key"`
}

// Table is a session table. Load fills what a preset says and the file does
// not.
type Table struct {
	Schema    string   `toml:"schema"`
	Name      string   `toml:"name"`
	Key       string   `toml:"key"`
	Preset    string   `toml:"preset"`
	Surrogate string   `toml:"surrogate"`
	Secondary []string `toml:"secondary"` // "table(column)"; see [SplitSecondary]
	Columns   []string `toml:"columns"`
	// Collation is "exact", which folds nothing, "auto", as the key's collation
	// says, or "ci", which folds case. Load makes it "auto" at the levels safe and
	// strict.
	Collation string `toml:"collation"`
	Number    int    `toml:"number"` // of the levels safe and strict; 0: derived from the names
}

// Default returns the configuration of an empty file. By itself it is not
// valid: it has no user, no store and no table.
func Default() *Config {
	return &Config{
		Listen:      "127.0.0.1:3307",
		Copies:      2,
		Placement:   "php",
		OtherTables: "refuse",
		Compression: slices.Clone(compressions),
		Limits: Limits{
			MaxClients:       10000,
			MaxPendingLogins: 1000,
			MaxAllowedPacket: 64 << 20,
			HandshakeTimeout: 10 * time.Second,
			IdleTimeout:      8 * time.Hour,
			DrainTimeout:     10 * time.Second,
		},
		Health: Health{
			ConnectTimeout: time.Second,
			ProbeInterval:  250 * time.Millisecond,
			ProbeTimeout:   time.Second,
		},
		Pool: Pool{
			MaxConns:    200,
			MaxLifetime: time.Hour,
			WaitTimeout: 10 * time.Second,
		},
		Log:         Log{Level: "info", Format: "text"},
		Admin:       Admin{Listen: DefaultAdmin, User: "admin"},
		Metrics:     Metrics{Histograms: true, TimedEvery: 8},
		Consistency: defaultConsistency(),
	}
}

// defaultStore is what a [[store]] has that it does not say.
func defaultStore() Store { return Store{Weight: 1, TLS: StoreTLS{Mode: "off"}} }

// Load reads a configuration file. Its error lists every problem: it is a
// [Problems] unless the file can't be read.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return Parse(path, data)
}

// LoadAdmin reads from a configuration file how the proxy is reached that runs
// by it: mistakes elsewhere in the file don't matter then. Its error is as
// Load's.
func LoadAdmin(path string) (Admin, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Admin{}, fmt.Errorf("read the configuration: %w", err)
	}
	r := &reader{file: path, dir: filepath.Dir(path)}
	c := r.read(data)
	if r.lines == nil { // it is no TOML; its section [admin] may well be
		if own, ok := adminSection(data); ok {
			alone := &reader{file: r.file, dir: r.dir}
			if a := alone.read(own); alone.lines != nil {
				r, c = alone, a
			}
		}
	}
	matter := slices.DeleteFunc(r.problems, func(p Problem) bool {
		return p.Key != "" && p.Key != "admin" && !strings.HasPrefix(p.Key, "admin.")
	})
	if len(matter) > 0 {
		matter.sort()
		return Admin{}, matter
	}
	return c.Admin, nil
}

// Parse reads a configuration from data; name is what problems call it. Paths
// in it are relative to name's directory. A configuration may well name files
// and environment variables: those are read.
func Parse(name string, data []byte) (*Config, error) {
	r := &reader{file: name, dir: filepath.Dir(name)}
	c := r.read(data)
	if len(r.problems) > 0 {
		r.problems.sort()
		return nil, r.problems
	}
	return c, nil
}
