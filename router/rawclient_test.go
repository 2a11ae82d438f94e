package router_test

import (
	"bufio"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/protocol"
)

// rawClient is a client that keeps nothing of an answer to itself.
type rawClient struct {
	conn net.Conn
	in   *bufio.Reader
	seq  byte
	caps protocol.Capability // agreed on
	// offered is what the server's greeting offers.
	offered protocol.Capability
}

// Capabilities that package protocol has no use for.
const (
	clientSessionTrack    protocol.Capability = 1 << 23
	clientQueryAttributes protocol.Capability = 1 << 27
)

// rawConnect logs a client in that offers caps besides what every client does,
// as far as the server offers them.
func rawConnect(t *testing.T, addr, db string, caps protocol.Capability) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &rawClient{conn: conn, in: bufio.NewReader(conn)}
	if err := c.login(db, caps); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *rawClient) login(db string, caps protocol.Capability) error {
	p, err := c.read()
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(p[1:]), "\x00") // the version
	salt, rest := rest[4:12], rest[13:]
	c.offered = protocol.Capability(binary.LittleEndian.Uint16([]byte(rest))) |
		protocol.Capability(binary.LittleEndian.Uint16([]byte(rest[5:])))<<16
	salt += rest[18:30]
	const always = protocol.ClientLongPassword | protocol.ClientConnectWithDB | protocol.ClientProtocol41 |
		protocol.ClientTransactions | protocol.ClientSecureConnection | protocol.ClientPluginAuth |
		protocol.ClientMultiStatements | protocol.ClientMultiResults | protocol.ClientPSMultiResults
	c.caps = (always | caps) & (c.offered | protocol.ClientLongPassword)
	const method = "mysql_native_password"
	b := binary.LittleEndian.AppendUint32(nil, uint32(c.caps))
	b = binary.LittleEndian.AppendUint32(b, 1<<24)
	b = append(append(b, 45), make([]byte, 23)...)
	b = append(append(b, mariadbtest.User...), 0)
	b = append(append(b, sha1.Size), scrambled(salt)...)
	b = append(append(b, db...), 0)
	b = append(append(b, method...), 0)
	if c.caps.Has(protocol.ClientConnectAttrs) {
		const attributes = "\x04_pid\x0212\x0c_client_name\x03raw"
		b = append(append(b, byte(len(attributes))), attributes...)
	}
	c.write(b)
	for {
		if p, err = c.read(); err != nil {
			return err
		}
		name, data, _ := strings.Cut(string(p[1:]), "\x00")
		switch {
		case p[0] == 0:
			return nil
		case p[0] == 0xfe && name == method:
			c.write(scrambled(data[:20]))
		case p[0] == 0xfe && name == "caching_sha2_password":
			c.write(scrambledSHA2(data[:20]))
		case p[0] == 1 && p[1] == 3: // MySQL has the password in its cache
		default:
			return fmt.Errorf("answer to the login: %q", p)
		}
	}
}

// scrambled is what mysql_native_password answers with.
func scrambled(salt string) []byte {
	one := sha1.Sum([]byte(mariadbtest.Password))
	two := sha1.Sum(one[:])
	h := sha1.Sum(append([]byte(salt), two[:]...))
	for i := range h {
		h[i] ^= one[i]
	}
	return h[:]
}

// scrambledSHA2 is what caching_sha2_password answers with.
func scrambledSHA2(salt string) []byte {
	one := sha256.Sum256([]byte(mariadbtest.Password))
	two := sha256.Sum256(one[:])
	h := sha256.Sum256(append(two[:], salt...))
	for i := range h {
		h[i] ^= one[i]
	}
	return h[:]
}

// read returns the next packet, of less than 16 MiB.
func (c *rawClient) read() ([]byte, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(time.Minute))
	var h [4]byte
	if _, err := io.ReadFull(c.in, h[:]); err != nil {
		return nil, err
	}
	c.seq = h[3] + 1
	p := make([]byte, int(h[0])|int(h[1])<<8|int(h[2])<<16)
	_, err := io.ReadFull(c.in, p)
	return p, err
}

// write sends a packet; that it can't be sent is seen when the answer is read.
func (c *rawClient) write(p []byte) {
	_, _ = c.conn.Write(append([]byte{byte(len(p)), byte(len(p) >> 8), byte(len(p) >> 16), c.seq}, p...))
}

func (c *rawClient) command(cmd protocol.Command, rest ...byte) {
	c.seq = 0
	c.write(append([]byte{byte(cmd)}, rest...))
}

// tell carries one line out and tells the answers: a statement, prepared and
// executed if it begins with "?", or a command if it begins with "!".
func (c *rawClient) tell(line string) string {
	if text, ok := strings.CutPrefix(line, "?"); ok {
		return c.prepared(text)
	}
	word, arg, _ := strings.Cut(line, " ")
	switch word {
	case "!ping":
		c.command(protocol.ComPing)
	case "!use":
		c.command(protocol.ComInitDB, []byte(arg)...)
	case "!reset":
		c.command(protocol.ComResetConnection)
	case "!closed": // what is said to one who asks nothing
		if p, err := c.read(); err == nil {
			return fmt.Sprintf("%q", p)
		}
		return "closed"
	case "!prepare":
		out, _ := c.prepare(arg)
		return out
	default:
		c.command(protocol.ComQuery, []byte(line)...)
	}
	return c.answers(false)
}

func (c *rawClient) prepare(sql string) (out string, id []byte) {
	c.command(protocol.ComStmtPrepare, []byte(sql)...)
	return c.answerOfPrepare()
}

