package conf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// compressions are the algorithms that clients may be offered.
var compressions = []string{"zlib", "zstd"}

// proxyUnix is the entry of proxy_protocol for who connects by a unix socket.
const proxyUnix = "unix"

// ProxyNetworks reads the list proxy_protocol: networks, single addresses, and
// "unix" for the clients of a unix socket.
func ProxyNetworks(list []string) (networks []netip.Prefix, unix bool, err error) {
	for _, s := range list {
		if s == proxyUnix {
			unix = true
			continue
		}
		p, err := parseNetwork(s)
		if err != nil {
			return nil, false, err
		}
		networks = append(networks, p)
	}
	return networks, unix, nil
}

// parseNetwork reads 10.0.0.0/8 or a single address.
func parseNetwork(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf(`%q is not a network such as "10.0.0.0/8", an address, or "unix"`, s)
		}
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf(`%q is not a network such as "10.0.0.0/8" or "fd00::/8"`, s)
	}
	if p.Masked() != p {
		return netip.Prefix{}, fmt.Errorf("%q is an address in a network: write %s for the network, or the address alone", s, p.Masked())
	}
	return p, nil
}

// clients checks what is offered to clients and who speaks for them.
func (r *reader) clients(c *Config) {
	for i, name := range c.Compression {
		path := fmt.Sprintf("compression[%d]", i)
		r.oneOf(path, name, compressions)
		if slices.Contains(c.Compression[:i], name) {
			r.report(path, "%q is there twice", name)
		}
	}
	for i, s := range c.ProxyProtocol {
		if _, _, err := ProxyNetworks([]string{s}); err != nil {
			r.report(fmt.Sprintf("proxy_protocol[%d]", i), "%v", err)
		}
	}
}
