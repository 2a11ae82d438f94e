package conf

import (
	"bytes"
	"crypto/tls"
	"net/netip"
	"time"
)

// DefaultAdmin is where the status page is served unless the file says
// otherwise.
const DefaultAdmin = "127.0.0.1:8306"

// Admin is the address for operators: the status page, the metrics, and what
// the commands of dsmproxy act by. Load fills Password as it does a user's.
type Admin struct {
	Listen       string `toml:"listen"` // host:port; "" serves none
	User         string `toml:"user"`
	Password     string `toml:"password"` // "" lets everybody in who reaches Listen
	PasswordFile string `toml:"password_file"`
	PasswordEnv  string `toml:"password_env"`
	Cert         string `toml:"cert"` // PEM files; without them it is plain HTTP
	Key          string `toml:"key"`
}

// Metrics is what is measured.
type Metrics struct {
	Histograms bool `toml:"histograms"`  // of how long statements take
	TimedEvery int  `toml:"timed_every"` // one statement in so many is timed
	Open       bool `toml:"open"`        // /metrics needs no password
}

// TLS is the TLS configuration of the address; nil for plain HTTP.
func (a Admin) TLS() (*tls.Config, error) {
	if a.Cert == "" {
		return nil, nil
	}
	own, _, err := loadFiles(a.Cert, a.Key, "")
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: own}, nil
}

// adminSection is a file with all lines empty but those of the section [admin],
// for a file that is no TOML as a whole. It reports whether admin's keys can be
// nowhere else in the file.
func adminSection(data []byte) ([]byte, bool) {
	lines, within := bytes.Split(data, []byte("\n")), false
	for i, line := range lines {
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("[")) {
			within = bytes.HasPrefix(bytes.TrimLeft(line, "[ \t\""), []byte("admin"))
		}
		if !within {
			if bytes.HasPrefix(bytes.TrimLeft(line, "\"'"), []byte("admin")) {
				return nil, false
			}
			lines[i] = nil
		}
	}
	return bytes.Join(lines, []byte("\n")), true
}

// admin checks [admin] and makes its paths final.
func (r *reader) admin(a *Admin) {
	a.Cert, a.Key = r.path(a.Cert), r.path(a.Key)
	given := r.secret("admin", &a.Password, a.PasswordFile, a.PasswordEnv)
	if given > 0 && a.Password == "" {
		r.report("admin.password", "is empty: leave it out if everybody who reaches admin.listen may do everything")
	}
	r.keyPair("admin", a.Cert, a.Key)
	if a.User == "" {
		r.report("admin.user", "must be given")
	}
	if a.Listen == "" {
		return
	}
	addr, err := parseAddr(a.Listen, "")
	switch {
	case err != nil:
		r.report("admin.listen", "%v", err)
	case addr.path != "":
		r.report("admin.listen", "must be host:port: browsers don't reach a socket's path")
	case a.Password == "" && !addr.loopback():
		r.report("admin.listen", "%q can be reached from other machines, which could then drain stores and end clients: give admin.password, or listen on 127.0.0.1", a.Listen)
	}
}

// loopback reports whether only this machine reaches the address.
func (a address) loopback() bool {
	if a.host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(a.host)
	return err == nil && ip.IsLoopback()
}

// operation checks what concerns the running of the proxy.
func (r *reader) operation(c *Config) {
	between(r, "metrics.timed_every", c.Metrics.TimedEvery, 1, 1_000_000)
	between(r, "limits.max_user_clients", c.Limits.MaxUserClients, 0, 1_000_000)
	between(r, "limits.max_login_failures", c.Limits.MaxLoginFailures, 0, 1_000_000)
	if c.Limits.StatementTimeout != 0 {
		between(r, "limits.statement_timeout", c.Limits.StatementTimeout, time.Second, longest)
	}
	between(r, "limits.drain_delay", c.Limits.DrainDelay, 0, time.Hour)
	between(r, "limits.drain_timeout", c.Limits.DrainTimeout, 0, 24*time.Hour)
	if c.Log.SlowStatement != 0 {
		between(r, "log.slow_statement", c.Log.SlowStatement, time.Millisecond, longest)
	}
}
