package router_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/mariadbtest"
	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// okClient is a client that sees all of an OK packet.
type okClient struct {
	t    *testing.T
	conn *store.Conn
}

func newOKClient(t *testing.T, addr string, caps protocol.Capability) *okClient {
	t.Helper()
	st := store.New(store.Config{Name: addr, Network: "tcp", Addr: addr, Log: slog.New(slog.DiscardHandler)})
	var db *store.Session
	conn, err := st.Get(context.Background(), store.Login{User: mariadbtest.User, Password: mariadbtest.Password,
		Capabilities: caps, Collation: 45}, db.WithDB("app"), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Discard)
	return &okClient{t, conn}
}

func (c *okClient) ask(cmd protocol.Command, rest []byte, kind protocol.AnswerKind) ([]byte, *protocol.Answer) {
	c.t.Helper()
	c.conn.Begin(time.Time{})
	err := c.conn.Queue(append([]byte{byte(cmd)}, rest...))
	if err == nil {
		err = c.conn.Send()
	}
	if err == nil {
		_, err = c.conn.Await()
	}
	var f protocol.Framer
	f.Reset(kind, c.conn.DeprecateEOF(), 1)
	var frames []byte
	if err == nil {
		frames, err = c.conn.Read(&f, 1<<20)
	}
	if err != nil {
		c.t.Fatalf("%s: %v", rest, err)
	}
	return bytes.Clone(frames), f.Answer()
}

// run tells what an OK packet says.
func (c *okClient) run(sql string, prepared bool) string {
	c.t.Helper()
	frames, a := []byte(nil), (*protocol.Answer)(nil)
	if prepared {
		_, p := c.ask(protocol.ComStmtPrepare, []byte(sql), protocol.AnswerPrepare)
		if p.Err != nil {
			return p.Err.Error()
		}
		exec := append(binary.LittleEndian.AppendUint32(nil, p.StmtID), 0, 1, 0, 0, 0)
		frames, a = c.ask(protocol.ComStmtExecute, exec, protocol.AnswerResult)
	} else {
		frames, a = c.ask(protocol.ComQuery, []byte(sql), protocol.AnswerResult)
	}
	if a.Err != nil {
		return a.Err.Error()
	}
	ok, _, is := protocol.ParseOK(frames[4:])
	if !is {
		return "rows"
	}
	return fmt.Sprintf("affected %d warnings %d info %q", ok.AffectedRows, ok.Warnings, ok.Info)
}

// The text that goes with the answer to a write of several records is that of
// one server.
func TestInfoOfKeylessWrites(t *testing.T) {
	h := start(t, 4, 2)
	single := installed.Start(t, 1)[0]
	h.wire(single.Addr(), "", true, "CREATE DATABASE app", schema)
	for _, caps := range []protocol.Capability{0, protocol.ClientFoundRows, protocol.ClientDeprecateEOF,
		protocol.ClientDeprecateEOF | protocol.ClientFoundRows} {
		proxy, direct := newOKClient(t, h.addr, caps), newOKClient(t, single.Addr(), caps)
		for _, prepared := range []bool{false, true} {
			fill := "REPLACE INTO sessions (id, n, expires) VALUES ('k0', 0, 0)"
			for i := range 600 {
				fill += fmt.Sprintf(", ('k%d', %d, %d)", i, i, i%7)
			}
			for _, sql := range []string{
				"DELETE FROM sessions",
				fill,
				"UPDATE sessions SET expires = 3 WHERE n < 400",
				"UPDATE sessions SET expires = 3",
				"UPDATE sessions SET expires = 3 WHERE n < 500",
				"UPDATE sessions SET expires = 4 WHERE n > 10000",
				"UPDATE sessions SET expires = 5 WHERE id IN ('k1', 'k2', 'k3', 'nosuch')",
				"UPDATE sessions SET expires = 5 WHERE id IN ('k1', 'k2', 'k3', 'k4')",
				"UPDATE sessions SET expires = 6 WHERE n < 10 ORDER BY n LIMIT 4",
				"UPDATE IGNORE sessions SET expires = 'x' WHERE n < 5",
				"UPDATE sessions SET expires = 6 WHERE id = 'k1'",
				"UPDATE sessions SET expires = 6 WHERE id = 'k1'",
				"UPDATE sessions SET expires = 8 WHERE id = 'nosuch'",
				"DELETE FROM sessions WHERE n < 4",
				"DELETE FROM sessions WHERE id IN ('k9', 'k1', 'k10')",
			} {
				if got, want := proxy.run(sql, prepared), direct.run(sql, prepared); got != want {
					t.Errorf("%v, prepared %v: %.80s\n\tgot  %s\n\twant %s", caps, prepared, sql, got, want)
				}
			}
		}
	}
}
