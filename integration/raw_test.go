package integration

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// rawConn speaks the protocol by hand, so that it can break its rules.
type rawConn struct {
	net.Conn
	seq byte
}

// dialRaw connects and reads the greeting, whose scramble it returns.
func dialRaw(t *testing.T, addr string) (*rawConn, []byte) {
	t.Helper()
	nc, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(30 * time.Second))
	c := &rawConn{Conn: nc}
	greeting, err := c.read()
	if err != nil {
		t.Fatalf("greeting: %v", err)
	}
	i := bytes.IndexByte(greeting, 0) + 1 + 4
	scramble := append([]byte{}, greeting[i:i+8]...)
	return c, append(scramble, greeting[i+8+1+2+1+2+2+1+10:][:12]...)
}

// loginRaw connects and logs in.
func loginRaw(t *testing.T, addr string) *rawConn {
	t.Helper()
	c, scramble := dialRaw(t, addr)
	c.write(loginPacket(scramble))
	for {
		p, err := c.read()
		if err != nil {
			t.Fatalf("login: %v", err)
		}
		switch p[0] {
		case 0:
			return c
		case 0xfe: // asks for another method: plugin\0scramble\0
			_, rest, _ := bytes.Cut(p[1:], []byte{0})
			c.write(nativePassword(mariadbtest.Password, rest[:20]))
		default:
			t.Fatalf("login: %q", p)
		}
	}
}

// loginPacket is a handshake response with mysql_native_password.
func loginPacket(scramble []byte) []byte {
	const protocol41, withDB, secure, plugin = 1 << 9, 1 << 3, 1 << 15, 1 << 19
	p := binary.LittleEndian.AppendUint32(nil, 1|protocol41|withDB|secure|plugin)
	p = binary.LittleEndian.AppendUint32(p, 1<<24)
	p = append(append(p, 45), make([]byte, 23)...)
	p = append(append(p, mariadbtest.User...), 0, 20)
	p = append(p, nativePassword(mariadbtest.Password, scramble)...)
	p = append(append(p, "app"...), 0)
	return append(append(p, "mysql_native_password"...), 0)
}

func nativePassword(password string, scramble []byte) []byte {
	one := sha1.Sum([]byte(password))
	two := sha1.Sum(one[:])
	three := sha1.Sum(append(append([]byte{}, scramble...), two[:]...))
	for i := range one {
		one[i] ^= three[i]
	}
	return one[:]
}

// frame puts a header before a payload.
func frame(seq byte, payload []byte) []byte {
	n := len(payload)
	return append([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq}, payload...)
}

func (c *rawConn) write(payload []byte) {
	c.Conn.Write(frame(c.seq, payload))
	c.seq++
}

// read reads one packet of less than 16 MiB.
func (c *rawConn) read() ([]byte, error) {
	var h [4]byte
	if _, err := io.ReadFull(c.Conn, h[:]); err != nil {
		return nil, err
	}
	p := make([]byte, int(h[0])|int(h[1])<<8|int(h[2])<<16)
	c.seq = h[3] + 1
	_, err := io.ReadFull(c.Conn, p)
	return p, err
}

// command sends a command and returns the first packet of its answer.
func (c *rawConn) command(payload ...byte) ([]byte, error) {
	c.seq = 0
	c.write(payload)
	return c.read()
}

// errorNumber is the number in an ERR packet, 0 for another one.
func errorNumber(p []byte) int {
	if len(p) < 3 || p[0] != 0xff {
		return 0
	}
	return int(binary.LittleEndian.Uint16(p[1:]))
}

