package router_test

import (
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/realstore"
	"github.com/dsmproxy/dsmproxy/rewrite"
)

// startWithCase starts servers with the given lower_case_table_names; MySQL has
// only the one that it was installed with.
func startWithCase(t *testing.T, value string, n int) []*realstore.Server {
	t.Helper()
	if !installed.MariaDB() {
		return installed.Start(t, n)
	}
	return installed.Start(t, n, "--lower-case-table-names="+value)
}

func TestTableNamesWithoutCase(t *testing.T) {
	h := startBefore(t, startWithCase(t, "1", 3), 2, 1)
	c := h.conn("interpolateParams=true")
	table, column, schema := "SESSIONS", "ID", "APP"
	if !installed.MariaDB() {
		table, schema = "sessions", "app"
	}
	h.router.CheckNames(t.Context(), []rewrite.Table{{Name: "sessions", Key: "id"}})
	h.exec(c, "INSERT INTO "+table+" ("+column+", n) VALUES ('k1', 1)")
	h.exec(c, "INSERT INTO `"+schema+"`.`"+table+"` (n, `Id`) VALUES (2, 'k2')")
	h.exec(c, "UPDATE "+table+" AS s SET s.N = s.n + 1, data = UUID() WHERE s.Id = 'k1'")
	h.holders("k1", h.order("k1")[:2]...)
	h.holders("k2", h.order("k2")[:2]...)
	if got := rowsOf(t, c, "SELECT COUNT(*) AS c, SUM(n) AS s FROM "+schema+"."+table); got != "c=2 s=4" {
		t.Errorf("scatter: %s", got)
	}
	if got := rowsOf(t, c, "SELECT n FROM "+table+" WHERE iD = 'k2'"); got != "n=2" {
		t.Errorf("read: %s", got)
	}
	h.exec(c, "CREATE TABLE Users (Id int)")
	h.exec(c, "INSERT INTO Users VALUES (1)")
	if got := rowsOf(t, c, "SELECT id FROM Users"); !strings.EqualFold(got, "id=1") {
		t.Errorf("other table: %s", got)
	}
	h.fails(1235, c, "CREATE VIEW v AS SELECT * FROM "+table)
	if strings.Contains(h.log.String(), "disagree") {
		t.Error("stores that agree are said not to")
	}
}

func TestStoresThatDisagreeAboutCase(t *testing.T) {
	h := startBefore(t, append(startWithCase(t, "1", 1), startWithCase(t, "0", 1)...), 2, -1)
	h.router.CheckNames(t.Context(), []rewrite.Table{{Name: "sessions", Key: "id"}})
	if got := strings.Contains(h.log.String(), "stores disagree about the case of table names"); got != installed.MariaDB() {
		t.Errorf("told of: %v", got)
	}
}

func TestSessionTableThatIsAView(t *testing.T) {
	h := start(t, 3, 2)
	for _, d := range h.direct {
		h.exec(d, "CREATE DATABASE other")
		h.exec(d, "CREATE VIEW other.sessions AS SELECT * FROM app.sessions")
	}
	h.router.CheckNames(t.Context(), []rewrite.Table{{Name: "sessions", Key: "id"}})
	c := h.conn("")
	h.exec(c, "INSERT INTO sessions (id) VALUES ('k')")
	h.fails(1235, c, "SELECT * FROM other.sessions WHERE id = 'k'")
	h.exec(c, "USE other")
	h.fails(1235, c, "DELETE FROM sessions")
	h.fails(1235, c, "UPDATE sessions SET n = 1 WHERE id = 'k'")
	h.exec(c, "USE app")
	h.exec(c, "UPDATE sessions SET n = 1 WHERE id = 'k'")
	if !strings.Contains(h.log.String(), "session table is a view") {
		t.Error("not logged")
	}
}

// Tables of one name in two schemas are two tables.
func TestOneNameInTwoSchemas(t *testing.T) {
	h := start(t, 3, 2)
	c := h.conn("")
	h.exec(c, "CREATE DATABASE second")
	h.exec(c, "CREATE TABLE `second`.`sessions` LIKE app.sessions")
	h.exec(c, "INSERT INTO sessions (id, n) VALUES ('k', 1)")
	h.exec(c, "INSERT INTO second.sessions (id, n) VALUES ('k', 2)")
	for _, want := range []struct{ q, rows string }{
		{"SELECT n FROM sessions WHERE id = 'k'", "n=1"},
		{"SELECT n FROM second.sessions WHERE id = 'k'", "n=2"},
		{"SELECT second.sessions.n FROM `second` . `sessions` WHERE second.sessions.id = 'k'", "n=2"},
		{"SELECT SUM(n) AS s FROM second.sessions", "s=2"},
	} {
		if got := rowsOf(t, c, want.q); got != want.rows {
			t.Errorf("%s: %s, want %s", want.q, got, want.rows)
		}
	}
	h.exec(c, "USE second")
	if got := h.exec(c, "UPDATE sessions SET n = n + 1 WHERE id = 'k'"); got != 1 {
		t.Errorf("affected: %d", got)
	}
	if got := rowsOf(t, c, "SELECT a.n AS x, b.n AS y FROM (SELECT n FROM app.sessions WHERE id = 'k') a, (SELECT n FROM sessions WHERE id = 'k') b"); got != "x=1 y=3" {
		t.Errorf("both: %s", got)
	}
	h.exec(c, "DROP DATABASE second")
	h.fails(1046, c, "SELECT * FROM sessions WHERE id = 'k'")
	if got := rowsOf(t, c, "SELECT n FROM app.sessions WHERE id = 'k'"); got != "n=1" {
		t.Errorf("the other one: %s", got)
	}
}
