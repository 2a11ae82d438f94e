package protocol

import (
	"io"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// TestRefusedChangeUser has a client stay who it was, or go, as at a real
// server.
func TestRefusedChangeUser(t *testing.T) {
	in, err := mariadbtest.Install()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	direct := realClient(t, in.Start(t, 1)[0].Addr(), false)
	own := startServer(t, func(s *Server) { s.Version = in.Version }).login(t)
	trace := func(c *rawClient) (list []string) {
		for range maxFailedChanges + 1 {
			c.send(t, ComChangeUser, mariadbtest.User+"\x00\x14"+strings.Repeat("a", 20)+"\x00\x21\x00"+pluginNative+"\x00")
			p := c.read(t)
			if p[0] == headerEOF {
				c.packet(t, []byte(strings.Repeat("b", 20)))
				p = c.read(t)
			}
			if p[0] == fastAuthOK[0] { // MySQL asks for the password itself
				c.packet(t, []byte{2})
				c.read(t)
				c.packet(t, []byte("no cipher text"))
				p = c.read(t)
			}
			if e := ParseErr(p); e != nil {
				list = append(list, e.State+" "+e.Message)
			} else {
				list = append(list, string(p))
			}
			c.send(t, ComPing, "")
			if !in.MariaDB() {
				if p, err := c.ReadPacket(1 << 16); err != io.EOF {
					t.Errorf("behind the refusal: %q, %v, want the end of the connection", p, err)
				}
				return list
			}
			c.expectOK(t)
		}
		return list
	}
	got, want := trace(own), trace(direct)
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("the %dth time: %s, want %s", i+1, got[i], want[i])
		}
	}
}

// TestRefusedChangeUserOfMySQL has a client go whose new user is refused, as
// MySQL does.
func TestRefusedChangeUserOfMySQL(t *testing.T) {
	c := startServer(t, func(s *Server) { s.Version = func() string { return "9.7.4" } }).login(t)
	c.send(t, ComChangeUser, "other\x00\x00\x00\x21\x00"+pluginNative+"\x00")
	c.packet(t, scrambleNative(c.expectSwitch(t, pluginNative), "wrong"))
	c.expectError(t, ErrAccessDenied)
	c.expectEnd(t)
}
