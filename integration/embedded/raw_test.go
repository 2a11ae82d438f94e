package main

import (
	"crypto/sha1"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// rawConn is a logged-in connection that speaks packets.
type rawConn struct {
	t *testing.T
	net.Conn
}

func dialRaw(t *testing.T, addr string) *rawConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	r := &rawConn{t, c}
	greeting := r.read()
	rest := greeting[1:]
	for i, b := range rest { // the version
		if b == 0 {
			rest = rest[i+1:]
			break
		}
	}
	salt := append(append([]byte(nil), rest[4:12]...), rest[31:43]...)
	const capabilities = 1 | 0x200 | 0x8000 | 0x80000 // LONG_PASSWORD, PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH
	login := binary.LittleEndian.AppendUint32(nil, capabilities)
	login = binary.LittleEndian.AppendUint32(login, 1<<24-1)
	login = append(login, 45)
	login = append(login, make([]byte, 23)...)
	login = append(login, "app\x00\x14"...)
	login = append(login, scramble(salt, "secret")...)
	login = append(login, "mysql_native_password\x00"...)
	r.write(1, login)
	if answer := r.read(); answer[0] != 0 {
		t.Fatalf("login: %q", answer)
	}
	return r
}

// scramble is mysql_native_password.
func scramble(salt []byte, password string) []byte {
	once := sha1.Sum([]byte(password))
	twice := sha1.Sum(once[:])
	mask := sha1.Sum(append(append([]byte(nil), salt...), twice[:]...))
	for i := range mask {
		mask[i] ^= once[i]
	}
	return mask[:]
}

// command sends a command that one packet answers, and returns that.
func (r *rawConn) command(command byte, payload string) []byte {
	r.t.Helper()
	r.write(0, append([]byte{command}, payload...))
	answer := r.read()
	if answer[0] == 0xff {
		r.t.Errorf("command %#x %s: %q", command, payload, answer)
	}
	return answer
}

func (r *rawConn) write(sequence byte, payload []byte) {
	r.t.Helper()
	n := len(payload)
	if _, err := r.Write(append([]byte{byte(n), byte(n >> 8), byte(n >> 16), sequence}, payload...)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rawConn) read() []byte {
	r.t.Helper()
	var header [4]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		r.t.Fatal(err)
	}
	payload := make([]byte, int(header[0])|int(header[1])<<8|int(header[2])<<16)
	if _, err := io.ReadFull(r, payload); err != nil {
		r.t.Fatal(err)
	}
	return payload
}
