package conf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// placements are the names that router/placement knows; a test of cmd/dsmproxy
// holds the two lists equal.
var placements = []string{"php", "php-legacy", "rendezvous"}

// longest is more than any timeout should be: a thousand days.
const longest = 24000 * time.Hour

// validate reports what is wrong with the values, fills in presets and secrets,
// and brings addresses and paths to their final form.
func (r *reader) validate(c *Config) {
	r.listen(c)
	r.clients(c)
	r.clientTLS(&c.TLS)
	r.settings(c)
	r.admin(&c.Admin)
	r.operation(c)
	r.users(c.Users)
	r.stores(c)
	r.tables(c.Tables)
	r.consistency(c)
}

func (r *reader) settings(c *Config) {
	r.oneOf("placement", c.Placement, placements)
	r.oneOf("log.level", c.Log.Level, []string{"debug", "info", "warn", "error"})
	r.oneOf("log.format", c.Log.Format, []string{"text", "json"})

	between(r, "limits.max_clients", c.Limits.MaxClients, 1, 1_000_000)
	between(r, "limits.max_pending_logins", c.Limits.MaxPendingLogins, 1, 1_000_000)
	if n := c.Limits.MaxAllowedPacket; n < 1<<10 || n > 1<<30 {
		r.report("limits.max_allowed_packet", "must be from 1KiB to 1GiB, as MySQL's is")
	}
	between(r, "limits.handshake_timeout", c.Limits.HandshakeTimeout, 100*time.Millisecond, time.Hour)
	between(r, "limits.idle_timeout", c.Limits.IdleTimeout, time.Second, longest)
	between(r, "health.connect_timeout", c.Health.ConnectTimeout, 10*time.Millisecond, time.Minute)
	between(r, "health.probe_interval", c.Health.ProbeInterval, 10*time.Millisecond, time.Hour)
	between(r, "health.probe_timeout", c.Health.ProbeTimeout, 10*time.Millisecond, time.Minute)
	between(r, "pool.max_conns", c.Pool.MaxConns, 1, 100_000)
	if c.Pool.MaxIdle < 0 || c.Pool.MaxIdle > c.Pool.MaxConns {
		r.report("pool.max_idle", "must be from 0 (as many as max_conns) to max_conns (%d)", c.Pool.MaxConns)
	}
	if c.Pool.MaxLifetime != 0 {
		between(r, "pool.max_lifetime", c.Pool.MaxLifetime, time.Second, longest)
	}
	between(r, "pool.wait_timeout", c.Pool.WaitTimeout, time.Millisecond, time.Hour)
}

func (r *reader) users(users []User) {
	if len(users) == 0 {
		r.report("user", "there is no [[user]]: give at least one name and password that clients log in with")
	}
	names := make(map[string]int)
	for i := range users {
		u, path := &users[i], fmt.Sprintf("user[%d]", i)
		switch first, again := names[u.Name]; {
		case u.Name == "":
			r.report(path+".name", "must be given")
		case again:
			r.report(path+".name", "%q is there already, in line %d", u.Name, first)
		default:
			r.printable(path+".name", u.Name, 80)
			names[u.Name] = r.lines[path]
		}
		if r.secret(path, &u.Password, u.PasswordFile, u.PasswordEnv) == 0 {
			r.report(path, `has no password: give password, password_file or password_env (password = "" lets everybody in)`)
		}
	}
}

// oneOf reports a value that is none of the allowed ones.
func (r *reader) oneOf(path, value string, allowed []string) {
	if slices.Contains(allowed, value) {
		return
	}
	hint := ""
	if best := nearest(value, slices.Clone(allowed)); best != "" {
		hint = fmt.Sprintf(": did you mean %q?", best)
	}
	r.report(path, "%q is not one of %s%s", value, quoteAll(allowed), hint)
}

func quoteAll(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(quoted, ", ")
}

// between reports a value out of its range.
func between[T cmp.Ordered](r *reader, path string, value, least, most T) {
	if value < least || value > most {
		r.report(path, "must be from %s to %s", short(least), short(most))
	}
}

// short is "1h" for the duration that prints itself as "1h0m0s".
func short[T any](v T) string {
	s := fmt.Sprint(v)
	if _, ok := any(v).(time.Duration); ok {
		if strings.HasSuffix(s, "m0s") {
			s = strings.TrimSuffix(s, "0s")
		}
		if strings.HasSuffix(s, "h0m") {
			s = strings.TrimSuffix(s, "0m")
		}
	}
	return s
}

// printable reports a name that is too long or holds characters that can't be
// part of one.
func (r *reader) printable(path, name string, most int) {
	if len(name) > most {
		r.report(path, "is longer than %d bytes", most)
	}
	for _, c := range name {
		if c == unicode.ReplacementChar || !unicode.IsPrint(c) {
			r.report(path, "%q holds a character that can't be in a name", name)
			return
		}
	}
}
