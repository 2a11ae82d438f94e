package protocol

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// The PROXY protocol: a load balancer that connects for a client says so first,
// in a line of text (version 1) or a block of bytes (version 2), as HAProxy's
// doc/proxy-protocol.txt has it.
//
// A MySQL server speaks first, so the greeting is sent without waiting for
// anything, and a header is looked for in front of the client's answer, whose
// bytes can't be taken for one: its sequence number is 1. So whoever connects
// from a trusted network may send a header, and a health check that sends none
// still gets its greeting; this is MariaDB's rule. Nobody else's header is
// believed, or passed over: it would let anybody be logged as anybody.

const (
	proxyV1    = "PROXY "
	proxyV2    = "\r\n\r\n\x00\r\nQUIT\n"
	leastV1    = len("PROXY UNKNOWN\r\n")
	mostV1     = 107     // the line's end included, as the specification has it
	headV2     = 16      // the signature, version and command, family, length
	mostV2     = 4 << 10 // of what follows: addresses, and what is not looked at
	v2Local    = 0x20    // the balancer connects for itself, as for a check
	v2Proxy    = 0x21
	v2TCP4     = 0x11
	v2TCP6     = 0x21
	v2Unix     = 0x31
	v2Unspec   = 0x00
	v2UnixSize = 216
)

// trusts reports whether c may send a header.
func (s *Server) trusts(c *Client) bool {
	if !c.RemoteAddr.IsValid() {
		return s.ProxyUnix
	}
	for _, p := range s.ProxyNetworks {
		if p.Contains(c.RemoteAddr.Addr()) {
			return true
		}
	}
	return false
}

// readProxyHeader takes a header of the PROXY protocol from in front of the
// handshake response, if there is one, and notes whom the connection is for.
func (c *Client) readProxyHeader() error {
	b, err := c.conn.Fill(headerSize - 1)
	if err != nil {
		return err
	}
	var read func() (netip.AddrPort, error)
	switch b := string(b[:headerSize]); {
	case strings.HasPrefix(proxyV1, b):
		read = c.readProxyV1
	case strings.HasPrefix(proxyV2, b):
		read = c.readProxyV2
	default:
		return nil
	}
	if !c.server.trusts(c) {
		return Errorf(ErrHostNotPrivileged, "dsmproxy: a PROXY header is not accepted from %s, which proxy_protocol does not list", c.host())
	}
	addr, err := read()
	if err != nil {
		return Errorf(ErrHandshake, "dsmproxy: bad PROXY header: %v", err)
	}
	if addr.IsValid() {
		c.via = c.host()
		c.RemoteAddr = addr
	}
	return nil
}

// readProxyV1 reads the line of version 1. It is read to its end and no byte
// further where what follows may be TLS.
func (c *Client) readProxyV1() (netip.AddrPort, error) {
	for have := leastV1 - 1; ; {
		b, err := c.conn.Fill(have)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("cut short: %w", err)
		}
		if end := bytes.Index(b[:min(len(b), mostV1)], []byte("\r\n")); end >= 0 {
			line := string(b[:end])
			c.conn.Consume(end + 2)
			return parseProxyV1(line)
		}
		if have = len(b); have >= mostV1 {
			return netip.AddrPort{}, fmt.Errorf("a line of more than %d bytes", mostV1)
		}
	}
}

// parseProxyV1 reads "PROXY TCP4 source destination port port". The address is
// not valid where the balancer does not know the client's.
func parseProxyV1(line string) (addr netip.AddrPort, err error) {
	f := strings.Split(line, " ")
	if f[0]+" " != proxyV1 || len(f) < 2 {
		return addr, fmt.Errorf("%q", line)
	}
	if f[1] == "UNKNOWN" {
		return addr, nil // whatever follows it
	}
	if len(f) != 6 || f[1] != "TCP4" && f[1] != "TCP6" {
		return addr, fmt.Errorf("%q", line)
	}
	var ends [2]netip.AddrPort
	for i := range ends {
		ip, err := netip.ParseAddr(f[2+i])
		port, portErr := strconv.ParseUint(f[4+i], 10, 16)
		if err != nil || portErr != nil || ip.Is4() != (f[1] == "TCP4") || ip.Zone() != "" {
			return addr, fmt.Errorf("%q", line)
		}
		ends[i] = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	}
	return ends[0], nil
}

// readProxyV2 reads the block of version 2. Of what follows the addresses
// nothing is used.
func (c *Client) readProxyV2() (netip.AddrPort, error) {
	b, err := c.conn.Fill(headV2 - 1)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("cut short: %w", err)
	}
	if string(b[:len(proxyV2)]) != proxyV2 {
		return netip.AddrPort{}, fmt.Errorf("%q", b[:headV2])
	}
	size := int(binary.BigEndian.Uint16(b[headV2-2:]))
	if size > mostV2 {
		return netip.AddrPort{}, fmt.Errorf("%d bytes, more than %d", size, mostV2)
	}
	n := headV2 + size
	if b, err = c.conn.Fill(n - 1); err != nil {
		return netip.AddrPort{}, fmt.Errorf("cut short: %w", err)
	}
	addr, err := parseProxyV2(b[:n])
	c.conn.Consume(n)
	return addr, err
}

func parseProxyV2(b []byte) (addr netip.AddrPort, err error) {
	command, family, rest := b[12], b[13], b[headV2:]
	switch {
	case command == v2Local:
		return addr, nil
	case command != v2Proxy:
		return addr, fmt.Errorf("version and command %#x", command)
	}
	switch {
	case family == v2Unspec, family == v2Unix && len(rest) >= v2UnixSize:
		return addr, nil
	case family == v2TCP4 && len(rest) >= 12:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(rest)), binary.BigEndian.Uint16(rest[8:])), nil
	case family == v2TCP6 && len(rest) >= 36:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(rest)).Unmap(), binary.BigEndian.Uint16(rest[32:])), nil
	}
	return addr, fmt.Errorf("family %#x with %d bytes", family, len(rest))
}
