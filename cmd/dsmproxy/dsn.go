package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/dsmproxy/dsmproxy/conf"
)

// dsn is where an application finds its session database.
type dsn struct {
	user, password, addr, schema string
}

var errDSN = errors.New("is not user:password@host:port/database")

// parseDSN reads user:password@host:port/database, the same with tcp(...) or
// unix(...) around the address as Go has it, and mysql://... as others have it.
// The last @ and the first : count, for a password may hold any character; only
// a URL escapes them. Port and database may be missing, and what follows a ?.
func parseDSN(s string) (d dsn, err error) {
	if i := strings.Index(s, "://"); i >= 0 {
		u, err := url.Parse(s)
		if err != nil || u.User == nil {
			return d, errDSN
		}
		d.user, d.addr, d.schema = u.User.Username(), u.Host, strings.TrimPrefix(u.Path, "/")
		d.password, _ = u.User.Password()
		return d, d.complete()
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return d, errDSN
	}
	login, place := s[:at], s[at+1:]
	d.user, d.password, _ = strings.Cut(login, ":")
	place, _, _ = strings.Cut(place, "?")
	if rest, ok := strings.CutPrefix(place, "unix("); ok {
		path, schema, _ := strings.Cut(rest, ")")
		d.addr, d.schema = "unix:"+path, strings.TrimPrefix(schema, "/")
		return d, d.complete()
	}
	d.addr, d.schema, _ = strings.Cut(place, "/")
	if inner, ok := strings.CutPrefix(d.addr, "tcp("); ok {
		d.addr = strings.TrimSuffix(inner, ")")
	}
	return d, d.complete()
}

// complete adds the port, and refuses what can't be one.
func (d *dsn) complete() error {
	if d.user == "" || strings.Contains(d.schema, "/") {
		return errDSN
	}
	if d.addr == "" {
		return nil // a store is asked
	}
	var err error
	d.addr, err = withPort(d.addr)
	return err
}

// withPort adds MySQL's port to an address without one.
func withPort(addr string) (string, error) {
	if strings.HasPrefix(addr, "unix:/") {
		return addr, nil
	}
	if strings.ContainsAny(addr, "/@ ") {
		return "", fmt.Errorf("%q is not host:port", conf.WithoutLogin(addr))
	}
	if host, port, err := net.SplitHostPort(addr); err == nil && host != "" && port != "" {
		return addr, nil
	}
	if strings.Count(addr, ":") == 1 {
		return "", fmt.Errorf("%q is not host:port", conf.WithoutLogin(addr))
	}
	return net.JoinHostPort(strings.Trim(addr, "[]"), "3306"), nil
}
