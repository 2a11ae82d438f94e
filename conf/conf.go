// Package conf reads dsmproxy's configuration file: TOML into a [Config] with
// its defaults filled in, every problem reported at once with its line and
// key. It is imported by cmd/dsmproxy only; each package has a config of its
// own, which cmd fills.
package conf

import "time"

// Config is a whole configuration. Durations are written "1s", sizes "64MiB".
type Config struct {
	Listen    string `toml:"listen"` // host:port or unix:/path
	Copies    int    `toml:"copies"`
	Placement string `toml:"placement"` // php | php-legacy | rendezvous
	// OtherTables is "refuse" or the name of the store that serves all tables
	// that are not configured.
	OtherTables string `toml:"other_tables"`

	TLS         ClientTLS   `toml:"tls"`
	Limits      Limits      `toml:"limits"`
	Health      Health      `toml:"health"`
	Pool        Pool        `toml:"pool"`
	Log         Log         `toml:"log"`
	Consistency Consistency `toml:"consistency"`
	Users       []User      `toml:"user"`
	Stores      []Store     `toml:"store"`
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
	MaxAllowedPacket int64         `toml:"max_allowed_packet"`
	HandshakeTimeout time.Duration `toml:"handshake_timeout"`
	IdleTimeout      time.Duration `toml:"idle_timeout"`
}

// Health is how stores are watched.
type Health struct {
	ConnectTimeout time.Duration `toml:"connect_timeout"`
	ProbeInterval  time.Duration `toml:"probe_interval"`
	ProbeTimeout   time.Duration `toml:"probe_timeout"`
}

// Pool is how many connections a store gets.
type Pool struct {
	MaxConns    int           `toml:"max_conns"` // per store
	MaxIdle     int           `toml:"max_idle"`
	MaxLifetime time.Duration `toml:"max_lifetime"`
	WaitTimeout time.Duration `toml:"wait_timeout"` // for a connection
}

// Log is where and how to log.
type Log struct {
	Level  string `toml:"level"`  // debug | info | warn | error
	Format string `toml:"format"` // text | json
}

// Consistency is the consistency level.
type Consistency struct {
	Level string `toml:"level"` // seed; safe and strict are refused by name until they exist
}

// User is an account that clients log in with.
type User struct {
	Name         string `toml:"name"`
	Password     string `toml:"password"`
	PasswordFile string `toml:"password_file"`
	PasswordEnv  string `toml:"password_env"`
}

// Store is one MySQL or MariaDB server.
type Store struct {
	Name         string   `toml:"name"`
	Addr         string   `toml:"addr"` // host:port or unix:/path
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

// Table is a session table.
type Table struct {
	Schema    string   `toml:"schema"`
	Name      string   `toml:"name"`
	Key       string   `toml:"key"`
	Preset    string   `toml:"preset"`
	Surrogate string   `toml:"surrogate"`
	Secondary []string `toml:"secondary"` // "table(column)"
	Columns   []string `toml:"columns"`
	Collation string   `toml:"collation"` // "ci" folds case and trailing blanks; "" or "exact" does not
}

// Load reads a configuration file. Its error lists every problem.
func Load(path string) (*Config, error) { panic("contract only") }
