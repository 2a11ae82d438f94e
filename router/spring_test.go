package router_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// The tables of Spring Session JDBC.
var springTables = []string{
	`CREATE TABLE app.SPRING_SESSION (PRIMARY_ID CHAR(36) NOT NULL, SESSION_ID CHAR(36) NOT NULL,
		CREATION_TIME BIGINT NOT NULL, LAST_ACCESS_TIME BIGINT NOT NULL, MAX_INACTIVE_INTERVAL INT NOT NULL,
		EXPIRY_TIME BIGINT NOT NULL, PRINCIPAL_NAME VARCHAR(100), CONSTRAINT SPRING_SESSION_PK PRIMARY KEY (PRIMARY_ID)) ENGINE=InnoDB`,
	`CREATE UNIQUE INDEX SPRING_SESSION_IX1 ON app.SPRING_SESSION (SESSION_ID)`,
	`CREATE INDEX SPRING_SESSION_IX2 ON app.SPRING_SESSION (EXPIRY_TIME)`,
	`CREATE TABLE app.SPRING_SESSION_ATTRIBUTES (SESSION_PRIMARY_ID CHAR(36) NOT NULL, ATTRIBUTE_NAME VARCHAR(200) NOT NULL,
		ATTRIBUTE_BYTES BLOB NOT NULL, CONSTRAINT SPRING_SESSION_ATTRIBUTES_PK PRIMARY KEY (SESSION_PRIMARY_ID, ATTRIBUTE_NAME),
		CONSTRAINT SPRING_SESSION_ATTRIBUTES_FK FOREIGN KEY (SESSION_PRIMARY_ID) REFERENCES SPRING_SESSION(PRIMARY_ID) ON DELETE CASCADE) ENGINE=InnoDB`,
}

// spring runs a proxy for these tables.
func spring(t *testing.T) (h *harness, addr string) {
	t.Helper()
	h = start(t, 4, 2)
	for _, db := range h.direct {
		for _, q := range springTables {
			h.exec(db, q)
		}
	}
	return h, h.serve(t, []rewrite.Table{{
		Name: "SPRING_SESSION", Key: "SESSION_ID", Surrogate: "PRIMARY_ID",
		Secondary: []rewrite.Secondary{{Name: "SPRING_SESSION_ATTRIBUTES", Column: "SESSION_PRIMARY_ID"}},
	}})
}

const (
	springInsert = "INSERT INTO SPRING_SESSION (PRIMARY_ID, SESSION_ID, CREATION_TIME, LAST_ACCESS_TIME, MAX_INACTIVE_INTERVAL, EXPIRY_TIME, PRINCIPAL_NAME) VALUES (?, ?, ?, ?, ?, ?, ?)"
	springAttr   = "INSERT INTO SPRING_SESSION_ATTRIBUTES (SESSION_PRIMARY_ID, ATTRIBUTE_NAME, ATTRIBUTE_BYTES) VALUES (?, ?, ?)"
	springAttrOf = "INSERT INTO SPRING_SESSION_ATTRIBUTES (SESSION_PRIMARY_ID, ATTRIBUTE_NAME, ATTRIBUTE_BYTES) SELECT PRIMARY_ID, ?, ? FROM SPRING_SESSION WHERE SESSION_ID = ?"
	springUpdate = "UPDATE SPRING_SESSION SET SESSION_ID = ?, LAST_ACCESS_TIME = ?, MAX_INACTIVE_INTERVAL = ?, EXPIRY_TIME = ?, PRINCIPAL_NAME = ? WHERE PRIMARY_ID = ?"
	springChange = "UPDATE SPRING_SESSION_ATTRIBUTES SET ATTRIBUTE_BYTES = ? WHERE SESSION_PRIMARY_ID = ? AND ATTRIBUTE_NAME = ?"
	springDrop   = "DELETE FROM SPRING_SESSION_ATTRIBUTES WHERE SESSION_PRIMARY_ID = ? AND ATTRIBUTE_NAME = ?"
	springRead   = "SELECT S.PRIMARY_ID, S.SESSION_ID, SA.ATTRIBUTE_NAME, SA.ATTRIBUTE_BYTES FROM SPRING_SESSION S " +
		"LEFT JOIN SPRING_SESSION_ATTRIBUTES SA ON S.PRIMARY_ID = SA.SESSION_PRIMARY_ID WHERE S.SESSION_ID = ?"
	springByUser = "SELECT S.PRIMARY_ID, S.SESSION_ID, SA.ATTRIBUTE_NAME, SA.ATTRIBUTE_BYTES FROM SPRING_SESSION S " +
		"LEFT JOIN SPRING_SESSION_ATTRIBUTES SA ON S.PRIMARY_ID = SA.SESSION_PRIMARY_ID WHERE S.PRINCIPAL_NAME = ? ORDER BY 2, 3"
)

