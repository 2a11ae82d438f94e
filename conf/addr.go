package conf

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// SplitAddr splits a listen or store address into what net.Dial and net.Listen
// take: "tcp" and host:port, or "unix" and a path.
func SplitAddr(addr string) (network, address string) {
	if p, ok := strings.CutPrefix(addr, "unix:"); ok {
		return "unix", p
	}
	return "tcp", addr
}

// address is a parsed address: a path, or a host and a port.
type address struct {
	path string
	host string // "" is every interface
	port uint16
}

// parseAddr reads host:port or unix:/path; port is what a host without one has,
// "" if it must have one.
func parseAddr(s, port string) (address, error) {
	if p, ok := strings.CutPrefix(s, "unix:"); ok {
		if !strings.HasPrefix(p, "/") {
			return address{}, fmt.Errorf("%q must be unix: and a path from the root, as in unix:/run/mysqld/mysqld.sock", s)
		}
		if len(p) > 107 {
			return address{}, fmt.Errorf("%q is longer than the 107 bytes of a socket's path", p)
		}
		return address{path: path.Clean(p)}, nil
	}
	if strings.HasPrefix(s, "/") {
		return address{}, fmt.Errorf("%q is a path: write unix:%s", s, s)
	}
	if strings.Contains(s, "://") || strings.ContainsAny(s, "/@ \t\r\n") {
		return address{}, fmt.Errorf("%q is not host:port or unix:/path", WithoutLogin(s))
	}
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		bare := strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
		if _, ipErr := netip.ParseAddr(bare); ipErr != nil && strings.Contains(s, ":") || port == "" {
			return address{}, fmt.Errorf("%q is not host:port or unix:/path", WithoutLogin(s))
		}
		host, p = bare, port
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil || n == 0 {
		return address{}, fmt.Errorf("%q has a port that is not a number from 1 to 65535", s)
	}
	if host == "" && port != "" {
		return address{}, fmt.Errorf("%q has no host", s)
	}
	if err := checkHost(host); err != nil {
		return address{}, err
	}
	return address{host: host, port: uint16(n)}, nil
}

var errHost = errors.New("is not a host name or IP address")

func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if len(host) > 253 {
		return fmt.Errorf("%q %w", host, errHost)
	}
	for _, c := range []byte(host) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_') {
			return fmt.Errorf("%q %w", host, errHost)
		}
	}
	return nil
}

func (a address) String() string {
	if a.path != "" {
		return "unix:" + a.path
	}
	return net.JoinHostPort(a.host, strconv.Itoa(int(a.port)))
}

// identity is the same for two spellings of one address.
func (a address) identity() string {
	if a.path != "" {
		return a.String()
	}
	host := strings.TrimSuffix(strings.ToLower(a.host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		host = ip.String()
		if ip == netip.IPv6Loopback() {
			host = "127.0.0.1"
		}
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	return address{host: host, port: a.port}.String()
}

// reaches says whether who dials b gets to who listens on a, as far as the two
// addresses tell.
func (a address) reaches(b address) bool {
	if a.identity() == b.identity() {
		return true
	}
	if a.path != "" || b.path != "" || a.port != b.port {
		return false
	}
	ip, err := netip.ParseAddr(a.host)
	if everywhere := a.host == "" || err == nil && ip.IsUnspecified(); !everywhere {
		return false
	}
	host, _, _ := net.SplitHostPort(b.identity())
	to, err := netip.ParseAddr(host)
	return err == nil && (to.IsLoopback() || to.IsUnspecified())
}

func (r *reader) listen(c *Config) {
	if c.Listen == "" {
		r.report("listen", "must be host:port or unix:/path")
		return
	}
	a, err := parseAddr(c.Listen, "")
	if err != nil {
		r.report("listen", "%v", err)
		return
	}
	c.Listen = a.String()
}

// WithoutLogin is an address to be shown that should be one, and may be a DSN
// with a user and a password: these are left out.
func WithoutLogin(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return "..." + s[i:]
	}
	return s
}
