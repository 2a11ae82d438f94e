package protocol

import (
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
)

// TestRefusedChangeUser has a client stay who it was, as at a real server.
func TestRefusedChangeUser(t *testing.T) {
	in, err := mariadbtest.Install()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	direct := realClient(t, in.Start(t, 1)[0].Addr(), false)
	own := startServer(t, nil).login(t)
	trace := func(c *rawClient) (list []string) {
		for range maxFailedChanges + 1 {
			c.send(t, ComChangeUser, mariadbtest.User+"\x00\x14"+strings.Repeat("a", 20)+"\x00\x21\x00"+pluginNative+"\x00")
			p := c.read(t)
			if p[0] == headerEOF {
				c.packet(t, []byte(strings.Repeat("b", 20)))
				p = c.read(t)
			}
			if e := ParseErr(p); e != nil {
				list = append(list, e.State+" "+e.Message)
			} else {
				list = append(list, string(p))
			}
			c.send(t, ComPing, "")
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