// TestMalformed sends what no client sends. It may cost the sender its
// connection and nobody else anything.
func TestMalformed(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2, sections: "\n[limits]\nhandshake_timeout = \"2s\"\n"})
	witness := c.client(t)
	witness.SetMaxOpenConns(1)
	var before, after int
	if err := witness.QueryRow("SELECT 1").Scan(&before); err != nil {
		t.Fatal(err)
	}
	scrambleless := loginPacket(make([]byte, 20))

	beforeLogin := map[string][]byte{
		"nothing":                {},
		"http":                   []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"zeros":                  make([]byte, 100),
		"ones":                   bytes.Repeat([]byte{0xff}, 100),
		"empty packet":           frame(1, nil),
		"one byte":               frame(1, []byte{1}),
		"wrong sequence":         frame(7, scrambleless),
		"16 MiB announced":       {0xff, 0xff, 0xff, 1},
		"16 MiB begun":           append([]byte{0xff, 0xff, 0xff, 1}, scrambleless...),
		"old protocol":           frame(1, []byte{0x01, 0x00, 0, 0, 1, 'a', 0, 'b', 0}),
		"tls request then text":  append(frame(1, append([]byte{0, 0x0a, 0, 0}, make([]byte, 28)...)), "not a tls record at all............"...),
		"tls request cut":        frame(1, []byte{0, 0x0a, 0, 0, 0, 0}),
		"user without end":       frame(1, append(append([]byte{}, scrambleless[:32]...), "user"...)),
		"auth longer than it is": frame(1, append(append([]byte{}, scrambleless[:32]...), 'a', 0, 250, 1, 2, 3)),
	}
	for cut := 4; cut < len(scrambleless); cut += 7 {
		beforeLogin[fmt.Sprint("login cut at ", cut)] = frame(1, scrambleless[:cut])
	}
	for name, sent := range beforeLogin {
		t.Run("before login/"+name, func(t *testing.T) {
			t.Parallel()
			raw, _ := dialRaw(t, c.Addr)
			raw.Write(sent)
			raw.wantEnd(t)
		})
	}

	for name, sent := range map[string][]byte{
		"empty packet":           frame(0, nil),
		"wrong sequence":         frame(3, []byte{0x0e}),
		"unknown command":        frame(0, []byte{0xc8, 1, 2, 3}),
		"sleep":                  frame(0, []byte{0}),
		"binlog dump":            frame(0, append([]byte{0x12}, make([]byte, 20)...)),
		"register slave":         frame(0, []byte{0x15}),
		"execute without id":     frame(0, []byte{0x17}),
		"execute cut":            frame(0, []byte{0x17, 1, 0, 0}),
		"execute of nothing":     frame(0, []byte{0x17, 9, 9, 9, 9, 0, 1, 0, 0, 0}),
		"fetch cut":              frame(0, []byte{0x1c, 1}),
		"fetch of nothing":       frame(0, []byte{0x1c, 9, 9, 9, 9, 1, 0, 0, 0}),
		"reset of nothing":       frame(0, []byte{0x1a, 9, 9, 9, 9}),
		"long data cut":          frame(0, []byte{0x18, 1}),
		"long data of nothing":   frame(0, []byte{0x18, 9, 9, 9, 9, 0, 0, 'x'}),
		"close cut":              frame(0, []byte{0x19}),
		"close of nothing":       frame(0, []byte{0x19, 9, 9, 9, 9}),
		"change user cut":        frame(0, []byte{0x11, 'a'}),
		"change user empty":      frame(0, []byte{0x11}),
		"database without name":  frame(0, []byte{0x02}),
		"field list cut":         frame(0, []byte{0x04, 's'}),
		"kill cut":               frame(0, []byte{0x0c, 1}),
		"set option cut":         frame(0, []byte{0x1b}),
		"set option unknown":     frame(0, []byte{0x1b, 9, 9}),
		"prepare of nothing":     frame(0, []byte{0x16}),
		"query of nothing":       frame(0, []byte{0x03}),
		"query of zeros":         frame(0, append([]byte{0x03}, make([]byte, 50)...)),
		"query of high bytes":    frame(0, append([]byte{0x03}, bytes.Repeat([]byte{0xfe, 0xff}, 50)...)),
		"query with open quote":  frame(0, append([]byte{0x03}, "SELECT data FROM sessions WHERE id = 'a"...)),
		"query with open remark": frame(0, append([]byte{0x03}, "SELECT 1 /* "...)),
		"packet cut":             {50, 0, 0, 0, 0x03, 'S'},
		"16 MiB announced":       {0xff, 0xff, 0xff, 0, 0x03},
		"deep nesting":           frame(0, append([]byte{0x03}, "SELECT "+strings.Repeat("(", 20000)+"1"+strings.Repeat(")", 20000)...)),
	} {
		t.Run("after login/"+name, func(t *testing.T) {
			t.Parallel()
			raw := loginRaw(t, c.Addr)
			raw.Write(sent)
			raw.Conn.(*net.TCPConn).CloseWrite()
			raw.wantEnd(t)
		})
	}

	t.Run("cut execute", func(t *testing.T) {
		raw := loginRaw(t, c.Addr)
		p, err := raw.command(append([]byte{0x16}, "INSERT INTO sessions (id, data, expires) VALUES (?, ?, ?)"...)...)
		if err != nil || p[0] != 0 {
			t.Fatalf("prepare: %q, %v", p, err)
		}
		whole := []byte{0x17, p[1], p[2], p[3], p[4], 0, 1, 0, 0, 0, 0, 1, 0xfd, 0, 0xfd, 0, 8, 0, 1, 'k', 1, 'v', 1, 0, 0, 0, 0, 0, 0, 0}
		for cut := 5; cut < len(whole); cut++ {
			raw := loginRaw(t, c.Addr)
			if p, err := raw.command(append([]byte{0x16}, "INSERT INTO sessions (id, data, expires) VALUES (?, ?, ?)"...)...); err != nil || p[0] != 0 {
				t.Fatalf("prepare: %q, %v", p, err)
			}
			raw.seq = 0
			raw.write(whole[:cut])
			raw.Conn.(*net.TCPConn).CloseWrite()
			raw.wantEnd(t)
		}
		c.wantPlaced(t, nil, []string{"k"})
	})

	// t.Run returns before its parallel parts have run; the witness looks when
	// they have.
	t.Cleanup(func() {
		if err := witness.QueryRow("SELECT 1").Scan(&after); err != nil {
			t.Errorf("another client's connection: %v", err)
		}
		c.wantWorks(t)
	})
}

