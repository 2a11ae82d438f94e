package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/internal/realstore"
	"github.com/go-sql-driver/mysql"
)

// durable has a store lose nothing by a restart.
const durable = "--innodb-flush-log-at-trx-commit=1"

// TestStoreMoves changes a store's address under clients, by a reload alone: to
// where its data has been moved, to an empty server, and to an old copy of its
// data. It is refused while the store runs where it was, where nobody answers,
// and where the server is a store of others.
func TestStoreMoves(t *testing.T) {
	c := startCluster(t, options{stores: 3, copies: 2, storeArgs: []string{"--max-connections=2000", durable}})
	s2 := c.node(t, "s2")
	spare := suite.Servers.Start(t, 2, "--max-connections=2000", durable)
	command := func(want string, args ...string) {
		t.Helper()
		if out, ok := c.run(t, args...); ok != (want == "") || !strings.Contains(out, want) {
			t.Fatalf("dsmproxy %s: %s, want %q", strings.Join(args, " "), out, want)
		}
	}
	addr := s2.Addr()
	move := func(to string) {
		t.Helper()
		c.edit(t, fmt.Sprintf("addr = %q", addr), fmt.Sprintf("addr = %q", to))
		addr = to
	}
	arrive := func(to *realstore.Server) {
		t.Helper()
		move(to.Addr())
		command("", "reload")
		s2.Server, s2.db = to, open(t, to.Addr(), func(c *mysql.Config) { c.MultiStatements = true })
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fill := func(from, to int) (keys []string) {
		for i := from; i < to; i++ {
			keys = append(keys, fmt.Sprint("moved-", i))
			mustExec(t, c.client(t), fmt.Sprintf("REPLACE INTO sessions (id, data) VALUES ('moved-%d', 'v')", i))
		}
		return keys
	}
	keys := fill(0, 40)
	l := c.startLoad(t, 12, 0, 1)
	l.wantProgress(200)

	first, empty, moved := s2.Server, spare[0], spare[1]
	move(empty.Addr())
	command("store s2 still runs where it was", "reload")
	move("127.0.0.1:1")
	command("can't be asked whether it is store s2", "reload")

	// To another port, with its data. No store can be spared before the first heal.
	c.awaitHeal(t)
	command("", "drain", "s2")
	first.Shutdown(t.Context())
	copied := filepath.Join(t.TempDir(), "copied")
	must(first.Snapshot(copied))
	must(moved.Rewind(t.Context(), copied))
	arrive(moved)
	command("", "undrain", "s2")
	c.awaitHeal(t)
	l.wantProgress(200)
	if log := c.Log.String(); !strings.Contains(log, `msg="store admitted again" store=s2`) || strings.Contains(log, "lost its memory") {
		t.Error("the store that was moved has not been taken for the one that it is")
	}

	// To a server that knows nothing.
	command("", "drain", "s2")
	moved.Shutdown(t.Context())
	arrive(empty)
	command("", "undrain", "s2")
	c.awaitHeal(t)
	l.wantProgress(200)
	if log := c.Log.String(); !strings.Contains(log, "store moves to a server without its memory") || strings.Count(log, "store has lost its memory") != 1 {
		t.Error("the empty server has not been found to be one")
	}
	l.stop()
	l.judge("2 moves", 2)
	l.verify(c.client(t))
	c.wantPlaced(t, keys, nil)

	// To what it was before: that is older than what the others remember.
	keys = append(keys, fill(40, 60)...)
	empty.Shutdown(t.Context())
	must(first.Restart(t.Context()))
	arrive(first)
	eventually(t, time.Minute, "the old copy to be found out", func() bool {
		return strings.Count(c.Log.String(), "store has lost its memory") == 2
	})
	c.awaitHeal(t)
	c.wantPlaced(t, keys, nil)

	// To a store that no proxy of this group has looked at.
	first.Shutdown(t.Context())
	must(empty.Restart(t.Context()))
	mustExec(t, open(t, empty.Addr()), "DELETE FROM dsm.proxy")
	move(empty.Addr())
	command("is a store s2 of others", "reload")
	move(first.Addr())
	must(first.Restart(t.Context()))
	command("", "reload")
	c.awaitHeal(t)
}
