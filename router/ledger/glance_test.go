package ledger

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dsmproxy/dsmproxy/router/fence"
	"github.com/dsmproxy/dsmproxy/router/view"
)

// TestGlance: a read under a lease learns of each version that was committed
// before, by whatever statement it asks for it, and does not look at the
// register.
func TestGlance(t *testing.T) {
	o := found(t)
	k := []fence.Key{key("a")}
	marks := make([]fence.Entry, 1)
	leased := o.guard()
	leased.Leased = true
	read := func(sql string) *text {
		t.Helper()
		st := &text{sql: sql}
		if err := o.Read(o.ctx(), leased, st, k, marks); err != nil {
			t.Fatalf("Read: %v", err)
		}
		return st
	}
	const sql = "SELECT data FROM app.sessions WHERE id='a'"
	if read(sql); marks[0].Known {
		t.Errorf("mark %+v of a record that is not there", marks[0])
	}
	for i := range 6 {
		id := uint64(10 + i)
		o.mustWrite(id, fmt.Sprintf("REPLACE INTO app.sessions (id, data) VALUES ('a', 'v%d')", i), k...)
		st := read(sql)
		if want := fmt.Sprintf("v%d", i); st.value() != want || !marks[0].Known || marks[0].Version.ID != id || marks[0].Version.N != uint64(i+1) || marks[0].Flags.Has(view.Clean) {
			t.Errorf("read %d: %q, mark %+v; want %q and the version of write %d", i, st.value(), marks[0], want, id)
		}
	}
	if got := o.comHandler(); got == "0" {
		t.Error("no version was asked for by HANDLER")
	}
	if err := o.MarkClean(o.ctx(), o.boot, []fence.Mark{{Key: k[0], Version: marks[0].Version}}); err != nil {
		t.Fatal(err)
	}
	if read(sql); !marks[0].Flags.Has(view.Clean) {
		t.Errorf("mark %+v, want it clean", marks[0])
	}

	open := func(t *testing.T) {
		before := o.comHandler()
		for begun := time.Now(); o.comHandler() == before; {
			if read(sql); time.Since(begun) > patience {
				t.Fatal("no version is asked for by HANDLER")
			}
		}
	}
	t.Run("made way for", func(t *testing.T) {
		// An idle connection keeps nobody from the table, and is of use again.
		ctx, cancel := context.WithTimeout(o.ctx(), time.Minute)
		defer cancel()
		for _, ddl := range []string{"FLUSH TABLES", "FLUSH TABLES dsm.ver", "ALTER TABLE dsm.ver COMMENT 'looked at'"} {
			open(t)
			if _, err := o.db.ExecContext(ctx, ddl); err != nil {
				t.Fatalf("%s: %v", ddl, err)
			}
			if read(sql); !marks[0].Known {
				t.Errorf("after %s: mark %+v", ddl, marks[0])
			}
		}
	})
	t.Run("closed", func(t *testing.T) {
		open(t)
		if st := read("HANDLER dsmproxy_ver CLOSE"); st.answer.Err != nil || !marks[0].Known {
			// It was closed before the version was asked for.
			t.Errorf("answer %+v, mark %+v", st.answer.Err, marks[0])
		}
	})
	t.Run("statement refused", func(t *testing.T) {
		for range 3 {
			if st := read("SELECT nothing FROM app.sessions"); st.answer.Err == nil || !marks[0].Known {
				t.Errorf("answer %+v, mark %+v", st.answer, marks[0])
			}
		}
	})
	t.Run("another view", func(t *testing.T) {
		g := leased
		g.View = o.view.WithTerm(9)
		if err := o.Read(o.ctx(), g, &text{sql: sql}, k, marks); err != nil {
			t.Errorf("Read = %v, want the register left alone", err)
		}
	})
	t.Run("another boot", func(t *testing.T) {
		g := leased
		g.Boot++
		if err := o.Read(o.ctx(), g, &text{sql: sql}, k, marks); err == nil || !strings.Contains(err.Error(), fence.ErrClosed.Error()) {
			t.Errorf("Read = %v, want ErrClosed", err)
		}
	})
}

func (o *one) comHandler() string {
	var name, n string
	if err := o.db.QueryRow("SHOW GLOBAL STATUS LIKE 'Com_ha_read'").Scan(&name, &n); err != nil {
		o.t.Fatal(err)
	}
	return n
}
