package router_test

import (
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/protocol"
)

// TestLatestStatement: MariaDB's connectors send PREPARE and EXECUTE in one go,
// with the id that means what was prepared last. Prisma's adapter does so in each
// request.
func TestLatestStatement(t *testing.T) {
	h := start(t, 2, 1)
	// In one go, as they are; what is told is that of both commands.
	oneGo := func(c *rawClient, sql string) string {
		c.command(protocol.ComStmtPrepare, []byte(sql)...)
		c.command(protocol.ComStmtExecute, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0)
		prepared, _ := c.answerOfPrepare()
		return prepared + " | " + c.answers(true)
	}
	proxy, direct := rawConnect(t, h.addr, "app", 0), rawConnect(t, h.servers[0].Addr(), "app", 0)
	for _, sql := range []string{
		"DO 1", "SELECT 1", "DO 2", // in the place of the one before
		"SELECT n FROM sessions WHERE id = 'k'", "UPDATE sessions SET n = 1 WHERE id = 'k'",
		"SELECT nothing FROM sessions", // with nothing that it could mean
		"DO 3",
	} {
		got, want := oneGo(proxy, sql), oneGo(direct, sql)
		if got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	// What the proxy refuses leaves nothing either: not the statement before.
	if got := oneGo(proxy, "CHECKSUM TABLE sessions"); !strings.Contains(got, "1235") || !strings.Contains(got, "1243") {
		t.Errorf("%s, want errors 1235 and 1243", got)
	}
	for _, c := range []*rawClient{proxy, direct} {
		oneGo(c, "DO 4")
		c.command(protocol.ComStmtClose, 0xff, 0xff, 0xff, 0xff)
		c.command(protocol.ComStmtExecute, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0)
		if got := c.answers(true); !strings.Contains(got, "1243") {
			t.Errorf("after COM_STMT_CLOSE: %s, want error 1243", got)
		}
	}
}