func (c *rawClient) answerOfPrepare() (out string, id []byte) {
	p, err := c.read()
	if err != nil {
		return err.Error(), nil
	}
	if p[0] == 0xff {
		return "prepare: " + errorOf(p), nil
	}
	columns, params := binary.LittleEndian.Uint16(p[5:]), binary.LittleEndian.Uint16(p[7:])
	out = fmt.Sprintf("columns %d params %d warnings %d; ", columns, params, binary.LittleEndian.Uint16(p[10:]))
	for _, n := range []uint16{params, columns} {
		if n > 0 && !c.caps.Has(protocol.ClientDeprecateEOF) {
			n++
		}
		for range n {
			if _, err = c.read(); err != nil {
				return err.Error(), nil
			}
		}
	}
	return out, p[1:5]
}

// prepared prepares and executes a statement; of one that begins with a list, as
// in [a,b]SELECT ?, ?, those are the parameters.
func (c *rawClient) prepared(sql string) string {
	var values []string
	if list, rest, ok := strings.Cut(sql, "]"); ok && sql[0] == '[' {
		values, sql = strings.Split(list[1:], ","), rest
	}
	out, id := c.prepare(sql)
	if id == nil {
		return out
	}
	b := append(id[:4:4], 0, 1, 0, 0, 0)
	if len(values) > 0 {
		b = append(append(b, make([]byte, (len(values)+7)/8)...), 1)
		for range values {
			b = append(b, protocol.TypeVarString, 0)
		}
		for _, v := range values { // of less than 251 bytes
			b = append(append(b, byte(len(v))), v...)
		}
	}
	c.command(protocol.ComStmtExecute, b...)
	out += c.answers(true)
	c.command(protocol.ComStmtClose, id...)
	return out
}

// answers tells the results of one command.
func (c *rawClient) answers(binaryRows bool) string {
	var out []string
	for {
		s, more, err := c.answer(binaryRows)
		if err != nil {
			s += err.Error()
		}
		if out = append(out, s); !more {
			return strings.Join(out, " ;; ")
		}
	}
}

func (c *rawClient) answer(binaryRows bool) (told string, more bool, err error) {
	p, err := c.read()
	switch {
	case err != nil:
		return "", false, err
	case p[0] == 0xff:
		return errorOf(p), false, nil
	case p[0] == 0:
		told, more = okOf(p)
		return told, more, nil
	}
	columns, _ := lenEnc(string(p))
	var out strings.Builder
	for range columns {
		if p, err = c.read(); err != nil {
			return "", false, err
		}
		out.WriteString(columnOf(string(p)))
	}
	if !c.caps.Has(protocol.ClientDeprecateEOF) {
		if p, err = c.read(); err != nil {
			return "", false, err
		}
		fmt.Fprintf(&out, " %s", flagsOf(p[3:]))
	}
	for {
		if p, err = c.read(); err != nil {
			return out.String(), false, err
		}
		switch {
		case p[0] == 0xff:
			return out.String() + errorOf(p), false, nil
		case p[0] == 0xfe && len(p) < 9 && !c.caps.Has(protocol.ClientDeprecateEOF):
			fmt.Fprintf(&out, " %s warnings %d", flagsOf(p[3:]), binary.LittleEndian.Uint16(p[1:]))
			return out.String(), p[3]&8 != 0, nil
		case p[0] == 0xfe && len(p) < 1<<16 && c.caps.Has(protocol.ClientDeprecateEOF):
			told, more := okOf(p)
			return out.String() + " " + told, more, nil
		case binaryRows:
			fmt.Fprintf(&out, " row %x", p)
		default:
			out.WriteString(" " + rowOf(string(p)))
		}
	}
}

func errorOf(p []byte) string {
	return fmt.Sprintf("error %d %s", binary.LittleEndian.Uint16(p[1:]), p[3:])
}

func okOf(p []byte) (told string, more bool) {
	affected, rest := lenEnc(string(p[1:]))
	id, rest := lenEnc(rest)
	flags := []byte(rest)
	return fmt.Sprintf("ok affected %d id %d %s warnings %d info %q", affected, id, flagsOf(flags),
		binary.LittleEndian.Uint16(flags[2:]), rest[4:]), flags[0]&8 != 0
}

// flagsOf tells the status flags but those that are about how a store has found
// the rows.
func flagsOf(p []byte) string {
	const noIndex, noGoodIndex, slow = 0x20, 0x10, 0x800
	return fmt.Sprintf("status %#x", binary.LittleEndian.Uint16(p)&^(noIndex|noGoodIndex|slow))
}

// columnOf tells of a column's definition what depends on no optimizer.
func columnOf(p string) string {
	var names [6]string
	for i := range names {
		names[i], p = lenEncString(p)
	}
	b := []byte(p)
	return fmt.Sprintf("[%s|%d|%d|%#x]", names[4], binary.LittleEndian.Uint16(b[1:]), b[7], binary.LittleEndian.Uint16(b[8:]))
}

func rowOf(p string) string {
	var values []string
	for p != "" {
		if p[0] == 0xfb {
			values, p = append(values, "NULL"), p[1:]
			continue
		}
		var v string
		v, p = lenEncString(p)
		values = append(values, v)
	}
	return "(" + strings.Join(values, ",") + ")"
}

func lenEnc(p string) (n uint64, rest string) {
	width := 0
	switch p[0] {
	case 0xfc:
		width = 2
	case 0xfd:
		width = 3
	case 0xfe:
		width = 8
	default:
		return uint64(p[0]), p[1:]
	}
	var b [8]byte
	copy(b[:], p[1:1+width])
	return binary.LittleEndian.Uint64(b[:]), p[1+width:]
}

func lenEncString(p string) (s, rest string) {
	n, p := lenEnc(p)
	return p[:n], p[n:]
}
