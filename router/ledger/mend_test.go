package ledger

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/fence"
)

// TestExamineAndMend: records that were changed behind the protocol's back are
// found not to be well, and are made what their primary has.
func TestExamineAndMend(t *testing.T) {
	w := newWorld(t, 300*time.Millisecond, "--innodb-flush-log-at-trx-commit=1")
	w.healed()
	g, ctx := w.groups[0], context.Background()
	record := func(store int, id string) string {
		o := &one{t: t, server: w.servers[store], db: openDB(t, w.servers[store])}
		return o.ask("SELECT data FROM app.sessions WHERE id='" + id + "'")
	}
	for n, c := range []struct {
		name, sql string
		at        int // 0 the primary, 1 the other holder, 2 the third store
		want      string
	}{
		{"as it is", "DO 0", 0, "v"},
		{"other data at the primary", "UPDATE app.sessions SET data='x' WHERE id='%s'", 0, "x"},
		{"other data at the copy", "UPDATE app.sessions SET data='x' WHERE id='%s'", 1, "v"},
		{"record lost at the copy", "DELETE FROM app.sessions WHERE id='%s'", 1, "v"},
		{"record lost at the primary", "DELETE FROM app.sessions WHERE id='%s'", 0, "-"},
		{"version lost at the copy", "DELETE FROM dsm.ver WHERE k='%s'", 1, "v"},
		{"version and record lost at the copy", "DELETE dsm.ver,app.sessions FROM dsm.ver JOIN app.sessions ON app.sessions.id=dsm.ver.k WHERE dsm.ver.k='%s'", 1, "v"},
		{"older version at the copy", "UPDATE dsm.ver SET n=0 WHERE k='%s'", 1, "v"},
		{"newer version at the copy", "UPDATE dsm.ver SET n=n+7 WHERE k='%s'", 1, "v"},
		{"a copy too many", "INSERT INTO app.sessions (id,data) VALUES ('%s','y')", 2, "v"},
	} {
		id := fmt.Sprintf("m%d", n)
		st := &text{sql: "INSERT INTO app.sessions (id,data) VALUES ('" + id + "','v')"}
		if err := g.Write(ctx, st, []fence.Key{key(id)}); err != nil || st.answer.Err != nil {
			t.Fatalf("%s: %v, %+v", c.name, err, st.answer)
		}
		e, err := g.Examine(ctx, []fence.Key{key(id)})
		if err != nil || !e[0].Well() || len(e[0].Holders) != 2 {
			t.Fatalf("%s: before: %+v, %v", c.name, e, err)
		}
		order := append([]int(nil), e[0].Holders...)
		order = append(order, 3-order[0]-order[1])
		o := &one{t: t, server: w.servers[order[c.at]], db: openDB(t, w.servers[order[c.at]])}
		sql := c.sql
		if n > 0 {
			sql = fmt.Sprintf(sql, id)
		}
		o.exec(sql)
		if e, err = g.Examine(ctx, []fence.Key{key(id)}); err != nil || e[0].Well() != (n == 0) {
			t.Errorf("%s: found well: %v, %v", c.name, e[0].Well(), err)
		}
		mended, err := g.Mend(ctx, []fence.Key{key(id)})
		if err != nil || mended != min(n, 1) {
			t.Errorf("%s: Mend = %d, %v, want %d", c.name, mended, err, min(n, 1))
		}
		if e, err = g.Examine(ctx, []fence.Key{key(id)}); err != nil || !e[0].Well() {
			t.Errorf("%s: not well after it was mended: %+v, %v", c.name, e, err)
		}
		if got := [3]string{record(order[0], id), record(order[1], id), record(order[2], id)}; got != [3]string{c.want, c.want, "-"} {
			t.Errorf("%s: the stores have %q, want %q twice", c.name, got, c.want)
		}
		read := &text{sql: "SELECT data FROM app.sessions WHERE id='" + id + "'"}
		if err := g.Read(ctx, read, []fence.Key{key(id)}); err != nil || read.value() != c.want {
			t.Errorf("%s: read %q, %v, want %q", c.name, read.value(), err, c.want)
		}
	}
}