// springAt is a session with its attributes, as each store has it that is up.
func (h *harness) springAt(primary string, want string, at ...uint16) {
	h.t.Helper()
	for i := range h.servers {
		if !h.servers[i].Running() {
			continue
		}
		got := strings.Join(h.strs(h.direct[i], "SELECT S.SESSION_ID, SA.ATTRIBUTE_NAME, SA.ATTRIBUTE_BYTES FROM app.SPRING_SESSION S "+
			"LEFT JOIN app.SPRING_SESSION_ATTRIBUTES SA ON S.PRIMARY_ID = SA.SESSION_PRIMARY_ID WHERE S.PRIMARY_ID = ? ORDER BY 2", primary), ",")
		holds := false
		for _, s := range at {
			holds = holds || int(s) == i
		}
		if expect := map[bool]string{true: want}[holds]; got != expect {
			h.t.Errorf("session %s at store %d is %q, want %q", primary, i, got, expect)
		}
	}
}

func TestSpringSession(t *testing.T) {
	h, addr := spring(t)
	for _, params := range []string{"", "interpolateParams=true", "clientFoundRows=true"} {
		db := h.openAt(addr, params)
		for i := range 6 {
			p, sid := fmt.Sprint("p-", i), fmt.Sprint("sid-", i)
			inTxn(t, db, func(tx *sql.Tx) {
				h.exec(tx, springInsert, p, sid, 1, 2, 1800, 100+i, nil)
				h.exec(tx, springAttr, p, "a", "x")
				h.exec(tx, springAttrOf, "b", "y", sid)
			})
			h.shows(db, p+"|"+sid+"|a|x,"+p+"|"+sid+"|b|y", springRead+" ORDER BY 3", sid)
			h.springAt(p, sid+"|a|x,"+sid+"|b|y", h.two(sid)...)
			inTxn(t, db, func(tx *sql.Tx) {
				if n := h.exec(tx, springUpdate, sid, 3, 1800, 100+i, "joe", p); n != 1 {
					t.Errorf("updated %d", n)
				}
				if n := h.exec(tx, springChange, "z", p, "a"); n != 1 {
					t.Errorf("updated %d attributes", n)
				}
			})
			h.springAt(p, sid+"|a|z,"+sid+"|b|y", h.two(sid)...)
			// changeSessionId
			moved := sid + "-moved"
			if n := h.exec(db, springUpdate, moved, 4, 1800, 100+i, "joe", p); n != 1 {
				t.Errorf("moved %d", n)
			}
			h.springAt(p, moved+"|a|z,"+moved+"|b|y", h.two(moved)...)
			h.shows(db, "", springRead, sid)
			if n := h.exec(db, springDrop, p, "b"); n != 1 {
				t.Errorf("deleted %d attributes", n)
			}
			h.springAt(p, moved+"|a|z", h.two(moved)...)
		}
		var want []string
		for i := range 6 {
			want = append(want, fmt.Sprintf("p-%d|sid-%d-moved|a|z", i, i))
		}
		h.shows(db, strings.Join(want, ","), springByUser, "joe")
		h.shows(db, "6", "SELECT COUNT(*) FROM SPRING_SESSION_ATTRIBUTES")
		h.shows(db, "a|6", "SELECT ATTRIBUTE_NAME, COUNT(*) FROM SPRING_SESSION_ATTRIBUTES GROUP BY ATTRIBUTE_NAME")
		h.fails(1452, db, springAttr, "nosuch", "a", "x")
		h.fails(1062, db, springAttr, "p-0", "a", "x")
		if n := h.exec(db, springChange, "z", "nosuch", "a"); n != 0 {
			t.Errorf("updated %d attributes of nothing", n)
		}
		if n := h.exec(db, "DELETE FROM SPRING_SESSION WHERE EXPIRY_TIME < ?", 103); n != 3 {
			t.Errorf("collected %d, want 3", n)
		}
		if n := h.exec(db, "DELETE FROM SPRING_SESSION WHERE SESSION_ID = ? AND MAX_INACTIVE_INTERVAL >= 0", "sid-3-moved"); n != 1 {
			t.Errorf("deleted %d, want 1", n)
		}
		for i := range 4 {
			h.springAt(fmt.Sprint("p-", i), "")
		}
		h.exec(db, "DELETE FROM SPRING_SESSION")
		h.shows(db, "0", "SELECT COUNT(*) FROM SPRING_SESSION_ATTRIBUTES")
	}
}

// TestSpringSessionWithAStoreDown: a store that stands in for another gets the
// attributes as well.
func TestSpringSessionWithAStoreDown(t *testing.T) {
	h, addr := spring(t)
	db := h.openAt(addr, "")
	for i := range 12 {
		p, sid := fmt.Sprint("p-", i), fmt.Sprint("sid-", i)
		h.exec(db, springInsert, p, sid, 1, 2, 1800, 100, "joe")
		h.exec(db, springAttr, p, "a", "x")
	}
	h.down(2)
	h.await("store down", func() bool { return h.stores[2].State() == store.Down })
	for i := range 12 {
		p, sid := fmt.Sprint("p-", i), fmt.Sprint("sid-", i)
		h.exec(db, springChange, "y", p, "a")
		h.exec(db, springAttr, p, "b", "new")
		var at []uint16
		for _, s := range h.order(sid) {
			if s != 2 && len(at) < 2 {
				at = append(at, s)
			}
		}
		h.springAt(p, sid+"|a|y,"+sid+"|b|new", at...)
	}
	if got := h.strs(db, springByUser, "joe"); len(got) != 24 {
		t.Errorf("%d rows by user, want 24", len(got))
	}
}

func inTxn(t *testing.T, db *sql.DB, f func(tx *sql.Tx)) {
	t.Helper()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	f(tx)
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
}
