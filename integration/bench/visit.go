package main

import (
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"syscall"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// A visitor connects, asks once and goes, again and again, as PHP does: with
// blocking system calls, and no more of them than the C libraries make. What it costs itself is so little that the rate tells what the
// other side costs.

// visitor is one such client. It is used by one goroutine.
type visitor struct {
	to      syscall.Sockaddr
	records int
	random  *rand.Rand
	query   []byte // a whole packet
	keyAt   int
	in      []byte
	r, w    int
	out     []byte
}

func newVisitor(t *target, records int, seed uint64) (*visitor, error) {
	addr, err := net.ResolveTCPAddr("tcp4", t.addr)
	if err != nil {
		return nil, err
	}
	v := &visitor{
		to: &syscall.SockaddrInet4{Port: addr.Port, Addr: addr.AddrPort().Addr().As4()}, records: records,
		random: rand.New(rand.NewPCG(seed, 2)), in: make([]byte, 64<<10),
	}
	v.query = append([]byte{0, 0, 0, 0, byte(protocol.ComQuery)}, fmt.Sprintf(selectHead, t.table)...)
	v.keyAt = len(v.query) + 1
	v.query = fmt.Appendf(v.query, "'%s'", key(0))
	v.query[0] = byte(len(v.query) - 4)
	return v, nil
}

// visit connects, reads one record and goes.
func (v *visitor) visit() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		return err
	}
	if err := syscall.Connect(fd, v.to); err != nil {
		return err
	}
	v.r, v.w = 0, 0
	if err := v.login(fd); err != nil {
		return fmt.Errorf("login: %w", err)
	}
	hex(v.query[v.keyAt+16:], uint64(v.random.IntN(v.records))*0x9e3779b97f4a7c15+1)
	if err := write(fd, v.query); err != nil {
		return err
	}
	if err := v.oneRow(fd); err != nil {
		return err
	}
	return write(fd, []byte{1, 0, 0, 0, byte(protocol.ComQuit)})
}

// login proves the password by mysql_native_password, which stores and proxies
// all take.
func (v *visitor) login(fd int) error {
	g, err := v.packet(fd)
	if err != nil {
		return err
	}
	end := 1
	for end < len(g) && g[end] != 0 {
		end++
	}
	if len(g) < end+45 {
		return errors.New("short greeting")
	}
	salt := append(append(make([]byte, 0, 40), g[end+5:end+13]...), g[end+32:end+44]...)
	const caps = protocol.ClientProtocol41 | protocol.ClientSecureConnection | protocol.ClientPluginAuth |
		protocol.ClientConnectWithDB | protocol.ClientDeprecateEOF | protocol.ClientMultiResults |
		protocol.ClientPSMultiResults | protocol.ClientTransactions | protocol.ClientLongPassword
	b := append(v.out[:0], 0, 0, 0, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(caps))
	b = binary.LittleEndian.AppendUint32(b, 1<<24)
	b = append(b, 45)
	b = append(b, make([]byte, 23)...)
	b = append(b, user+"\x00\x14"...)
	one := sha1.Sum([]byte(password))
	two := sha1.Sum(one[:])
	mix := sha1.Sum(append(salt, two[:]...))
	for i := range mix {
		b = append(b, mix[i]^one[i])
	}
	b = append(b, "app\x00mysql_native_password\x00"...)
	b[0] = byte(len(b) - 4)
	v.out = b
	if err := write(fd, b); err != nil {
		return err
	}
	ok, err := v.packet(fd)
	if err == nil && ok[0] != 0 {
		err = fmt.Errorf("answered %q", ok)
	}
	return err
}

// oneRow reads an answer of one row.
func (v *visitor) oneRow(fd int) error {
	p, err := v.packet(fd)
	if err != nil {
		return err
	}
	if p[0] == 0xff {
		return fmt.Errorf("answered %q", p)
	}
	rows := -int(p[0])
	for {
		if p, err = v.packet(fd); err != nil {
			return err
		}
		if p[0] == 0xfe && len(p) < 0xffffff {
			break
		}
		rows++
	}
	if rows != 1 {
		return fmt.Errorf("%d rows for one key", rows)
	}
	return nil
}

// packet reads the next packet.
func (v *visitor) packet(fd int) ([]byte, error) {
	for {
		if have := v.in[v.r:v.w]; len(have) >= 4 {
			n := int(have[0]) | int(have[1])<<8 | int(have[2])<<16
			if n > 0 && len(have) >= 4+n {
				v.r += 4 + n
				return have[4 : 4+n], nil
			}
		}
		if v.r > 0 {
			v.w = copy(v.in, v.in[v.r:v.w])
			v.r = 0
		}
		n, err := syscall.Read(fd, v.in[v.w:])
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return nil, io.ErrUnexpectedEOF
		}
		v.w += n
	}
}

func write(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := syscall.Write(fd, b)
		if err != nil && err != syscall.EINTR {
			return err
		}
		b = b[max(n, 0):]
	}
	return nil
}