// wantEnd reads until the connection ends, which it must within the deadline.
func (c *rawConn) wantEnd(t *testing.T) {
	t.Helper()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, c.Conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection is open and silent")
	}
}

// TestErrorNumbers of what only hand-made packets can ask.
func TestErrorNumbers(t *testing.T) {
	c := startCluster(t, options{stores: 2, copies: 2})
	raw := loginRaw(t, c.Addr)
	for _, q := range []struct {
		name    string
		payload []byte
		want    int
	}{
		{"execute of an unknown statement", []byte{0x17, 9, 9, 0, 0, 0, 1, 0, 0, 0}, 1243},
		{"reset of an unknown statement", []byte{0x1a, 9, 9, 0, 0}, 1243},
		{"fetch of an unknown statement", []byte{0x1c, 9, 9, 0, 0, 1, 0, 0, 0}, 1243},
		{"unknown command", []byte{0xc8}, 1047},
		{"binlog dump", append([]byte{0x12}, make([]byte, 12)...), 1047},
		{"unknown database", append([]byte{0x02}, "nonesuch"...), 1049},
		{"kill of nobody", []byte{0x0c, 0xff, 0xff, 0xff, 0x7f}, 1094},
		{"syntax error in a prepare", append([]byte{0x16}, "SELEKT 1"...), 1064},
		{"empty query", []byte{0x03}, 1065},
	} {
		p, err := raw.command(q.payload...)
		if err != nil {
			t.Fatalf("%s: %v", q.name, err)
		}
		if got := errorNumber(p); got != q.want {
			t.Errorf("%s: error %d (%q), want %d", q.name, got, p, q.want)
		}
	}
	// Commands without an answer leave the next one its own.
	raw.seq = 0
	raw.write([]byte{0x19, 9, 9, 0, 0})
	raw.seq = 0
	raw.write([]byte{0x18, 9, 9, 0, 0, 0, 0, 'x'})
	if p, err := raw.command(0x0e); err != nil || p[0] != 0 {
		t.Errorf("ping after them: %q, %v", p, err)
	}
}

// TestPipelining sends commands before the answers to earlier ones are read.
func TestPipelining(t *testing.T) {
	c := startCluster(t, options{stores: 3, copies: 2})
	raw := loginRaw(t, c.Addr)
	var all []byte
	const n = 200
	for i := range n {
		all = append(all, frame(0, []byte(fmt.Sprintf("\x03REPLACE INTO sessions (id, data) VALUES ('pipe%d', 'x')", i)))...)
		all = append(all, frame(0, []byte{0x0e})...)
	}
	go raw.Write(all)
	for i := range 2 * n {
		if p, err := raw.read(); err != nil || p[0] != 0 {
			t.Fatalf("answer %d: %q, %v", i, p, err)
		}
	}
	var keys []string
	for i := range n {
		keys = append(keys, fmt.Sprint("pipe", i))
	}
	c.wantPlaced(t, keys, nil)
}

// TestBeforeLoginMemory: lengths that strangers announce cost no memory.
func TestBeforeLoginMemory(t *testing.T) {
	c := startCluster(t, options{stores: 1, copies: 1})
	before := c.memory(t)
	for range 300 {
		raw, _ := dialRaw(t, c.Addr)
		raw.Write(append([]byte{0xff, 0xff, 0xff, 1}, make([]byte, 1000)...))
	}
	c.wantWorks(t)
	after := c.memory(t)
	t.Logf("resident memory: %d MiB, then %d MiB with 300 strangers", before>>20, after>>20)
	if !*race && after-before > 200<<20 {
		t.Errorf("300 strangers cost %d MiB", (after-before)>>20)
	}
}

// memory is the proxy's resident memory in bytes; 0 where /proc tells nothing.
func (c *cluster) memory(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", c.Pid()))
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return n * os.Getpagesize()
}
